//! `[program:x]` and its relatives: one section, as many processes as `numprocs` says.

use super::expand::Value;
use super::reader::{Label, Names, Reader, name_part};
use super::schema::{Key, program as key};
use super::{LogTarget, OutputConfig, ProcessConfig, User, values};
use alloc::{borrow::Cow, format, string::String, vec::Vec};

/// Most processes one section may ask for. The reference has no limit but the memory.
pub const NUMPROCS_MAX: i64 = 100_000;

/// What all processes of a section share.
struct Program<'a> {
    section: &'a str,
    /// The process that all others are copies of.
    model: ProcessConfig,
    numprocs: i64,
    numprocs_start: i64,
    process_name: Cow<'a, str>,
    environment: &'a str,
}

/// Reads a program's section; the processes get `daemon_environment` below their own. Errors
/// name the section and the file where it begins.
pub(super) fn read(
    reader: &mut Reader<'_, '_>,
    section: &str,
    group: &str,
    daemon_environment: &[(String, String)],
) -> Vec<ProcessConfig> {
    reader.within = Some(String::from(section));
    let processes = processes(reader, section, group, daemon_environment);
    reader.within = None;
    processes
}

fn processes(
    reader: &mut Reader<'_, '_>,
    section: &str,
    group: &str,
    daemon_environment: &[(String, String)],
) -> Vec<ProcessConfig> {
    let name = match values::name(&name_part(section)) {
        Ok(name) => name,
        Err(text) => {
            reader.fail(section, "", &text);
            return Vec::new();
        }
    };
    let fixed = [
        ("here", Value::Text(reader.source.here)),
        ("program_name", Value::Text(&name)),
        (
            "host_node_name",
            Value::Text(&reader.source.options.host_name),
        ),
        ("group_name", Value::Text(group)),
    ];
    let before = reader.findings.errors.len();
    let Some(program) = shared(reader, section, Names::fixed(&fixed)) else {
        return Vec::new();
    };
    let mut processes = Vec::new();
    let end = program.numprocs_start.saturating_add(program.numprocs);
    for number in program.numprocs_start..end {
        let [here, program_name, host, group] = fixed;
        let fixed = [
            here,
            program_name,
            host,
            group,
            ("process_num", Value::Number(number)),
            ("numprocs", Value::Number(program.numprocs)),
        ];
        let first = number == program.numprocs_start;
        let process = numbered(reader, &program, &fixed, first, daemon_environment);
        processes.extend(process);
        if reader.findings.errors.len() > before {
            // The next numbers have the same problems.
            break;
        }
    }
    processes
}

/// Reads what does not depend on the process's number.
fn shared<'s, 'a: 's>(
    reader: &mut Reader<'a, '_>,
    section: &'s str,
    names: Names<'_>,
) -> Option<Program<'s>> {
    let mut model = ProcessConfig::new("", "");
    let mut number = |key: &Key| reader.get(section, key, names, values::python_int);
    model.priority = number(&key::PRIORITY).unwrap_or_default();
    let autostart = reader.get(section, &key::AUTOSTART, names, values::boolean);
    model.autostart = autostart.unwrap_or_default();
    if let Some(value) = reader.get(section, &key::AUTORESTART, names, values::auto_restart) {
        model.autorestart = value;
    }
    let mut number = |key: &Key| reader.get(section, key, names, values::python_int);
    model.startsecs = number(&key::STARTSECS).unwrap_or_default();
    model.startretries = number(&key::STARTRETRIES).unwrap_or_default();
    if let Some(value) = reader.get(section, &key::STOPSIGNAL, names, values::signal) {
        model.stopsignal = value;
    }
    let stopwaitsecs = reader.get(section, &key::STOPWAITSECS, names, values::python_int);
    model.stopwaitsecs = stopwaitsecs.unwrap_or_default();
    let mut flag = |key: &Key| reader.get(section, key, names, values::boolean);
    model.stopasgroup = flag(&key::STOPASGROUP).unwrap_or_default();
    let killasgroup = flag(&key::KILLASGROUP);
    model.killasgroup = killasgroup.unwrap_or(model.stopasgroup);
    let exitcodes = reader.get(section, &key::EXITCODES, names, values::exit_codes);
    model.exitcodes = exitcodes.unwrap_or_default();
    let redirect = reader.get(section, &key::REDIRECT_STDERR, names, values::boolean);
    model.redirect_stderr = redirect.unwrap_or_default();
    let numprocs = reader.get(section, &key::NUMPROCS, names, values::python_int);
    let start = reader.get(section, &key::NUMPROCS_START, names, values::python_int);
    let environment = reader.raw(section, &key::ENVIRONMENT).unwrap_or_default();
    for (output, keys) in [(&mut model.stdout, &STDOUT), (&mut model.stderr, &STDERR)] {
        let capture = reader.get(section, keys.capture_maxbytes, names, values::byte_size);
        output.capture_maxbytes = capture.unwrap_or_default();
        let events = reader.get(section, keys.events_enabled, names, values::boolean);
        output.events_enabled = events.unwrap_or_default();
    }
    model.serverurl = server_url(reader, section, names);
    model.user = user(reader, section, names);
    model.umask = reader.get(section, &key::UMASK, names, values::octal);
    let process_name = reader.raw(section, &key::PROCESS_NAME).unwrap_or_default();
    check_name(reader, section, process_name, numprocs.unwrap_or(1));
    if model.stopasgroup && !model.killasgroup {
        let text = "Cannot set stopasgroup=true and killasgroup=false";
        reader.fail(section, key::KILLASGROUP.name, text);
    }
    let numprocs = numprocs.unwrap_or(1);
    if numprocs > NUMPROCS_MAX {
        let text = format!("numprocs is {numprocs}, and at most {NUMPROCS_MAX} are supported");
        reader.fail(section, key::NUMPROCS.name, &text);
        return None;
    }
    Some(Program {
        section,
        model,
        numprocs,
        numprocs_start: start.unwrap_or_default(),
        process_name: Cow::Borrowed(super::scan::py_strip(process_name)),
        environment,
    })
}

