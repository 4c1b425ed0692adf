//! Every method: its name, its types, what it does.

/// A method that clients can call.
#[derive(Debug)]
pub(super) struct Method {
    /// Without its namespace.
    pub(super) name: &'static str,
    /// Result first, then parameters.
    pub(super) types: &'static [&'static str],
    /// How many parameters may be left out.
    pub(super) optional: usize,
    /// For people.
    pub(super) help: &'static str,
}

const fn method(
    name: &'static str,
    types: &'static [&'static str],
    optional: usize,
    help: &'static str,
) -> Method {
    Method {
        name,
        types,
        optional,
        help,
    }
}

/// `system.*`, sorted.
pub(super) const SYSTEM: [Method; 4] = [
    method(
        "listMethods",
        &["array"],
        0,
        "The names of all methods that can be called, sorted.\n\n@return array result  Method names",
    ),
    method(
        "methodHelp",
        &["string", "string"],
        0,
        "What a method does and which parameters it takes.\n\n@param string name  A method's name\n@return string result  A text for people",
    ),
    method(
        "methodSignature",
        &["array", "string"],
        0,
        "The types a method works with: that of its result, then those of its parameters.\n\n@param string name  A method's name\n@return array result  Names of types",
    ),
    method(
        "multicall",
        &["array", "array"],
        0,
        "Makes several calls in one request, one after the other; one that waits holds back those behind it.\nEach call is a struct {'methodName': string, 'params': array}. Each result is what the call\nreturns, or a struct {'faultCode': int, 'faultString': string}.\n\n@param array calls  The calls\n@return array result  Their results, in the same order",
    ),
];

const INFO_HELP: &str = "All that is known of a process: name, group, start, stop, now (seconds since the epoch), state,\nstatename, spawnerr, exitstatus, stdout_logfile, stderr_logfile, pid and a description for people.\n\n@param string name  The process: 'group:name', or 'name' where both are the same\n@return struct result  The information";
const READ_OUT_HELP: &str = "Reads from the log of a process's standard output. A length of 0 reads to the end; a negative\noffset with a length of 0 reads that many bytes at the end.\n\n@param string name  The process: 'group:name', or 'name' where both are the same\n@param int offset  Where to begin, in bytes\n@param int length  How many bytes to read\n@return string result  What the log holds there";
const READ_ERR_HELP: &str = "Reads from the log of a process's standard error. A length of 0 reads to the end; a negative\noffset with a length of 0 reads that many bytes at the end.\n\n@param string name  The process: 'group:name', or 'name' where both are the same\n@param int offset  Where to begin, in bytes\n@param int length  How many bytes to read\n@return string result  What the log holds there";
const READ_MAIN_HELP: &str = "Reads from the daemon's own log. A length of 0 reads to the end; a negative offset with a length\nof 0 reads that many bytes at the end.\n\n@param int offset  Where to begin, in bytes\n@param int length  How many bytes to read\n@return string result  What the log holds there";
const TAIL_OUT_HELP: &str = "The end of the log of a process's standard output, for clients that ask again and again with the\noffset they got. If more than 'length' bytes have come since, only the last of them are given\nand 'overflow' is true.\n\n@param string name  The process: 'group:name', or 'name' where both are the same\n@param int offset  The log's size as the client knows it\n@param int length  How many bytes to give at most\n@return array result  [string bytes, int offset, bool overflow]";
const TAIL_ERR_HELP: &str = "The end of the log of a process's standard error, for clients that ask again and again with the\noffset they got. If more than 'length' bytes have come since, only the last of them are given\nand 'overflow' is true.\n\n@param string name  The process: 'group:name', or 'name' where both are the same\n@param int offset  The log's size as the client knows it\n@param int length  How many bytes to give at most\n@return array result  [string bytes, int offset, bool overflow]";
const CLEAR_HELP: &str = "Empties both logs of a process.\n\n@param string name  The process: 'group:name', or 'name' where both are the same\n@return boolean result  Always true, or a fault";
const VERSION_HELP: &str = "The version of these methods.\n\n@return string result  The version";

