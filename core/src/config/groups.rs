//! Groups: `[group:x]`, single programs, listener pools and FastCGI groups.

use super::expand::Value;
use super::programs;
use super::reader::{Names, Reader, name_part};
use super::schema::{EVENT_TYPES, NO_PYTHON, fcgi, listener, names_object, other, program};
use super::{FcgiSocket, GroupConfig, GroupKind, Owner, ServerAddress, User, values};
use alloc::{borrow::ToOwned, collections::BTreeSet, format, string::String, vec::Vec};

/// Reads all groups, sorted by (priority, name).
pub(super) fn read(
    reader: &mut Reader<'_, '_>,
    daemon_environment: &[(String, String)],
) -> Vec<GroupConfig> {
    let mut groups = Groups {
        daemon_environment,
        members: BTreeSet::new(),
        list: Vec::new(),
    };
    for section in reader.sections("group:") {
        groups.group(reader, section);
    }
    for section in reader.sections("program:") {
        if !groups.members.contains(section) {
            groups.program(reader, section);
        }
    }
    for section in reader.sections("eventlistener:") {
        groups.listener(reader, section);
    }
    for section in reader.sections("fcgi-program:") {
        if !groups.members.contains(section) {
            groups.fcgi(reader, section);
        }
    }
    groups.finish(reader)
}

struct Groups<'e> {
    daemon_environment: &'e [(String, String)],
    /// Sections of programs that belong to a `[group:x]`.
    members: BTreeSet<String>,
    list: Vec<(String, GroupConfig)>,
}