/// The name as it is written must be one; what its expansions give is not looked at again.
fn check_name(reader: &mut Reader<'_, '_>, section: &str, process_name: &str, numprocs: i64) {
    if let Err(text) = values::name(process_name) {
        reader.fail(section, key::PROCESS_NAME.name, &text);
    }
    if numprocs > 1 && !process_name.contains("%(process_num)") {
        let text = "%(process_num) must be present within process_name when numprocs > 1";
        reader.fail(section, key::PROCESS_NAME.name, text);
    }
}

fn server_url(reader: &mut Reader<'_, '_>, section: &str, names: Names<'_>) -> Option<String> {
    let url = reader.text(section, &key::SERVERURL, names)?;
    let auto = super::scan::py_strip(&url).to_uppercase() == "AUTO";
    (!auto && !url.is_empty()).then(|| url.into_owned())
}

/// The `user` of a section.
pub(super) fn user(reader: &mut Reader<'_, '_>, section: &str, names: Names<'_>) -> Option<User> {
    reader.get_with(section, &key::USER, names, |lookups, text| {
        lookups.user(text)
    })
}

/// Reads what may depend on the process's number.
fn numbered(
    reader: &mut Reader<'_, '_>,
    program: &Program<'_>,
    fixed: &[(&'static str, Value<'_>)],
    first: bool,
    daemon_environment: &[(String, String)],
) -> Option<ProcessConfig> {
    let section = program.section;
    let mut process = program.model.clone();
    let names = Names::fixed(fixed);
    let label = key::ENVIRONMENT.name;
    let pairs = reader.expand(section, label, Label::Key, program.environment, names);
    let pairs = match pairs.map(|text| super::key_value_pairs(&text)) {
        Some(Err(text)) => {
            reader.fail(section, label, &text);
            Vec::new()
        }
        Some(Ok(pairs)) => pairs,
        None => Vec::new(),
    };
    let names = Names { fixed, own: &pairs };
    let directory = reader.text(section, &key::DIRECTORY, names);
    process.directory = directory.map(Cow::into_owned);
    output(reader, section, &STDOUT, &mut process.stdout, names, first);
    output(reader, section, &STDERR, &mut process.stderr, names, first);
    if process.redirect_stderr {
        if first && matches!(process.stderr.logfile, LogTarget::File(_)) {
            let text = format!(
                "For [{section}], redirect_stderr=true but stderr_logfile has also been set to a filename, the filename has been ignored"
            );
            let place = reader
                .source
                .document
                .place(section, key::STDERR_LOGFILE.name);
            reader.findings.warn_known(text, place);
        }
        process.stderr.logfile = LogTarget::None;
    }
    if reader
        .source
        .document
        .value(section, key::COMMAND.name)
        .is_none()
    {
        let text = format!("program section {section} does not specify a command");
        reader.fail(section, "", &text);
    }
    let command = reader.text(section, &key::COMMAND, names);
    let label = key::PROCESS_NAME.name;
    let name = reader.expand(section, label, Label::Key, &program.process_name, names);
    process.environment = merged(daemon_environment, pairs);
    process.command = command?.into_owned();
    process.name = name?.into_owned();
    Some(process)
}