/// `supervisor.*`, sorted.
pub(super) const SUPERVISOR: [Method; 37] = [
    method(
        "addProcessGroup",
        &["boolean", "string"],
        0,
        "Makes a group of the configuration active and starts what starts by itself.\n\n@param string name  The group\n@return boolean result  Always true, or a fault",
    ),
    method(
        "clearAllProcessLogs",
        &["array"],
        0,
        "Empties the logs of all processes.\n\n@return array result  A status struct {name, group, status, description} for each process",
    ),
    method(
        "clearLog",
        &["boolean"],
        0,
        "Empties the daemon's own log.\n\n@return boolean result  Always true, or a fault",
    ),
    method("clearProcessLog", &["boolean", "string"], 0, CLEAR_HELP),
    method("clearProcessLogs", &["boolean", "string"], 0, CLEAR_HELP),
    method("getAPIVersion", &["string"], 0, VERSION_HELP),
    method(
        "getAllConfigInfo",
        &["array"],
        0,
        "The configuration of every process, active or not, as a struct each.\n\n@return array result  Structs, sorted by process name",
    ),
    method(
        "getAllProcessInfo",
        &["array"],
        0,
        "All that is known of every process, as getProcessInfo gives it for one.\n\n@return array result  Structs, sorted by group and name",
    ),
    method(
        "getIdentification",
        &["string"],
        0,
        "The name this daemon was given in its configuration.\n\n@return string result  The identifier",
    ),
    method(
        "getPID",
        &["int"],
        0,
        "The daemon's own pid.\n\n@return int result  The pid",
    ),
    method("getProcessInfo", &["struct", "string"], 0, INFO_HELP),
    method(
        "getState",
        &["struct"],
        0,
        "What the daemon as a whole is doing.\n\n@return struct result  {int statecode, string statename}",
    ),
    method(
        "getSupervisorVersion",
        &["string"],
        0,
        "The version of Supervisor that this daemon behaves like.\n\n@return string result  The version",
    ),
    method("getVersion", &["string"], 0, VERSION_HELP),
    method("readLog", &["string", "int", "int"], 0, READ_MAIN_HELP),
    method("readMainLog", &["string", "int", "int"], 0, READ_MAIN_HELP),
    method(
        "readProcessLog",
        &["string", "string", "int", "int"],
        0,
        READ_OUT_HELP,
    ),
    method(
        "readProcessStderrLog",
        &["string", "string", "int", "int"],
        0,
        READ_ERR_HELP,
    ),
    method(
        "readProcessStdoutLog",
        &["string", "string", "int", "int"],
        0,
        READ_OUT_HELP,
    ),
    method(
        "reloadConfig",
        &["array"],
        0,
        "Reads the configuration again. Nothing is started or stopped; the result says which groups\ncould be added, are not as they were, or could be removed.\n\n@return array result  [[added, changed, removed]], each an array of group names",
    ),
    method(
        "removeProcessGroup",
        &["boolean", "string"],
        0,
        "Makes a group inactive; all its processes must be stopped.\n\n@param string name  The group\n@return boolean result  Always true, or a fault",
    ),
    method(
        "restart",
        &["boolean"],
        0,
        "Stops everything, reads the configuration again and starts anew.\n\n@return boolean result  Always true, or a fault",
    ),
    method(
        "sendProcessStdin",
        &["boolean", "string", "string"],
        0,
        "Writes to the standard input of a process.\n\n@param string name  The process: 'group:name', or 'name' where both are the same\n@param string chars  What to write\n@return boolean result  Always true, or a fault",
    ),
    method(
        "sendRemoteCommEvent",
        &["boolean", "string", "string"],
        0,
        "Sends event listeners a REMOTE_COMMUNICATION event.\n\n@param string type  The type that the event's header names\n@param string data  The event's body\n@return boolean result  Always true",
    ),
    method(
        "shutdown",
        &["boolean"],
        0,
        "Stops everything and ends the daemon.\n\n@return boolean result  Always true",
    ),
    method(
        "signalAllProcesses",
        &["array", "string"],
        0,
        "Sends every process that runs a signal.\n\n@param string signal  Its name or number\n@return array result  A status struct {name, group, status, description} for each process",
    ),
    method(
        "signalProcess",
        &["boolean", "string", "string"],
        0,
        "Sends a process, or all processes of a group ('group:*'), a signal.\n\n@param string name  The process: 'group:name', or 'name' where both are the same\n@param string signal  Its name or number\n@return boolean result  Always true, or a fault",
    ),
    method(
        "signalProcessGroup",
        &["array", "string", "string"],
        0,
        "Sends every process of a group that runs a signal.\n\n@param string name  The group\n@param string signal  Its name or number\n@return array result  A status struct {name, group, status, description} for each process",
    ),
    method(
        "startAllProcesses",
        &["array", "boolean"],
        1,
        "Starts every process that does not run.\n\n@param boolean wait  Answer when all of them are up; true if left out\n@return array result  A status struct {name, group, status, description} for each process",
    ),
    method(
        "startProcess",
        &["boolean", "string", "boolean"],
        1,
        "Starts a process, or all processes of a group ('group:*').\n\n@param string name  The process: 'group:name', or 'name' where both are the same\n@param boolean wait  Answer when it is up; true if left out\n@return boolean result  Always true, or a fault",
    ),
    method(
        "startProcessGroup",
        &["array", "string", "boolean"],
        1,
        "Starts every process of a group that does not run.\n\n@param string name  The group\n@param boolean wait  Answer when all of them are up; true if left out\n@return array result  A status struct {name, group, status, description} for each process",
    ),
    method(
        "stopAllProcesses",
        &["array", "boolean"],
        1,
        "Stops every process that runs.\n\n@param boolean wait  Answer when all of them are stopped; true if left out\n@return array result  A status struct {name, group, status, description} for each process",
    ),
    method(
        "stopProcess",
        &["boolean", "string", "boolean"],
        1,
        "Stops a process, or all processes of a group ('group:*').\n\n@param string name  The process: 'group:name', or 'name' where both are the same\n@param boolean wait  Answer when it is stopped; true if left out\n@return boolean result  Always true, or a fault",
    ),
    method(
        "stopProcessGroup",
        &["array", "string", "boolean"],
        1,
        "Stops every process of a group that runs.\n\n@param string name  The group\n@param boolean wait  Answer when all of them are stopped; true if left out\n@return array result  A status struct {name, group, status, description} for each process",
    ),
    method(
        "tailProcessLog",
        &["array", "string", "int", "int"],
        0,
        TAIL_OUT_HELP,
    ),
    method(
        "tailProcessStderrLog",
        &["array", "string", "int", "int"],
        0,
        TAIL_ERR_HELP,
    ),
    method(
        "tailProcessStdoutLog",
        &["array", "string", "int", "int"],
        0,
        TAIL_OUT_HELP,
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted_and_help_names_every_parameter() {
        for table in [&SYSTEM[..], &SUPERVISOR] {
            assert!(table.is_sorted_by_key(|method| method.name));
            for method in table {
                let params = method.help.matches("@param").count();
                assert_eq!(params + 1, method.types.len(), "{}", method.name);
                assert_eq!(method.help.matches("@return").count(), 1);
                for (line, kind) in method
                    .help
                    .lines()
                    .filter(|l| l.starts_with("@param"))
                    .zip(&method.types[1..])
                {
                    assert_eq!(line.split(' ').nth(1), Some(*kind), "{}", method.name);
                }
            }
        }
    }
}