impl Groups<'_> {
    fn group(&mut self, reader: &mut Reader<'_, '_>, section: &str) {
        let here = [("here", Value::Text(reader.source.here))];
        let names = Names::fixed(&here);
        let Some(name) = checked_name(reader, section) else {
            return;
        };
        let programs = reader.text(section, &other::PROGRAMS, names);
        let programs = values::strings(&programs.unwrap_or_default());
        let priority = reader.get(section, &other::PRIORITY, names, values::python_int);
        let mut processes = Vec::new();
        // The reference's message names the section it looked at last.
        let mut last = section.to_owned();
        for program in programs {
            let plain = format!("program:{program}");
            let fcgi = format!("fcgi-program:{program}");
            let document = reader.source.document;
            let found = (document.has_section(&plain), document.has_section(&fcgi));
            last = match found {
                (true, false) => plain,
                (false, true) => fcgi,
                (true, true) => {
                    let text = format!(
                        "[{last}] name {program} is ambiguous (exists as program and fcgi-program)"
                    );
                    reader.fail(section, other::PROGRAMS.name, &text);
                    continue;
                }
                (false, false) => {
                    let text = format!("[{last}] names unknown program or fcgi-program {program}");
                    reader.fail(section, other::PROGRAMS.name, &text);
                    continue;
                }
            };
            processes.extend(programs::read(
                reader,
                &last,
                &name,
                self.daemon_environment,
            ));
            self.members.insert(last.clone());
        }
        self.push(
            reader,
            section,
            &name,
            priority,
            GroupKind::Plain,
            processes,
        );
    }

    fn program(&mut self, reader: &mut Reader<'_, '_>, section: &str) {
        let here = [("here", Value::Text(reader.source.here))];
        let Some(name) = checked_name(reader, section) else {
            return;
        };
        let names = Names::fixed(&here);
        let priority = reader.get(section, &program::PRIORITY, names, values::python_int);
        let processes = programs::read(reader, section, &name, self.daemon_environment);
        self.push(
            reader,
            section,
            &name,
            priority,
            GroupKind::Plain,
            processes,
        );
    }

    fn listener(&mut self, reader: &mut Reader<'_, '_>, section: &str) {
        let here = [("here", Value::Text(reader.source.here))];
        let names = Names::fixed(&here);
        let name = name_part(section);
        let priority = reader.get(section, &listener::PRIORITY, names, values::python_int);
        let size = reader.get(section, &listener::BUFFER_SIZE, names, values::python_int);
        if let Some(size) = size.filter(|size| *size < 1) {
            let text = format!("[{section}] section sets invalid buffer_size ({size})");
            reader.fail(section, listener::BUFFER_SIZE.name, &text);
        }
        let handler = reader.text(section, &listener::RESULT_HANDLER, names);
        if let Some(handler) = handler
            && !names_object(
                &handler,
                listener::RESULT_HANDLER.default.unwrap_or_default(),
            )
        {
            let text = format!("{handler} cannot be resolved within [{section}]: {NO_PYTHON}");
            reader.fail(section, listener::RESULT_HANDLER.name, &text);
        }
        let events = events(reader, section, names);
        let redirect = reader.get(section, &program::REDIRECT_STDERR, names, values::boolean);
        if redirect == Some(true) {
            let text = format!(
                "[{section}] section sets redirect_stderr=true but this is not allowed because it will interfere with the eventlistener protocol"
            );
            reader.fail(section, program::REDIRECT_STDERR.name, &text);
        }
        let processes = programs::read(reader, section, &name, self.daemon_environment);
        let kind = GroupKind::Listener {
            buffer_size: size.map_or(1, |size| u32::try_from(size).unwrap_or(u32::MAX)),
            events,
        };
        self.push(reader, section, &name, priority, kind, processes);
    }

    fn fcgi(&mut self, reader: &mut Reader<'_, '_>, section: &str) {
        let Some(name) = checked_name(reader, section) else {
            return;
        };
        let here = [
            ("here", Value::Text(reader.source.here)),
            ("program_name", Value::Text(&name)),
        ];
        let names = Names::fixed(here.get(..1).unwrap_or_default());
        let priority = reader.get(section, &program::PRIORITY, names, values::python_int);
        let user = programs::user(reader, section, names);
        let backlog = reader.get(section, &fcgi::SOCKET_BACKLOG, names, |text| {
            let number = values::python_int(text)?;
            match u32::try_from(number) {
                Ok(backlog @ 1..=65535) => Ok(backlog),
                Ok(_) | Err(_) => Err(format!("Invalid socket_backlog value {number}")),
            }
        });
        let owner = reader.get_with(section, &fcgi::SOCKET_OWNER, names, |lookups, text| {
            values::owner(text, lookups).ok_or_else(|| format!("Invalid socket_owner value {text}"))
        });
        let mode = reader.get(section, &fcgi::SOCKET_MODE, names, |text| {
            values::octal(text).map_err(|_| format!("Invalid socket_mode value {text}"))
        });
        let value = |key: &str| reader.source.document.value(section, key);
        let options = SocketOptions {
            owner,
            mode: mode.unwrap_or_default(),
            for_unix_only: value(fcgi::SOCKET_OWNER.name).is_some()
                || value(fcgi::SOCKET_MODE.name).is_some(),
        };
        let before = reader.findings.errors.len();
        let socket = reader.text(section, &fcgi::SOCKET, Names::fixed(&here));
        let mut kind = GroupKind::Plain;
        match socket.filter(|socket| !socket.is_empty()) {
            Some(socket) => match address(reader, &socket, &options, user.as_ref()) {
                Ok(address) => kind = GroupKind::Fcgi(FcgiSocket { address, backlog }),
                Err(text) => {
                    let text = format!("{text} in [{section}] socket");
                    reader.fail(section, fcgi::SOCKET.name, &text);
                }
            },
            None if reader.findings.errors.len() > before => {}
            None => {
                let text = format!("[{section}] section requires a \"socket\" line");
                reader.fail(section, "", &text);
            }
        }
        let processes = programs::read(reader, section, &name, self.daemon_environment);
        self.push(reader, section, &name, priority, kind, processes);
    }

    fn push(
        &mut self,
        reader: &mut Reader<'_, '_>,
        section: &str,
        name: &str,
        priority: Option<i64>,
        kind: GroupKind,
        processes: Vec<super::ProcessConfig>,
    ) {
        let group = GroupConfig {
            name: name.to_owned(),
            priority: priority.unwrap_or_default(),
            kind,
            processes: programs::sorted(reader, name, processes)
                .into_iter()
                .map(Into::into)
                .collect(),
        };
        self.list.push((section.to_owned(), group));
    }

    /// Sorts the groups. Of those that share a name only the first can be used.
    fn finish(mut self, reader: &mut Reader<'_, '_>) -> Vec<GroupConfig> {
        self.list
            .sort_by(|(_, a), (_, b)| (a.priority, &a.name).cmp(&(b.priority, &b.name)));
        let mut seen = BTreeSet::new();
        let mut groups = Vec::with_capacity(self.list.len());
        for (section, group) in self.list {
            if seen.insert(group.name.clone()) {
                groups.push(group);
            } else {
                let text = format!(
                    "[{section}] is not used: there is another group named '{}'",
                    group.name
                );
                let place = reader.source.document.section_place(&section);
                reader.findings.warn(text, place);
            }
        }
        groups
    }
}