/// The daemon's variables with the program's own on top; a variable keeps its place.
fn merged(daemon: &[(String, String)], own: Vec<(String, String)>) -> Vec<(String, String)> {
    if daemon.is_empty() {
        return own;
    }
    let mut all = daemon.to_vec();
    for (name, value) in own {
        match all.iter_mut().find(|(known, _)| *known == name) {
            Some(pair) => pair.1 = value,
            None => all.push((name, value)),
        }
    }
    all
}

/// The keys of one output stream.
struct OutputKeys {
    logfile: &'static Key,
    maxbytes: &'static Key,
    backups: &'static Key,
    capture_maxbytes: &'static Key,
    events_enabled: &'static Key,
    syslog: &'static Key,
}

static STDOUT: OutputKeys = OutputKeys {
    logfile: &key::STDOUT_LOGFILE,
    maxbytes: &key::STDOUT_LOGFILE_MAXBYTES,
    backups: &key::STDOUT_LOGFILE_BACKUPS,
    capture_maxbytes: &key::STDOUT_CAPTURE_MAXBYTES,
    events_enabled: &key::STDOUT_EVENTS_ENABLED,
    syslog: &key::STDOUT_SYSLOG,
};

static STDERR: OutputKeys = OutputKeys {
    logfile: &key::STDERR_LOGFILE,
    maxbytes: &key::STDERR_LOGFILE_MAXBYTES,
    backups: &key::STDERR_LOGFILE_BACKUPS,
    capture_maxbytes: &key::STDERR_CAPTURE_MAXBYTES,
    events_enabled: &key::STDERR_EVENTS_ENABLED,
    syslog: &key::STDERR_SYSLOG,
};

fn output(
    reader: &mut Reader<'_, '_>,
    section: &str,
    keys: &OutputKeys,
    output: &mut OutputConfig,
    names: Names<'_>,
    first: bool,
) {
    if let Some(text) = reader.text(section, keys.logfile, names) {
        // The reference expands this value twice.
        let text = reader.expand_again(text, names);
        match values::log_target(&text, reader.lookups) {
            Ok(target) => output.logfile = target,
            Err(text) => reader.fail(section, keys.logfile.name, &text),
        }
    }
    let backups = reader.get(section, keys.backups, names, values::backups);
    output.backups = backups.unwrap_or_default();
    let maxbytes = reader.get(section, keys.maxbytes, names, values::byte_size);
    output.maxbytes = maxbytes.unwrap_or_default();
    let syslog = reader.get(section, keys.syslog, names, values::boolean);
    output.syslog = syslog.unwrap_or_default();
    let mut warnings = Vec::new();
    match output.logfile {
        LogTarget::Syslog => {
            warnings.push(format!(
                "For [{section}], {0}=syslog but this is deprecated and will be removed.  Use {1}=true to enable syslog instead.",
                keys.logfile.name, keys.syslog.name
            ));
            output.logfile = LogTarget::None;
            output.syslog = true;
        }
        LogTarget::Auto if output.maxbytes == 0 => warnings.push(format!(
            "For [{section}], AUTO logging used for {} without rollover, set maxbytes > 0 to avoid filling up filesystem unintentionally",
            keys.logfile.name
        )),
        LogTarget::Auto | LogTarget::None | LogTarget::File(_) => {}
    }
    if first {
        let place = reader.source.document.place(section, keys.logfile.name);
        for warning in warnings {
            reader.findings.warn_known(warning, place.clone());
        }
    }
}

/// Sorts processes by (priority, name). Of those that share a name the one that was defined last is
/// kept, as the reference does; a warning says so.
pub(super) fn sorted(
    reader: &mut Reader<'_, '_>,
    group: &str,
    processes: Vec<ProcessConfig>,
) -> Vec<ProcessConfig> {
    if processes.len() < 2 {
        return processes;
    }
    let mut seen = alloc::collections::BTreeSet::new();
    let mut unique = Vec::with_capacity(processes.len());
    for process in processes.into_iter().rev() {
        if seen.insert(process.name.clone()) {
            unique.push(process);
        } else {
            let name = &process.name;
            let text = format!(
                "group '{group}' has more than one process named '{name}'; the last one is used"
            );
            reader.findings.warn(text, None);
        }
    }
    unique.sort_by(|a, b| (a.priority, &a.name).cmp(&(b.priority, &b.name)));
    unique
}
