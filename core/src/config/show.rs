//! The effective settings, for people and for programs.

use super::{
    AutoRestart, Config, Credentials, GroupConfig, GroupKind, Json, LogTarget, OutputConfig, Owner,
    ProcessConfig, ServerAddress, ServerConfig, SupervisordConfig, User,
};
use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

/// Whether secrets are shown.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Secrets {
    /// Passwords, and environment variables that look like secrets, are `***`.
    Masked,
    /// Everything is shown.
    Shown,
}

/// What stands for a secret.
const MASK: &str = "***";

/// Parts of a variable's name that tell of a secret.
const SECRET_NAMES: [&str; 6] = ["PASS", "SECRET", "TOKEN", "CREDENTIAL", "_KEY", "APIKEY"];

/// The settings as one object: `supervisord`, `servers`, `rpcinterfaces`, and `groups` with their
/// `processes`. Members have the names of the keys in the file.
///
/// ```
/// use visor_core::config::{Config, Secrets, settings_json};
/// let json = settings_json(&Config::default(), Secrets::Masked).pretty();
/// assert!(json.contains("\"loglevel\": \"info\""));
/// ```
#[must_use]
pub fn settings_json(config: &Config, secrets: Secrets) -> Json {
    let names = config.rpc_interfaces.iter().map(|name| Json::text(name));
    let servers = config.servers.iter().map(|one| server(one, secrets));
    let groups = config.groups.iter().map(|one| group(one, secrets));
    Json::object([
        ("supervisord", supervisord(&config.supervisord, secrets)),
        ("servers", Json::List(servers.collect())),
        ("rpcinterfaces", Json::List(names.collect())),
        ("groups", Json::List(groups.collect())),
    ])
}

/// The settings as text: one block per section, group and process, one `key = value` per line.
///
/// ```
/// use visor_core::config::{Config, ProcessConfig, Secrets, settings_text};
/// let mut web = ProcessConfig::new("web", "/bin/web");
/// web.environment = vec![("API_TOKEN".into(), "hunter2".into())];
/// let text = settings_text(&Config::embedded().program(web), Secrets::Masked);
/// assert!(text.contains("[process:web:web]\n") && text.contains("command = /bin/web\n"));
/// assert!(!text.contains("hunter2"));
/// ```
#[must_use]
pub fn settings_text(config: &Config, secrets: Secrets) -> String {
    let mut out = String::new();
    block(
        &mut out,
        "supervisord",
        &supervisord(&config.supervisord, secrets),
    );
    for one in &config.servers {
        block(&mut out, &one.section, &server(one, secrets));
    }
    for name in &config.rpc_interfaces {
        out.push_str(&format!("\n[rpcinterface:{name}]\n"));
    }
    for one in &config.groups {
        block(
            &mut out,
            &format!("group:{}", one.name),
            &group(one, secrets),
        );
        for each in &one.processes {
            let title = format!("process:{}:{}", one.name, each.name);
            block(&mut out, &title, &process(each, secrets));
        }
    }
    out
}

fn block(out: &mut String, title: &str, settings: &Json) {
    if !out.is_empty() {
        out.push('\n');
    }
    out.push_str(&format!("[{title}]\n"));
    let Json::Object(members) = settings else {
        return;
    };
    for (name, value) in members {
        if !matches!(name.as_str(), "section" | "name" | "processes") {
            let line = format!("{name} = {}", plain(value));
            out.push_str(line.trim_end());
            out.push('\n');
        }
    }
}

/// A value on one line of text.
fn plain(value: &Json) -> String {
    match value {
        Json::Null => String::new(),
        Json::Bool(flag) => flag.to_string(),
        Json::Number(number) => number.to_string(),
        Json::Text(text) => text.replace('\n', "\n  "),
        Json::List(items) => {
            let items: Vec<String> = items.iter().map(plain).collect();
            items.join(",")
        }
        Json::Object(members) => {
            let pairs = members.iter();
            let pairs = pairs.map(|(name, value)| format!("{name}=\"{}\"", plain(value)));
            pairs.collect::<Vec<_>>().join(",")
        }
    }
}

fn number(number: impl Into<i128>) -> Json {
    Json::Number(number.into())
}

fn octal(mode: u32) -> Json {
    Json::Text(format!("{mode:04o}"))
}

fn user(user: Option<&User>) -> Json {
    match user {
        Some(user) if user.name.is_empty() => Json::Text(user.uid.to_string()),
        Some(user) => Json::text(&user.name),
        None => Json::Null,
    }
}

fn owner(owner: Option<&Owner>) -> Json {
    owner.map_or(Json::Null, |owner| {
        Json::Text(match owner.gid {
            Some(gid) => format!("{}:{gid}", owner.uid),
            None => owner.uid.to_string(),
        })
    })
}

fn log(target: &LogTarget) -> Json {
    Json::text(match target {
        LogTarget::None => "NONE",
        LogTarget::Auto => "AUTO",
        LogTarget::File(path) => path,
        LogTarget::Syslog => "syslog",
    })
}

fn environment(pairs: &[(String, String)], secrets: Secrets) -> Json {
    let shown = pairs.iter().map(|(name, value)| {
        let upper = name.to_uppercase();
        let secret = SECRET_NAMES.iter().any(|part| upper.contains(part));
        let hidden = secret && secrets == Secrets::Masked;
        (name.clone(), Json::text(if hidden { MASK } else { value }))
    });
    Json::Object(shown.collect())
}