/// The name of a section's group.
fn checked_name(reader: &mut Reader<'_, '_>, section: &str) -> Option<String> {
    match values::name(&name_part(section)) {
        Ok(name) => Some(name),
        Err(text) => {
            reader.fail(section, "", &text);
            None
        }
    }
}

/// The event types a pool subscribes to, in upper case, each once.
fn events(reader: &mut Reader<'_, '_>, section: &str, names: Names<'_>) -> Vec<String> {
    let before = reader.findings.errors.len();
    let text = reader.text(section, &listener::EVENTS, names);
    let mut events: Vec<String> = Vec::new();
    for event in values::strings(&text.unwrap_or_default()) {
        let event = event.to_uppercase();
        if !EVENT_TYPES.contains(&event.as_str()) {
            let text = format!("Unknown event type {event} in [{section}] events");
            reader.fail(section, listener::EVENTS.name, &text);
        }
        if !events.contains(&event) {
            events.push(event);
        }
    }
    if events.is_empty() && reader.findings.errors.len() == before {
        let text = format!("[{section}] section requires an \"events\" line");
        reader.fail(section, "", &text);
    }
    events
}

struct SocketOptions {
    owner: Option<Owner>,
    mode: u32,
    /// Options are set that make sense only with a Unix socket.
    for_unix_only: bool,
}

fn address(
    reader: &mut Reader<'_, '_>,
    socket: &str,
    options: &SocketOptions,
    user: Option<&User>,
) -> Result<ServerAddress, String> {
    if let Some(path) = socket.strip_prefix("unix://") {
        if !path.starts_with('/') {
            return Err(format!("Unix socket path {path} is not an absolute path"));
        }
        // A program with a user of its own must be able to accept on the socket.
        let other = user.filter(|user| user.uid != reader.source.options.uid);
        let default = other.map(|user| Owner {
            uid: user.uid,
            gid: Some(user.gid),
        });
        return Ok(ServerAddress::Unix {
            path: reader.absolute(path),
            mode: options.mode,
            owner: options.owner.or(default),
        });
    }
    if options.for_unix_only {
        return Err(
            "socket_owner and socket_mode params should only be used with a Unix domain socket"
                .to_owned(),
        );
    }
    tcp_address(socket).ok_or_else(|| format!("Bad socket format {socket}"))
}

/// `tcp://host:port`, the host without spaces and colons.
fn tcp_address(socket: &str) -> Option<ServerAddress> {
    let (host, port) = socket.strip_prefix("tcp://")?.split_once(':')?;
    if host.is_empty()
        || host.contains(super::scan::py_space)
        || !port.chars().all(|c| c.is_ascii_digit())
    {
        return None;
    }
    let port = port.parse().ok()?;
    Some(ServerAddress::Tcp {
        host: host.to_owned(),
        port,
    })
}