fn supervisord(config: &SupervisordConfig, secrets: Secrets) -> Json {
    Json::object([
        ("logfile", log(&config.logfile)),
        ("logfile_maxbytes", number(config.logfile_maxbytes)),
        ("logfile_backups", number(config.logfile_backups)),
        ("loglevel", Json::text(config.loglevel.name())),
        ("pidfile", Json::text(&config.pidfile)),
        ("umask", config.umask.map_or(Json::Null, octal)),
        ("nodaemon", Json::Bool(config.nodaemon)),
        ("silent", Json::Bool(config.silent)),
        ("minfds", number(config.minfds)),
        ("minprocs", number(config.minprocs)),
        ("nocleanup", Json::Bool(config.nocleanup)),
        ("childlogdir", Json::text(&config.childlogdir)),
        ("user", user(config.user.as_ref())),
        ("directory", Json::maybe(config.directory.as_deref())),
        ("strip_ansi", Json::Bool(config.strip_ansi)),
        ("environment", environment(&config.environment, secrets)),
        ("identifier", Json::text(&config.identifier)),
    ])
}

fn server(server: &ServerConfig, secrets: Secrets) -> Json {
    let hide = |credentials: &Credentials| match secrets {
        Secrets::Masked => Json::text(MASK),
        Secrets::Shown => Json::text(&credentials.password),
    };
    let credentials = server.credentials.as_ref();
    let username = Json::maybe(credentials.map(|both| both.username.as_str()));
    let password = credentials.map_or(Json::Null, hide);
    let section = Json::text(&server.section);
    match &server.address {
        ServerAddress::Tcp { host, port } => Json::object([
            ("section", section),
            (
                "port",
                Json::Text(format!(
                    "{}:{port}",
                    if host.is_empty() { "*" } else { host }
                )),
            ),
            ("username", username),
            ("password", password),
        ]),
        ServerAddress::Unix {
            path,
            mode,
            owner: whose,
        } => Json::object([
            ("section", section),
            ("file", Json::text(path)),
            ("chmod", octal(*mode)),
            ("chown", owner(whose.as_ref())),
            ("username", username),
            ("password", password),
        ]),
    }
}

fn group(group: &GroupConfig, secrets: Secrets) -> Json {
    let kind = match &group.kind {
        GroupKind::Plain => "plain",
        GroupKind::Listener { .. } => "eventlistener",
        GroupKind::Fcgi(_) => "fcgi",
    };
    let mut members: Vec<(&str, Json)> = [
        ("name", Json::text(&group.name)),
        ("kind", Json::text(kind)),
        ("priority", number(group.priority)),
    ]
    .into();
    match &group.kind {
        GroupKind::Plain => {}
        GroupKind::Listener {
            buffer_size,
            events,
        } => {
            let events = events.iter().map(|event| Json::text(event));
            members.push(("buffer_size", number(*buffer_size)));
            members.push(("events", Json::List(events.collect())));
        }
        GroupKind::Fcgi(socket) => {
            members.push(("socket", Json::Text(socket.url())));
            members.push(("socket_backlog", socket.backlog.map_or(Json::Null, number)));
            if let ServerAddress::Unix {
                mode, owner: whose, ..
            } = &socket.address
            {
                members.push(("socket_owner", owner(whose.as_ref())));
                members.push(("socket_mode", octal(*mode)));
            }
        }
    }
    let processes = group.processes.iter().map(|one| process(one, secrets));
    members.push(("processes", Json::List(processes.collect())));
    let members = members.into_iter();
    Json::Object(members.map(|(name, value)| (name.into(), value)).collect())
}

fn process(config: &ProcessConfig, secrets: Secrets) -> Json {
    let codes = config.exitcodes.iter().map(|code| number(*code));
    let restart = match config.autorestart {
        AutoRestart::Never => "false",
        AutoRestart::Always => "true",
        AutoRestart::Unexpected => "unexpected",
    };
    let members = [
        ("name", Json::text(&config.name)),
        ("command", Json::text(&config.command)),
        ("priority", number(config.priority)),
        ("autostart", Json::Bool(config.autostart)),
        ("startsecs", number(config.startsecs)),
        ("startretries", number(config.startretries)),
        ("autorestart", Json::text(restart)),
        ("exitcodes", Json::List(codes.collect())),
        ("stopsignal", number(config.stopsignal.number())),
        ("stopwaitsecs", number(config.stopwaitsecs)),
        ("stopasgroup", Json::Bool(config.stopasgroup)),
        ("killasgroup", Json::Bool(config.killasgroup)),
        ("user", user(config.user.as_ref())),
        ("directory", Json::maybe(config.directory.as_deref())),
        ("umask", config.umask.map_or(Json::Null, octal)),
        ("serverurl", Json::maybe(config.serverurl.as_deref())),
        ("environment", environment(&config.environment, secrets)),
        ("redirect_stderr", Json::Bool(config.redirect_stderr)),
    ];
    let mut members: Vec<(String, Json)> = members
        .into_iter()
        .map(|(name, value)| (name.into(), value))
        .collect();
    members.extend(output("stdout", &config.stdout));
    members.extend(output("stderr", &config.stderr));
    Json::Object(members)
}

fn output(stream: &str, config: &OutputConfig) -> [(String, Json); 6] {
    [
        ("logfile", log(&config.logfile)),
        ("logfile_maxbytes", number(config.maxbytes)),
        ("logfile_backups", number(config.backups)),
        ("capture_maxbytes", number(config.capture_maxbytes)),
        ("events_enabled", Json::Bool(config.events_enabled)),
        ("syslog", Json::Bool(config.syslog)),
    ]
    .map(|(name, value)| (format!("{stream}_{name}"), value))
}
