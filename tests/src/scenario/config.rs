//! The part of `supervisord.conf` that transcripts use.

use visor_core::config::{
    AutoRestart, Config, FcgiSocket, GroupConfig, GroupKind, LogTarget, OutputConfig,
    ProcessConfig, ServerAddress, ServerConfig, SupervisordConfig,
};
use visor_core::{LogLevel, Signal};

struct Section {
    kind: String,
    name: String,
    options: Vec<(String, String)>,
}

/// Reads a configuration. Everything a transcript does not set has its default, except that
/// children's logs are off: most transcripts are not about them.
pub(super) fn parse(text: &str) -> Result<Config, String> {
    let sections = split(text)?;
    let mut config = Config {
        supervisord: SupervisordConfig {
            logfile: LogTarget::File("/log/supervisord.log".to_owned()),
            pidfile: "/run/supervisord.pid".to_owned(),
            ..SupervisordConfig::default()
        },
        ..Config::default()
    };
    let mut programs: Vec<GroupConfig> = Vec::new();
    for section in &sections {
        match section.kind.as_str() {
            "supervisord" => section.supervisord(&mut config.supervisord)?,
            "unix_http_server" | "inet_http_server" => config.servers.push(section.server()),
            "program" | "eventlistener" | "fcgi-program" => programs.push(section.group()?),
            "group" => {}
            other => return Err(format!("unknown section {other}")),
        }
    }
    for section in sections.iter().filter(|s| s.kind == "group") {
        let mut group = GroupConfig {
            name: section.name.clone(),
            priority: section.number("priority")?.unwrap_or(999),
            kind: GroupKind::Plain,
            processes: Vec::new(),
        };
        for name in section.get("programs").unwrap_or("").split(',') {
            let index = programs.iter().position(|p| p.name == name.trim());
            let index = index.ok_or_else(|| format!("no program {name}"))?;
            group.processes.extend(programs.remove(index).processes);
        }
        programs.push(group);
    }
    for group in &mut programs {
        group
            .processes
            .sort_by(|a, b| (a.priority, &a.name).cmp(&(b.priority, &b.name)));
    }
    programs.sort_by(|a, b| (a.priority, &a.name).cmp(&(b.priority, &b.name)));
    config.groups = programs;
    Ok(config)
}

fn split(text: &str) -> Result<Vec<Section>, String> {
    let mut sections: Vec<Section> = Vec::new();
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(title) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            let (kind, name) = title.split_once(':').unwrap_or((title, ""));
            sections.push(Section {
                kind: kind.to_owned(),
                name: name.to_owned(),
                options: Vec::new(),
            });
            continue;
        }
        let (key, value) = line
            .split_once('=')
            .ok_or_else(|| format!("not an option: {line}"))?;
        sections
            .last_mut()
            .ok_or_else(|| format!("no section for {line}"))?
            .options
            .push((key.trim().to_owned(), value.trim().to_owned()));
    }
    Ok(sections)
}

impl Section {
    fn supervisord(&self, daemon: &mut SupervisordConfig) -> Result<(), String> {
        for (key, value) in &self.options {
            match key.as_str() {
                "loglevel" => {
                    daemon.loglevel = LogLevel::from_name(value).ok_or("no such level")?;
                }
                "logfile_maxbytes" => daemon.logfile_maxbytes = parsed(value)?,
                "logfile_backups" => daemon.logfile_backups = parsed(value)?,
                "identifier" => daemon.identifier.clone_from(value),
                "strip_ansi" => daemon.strip_ansi = boolean(value)?,
                "environment" => daemon.environment = pairs(value),
                "nocleanup" => daemon.nocleanup = boolean(value)?,
                other => return Err(format!("unknown option {other}")),
            }
        }
        Ok(())
    }

    fn server(&self) -> ServerConfig {
        let address = match self.get("file") {
            Some(path) => ServerAddress::Unix {
                path: path.to_owned(),
                mode: 0o700,
                owner: None,
            },
            None => ServerAddress::Tcp {
                host: String::new(),
                port: self.get("port").and_then(|p| p.parse().ok()).unwrap_or(0),
            },
        };
        ServerConfig {
            section: self.kind.clone(),
            address,
            credentials: None,
        }
    }

    fn group(&self) -> Result<GroupConfig, String> {
        let count: u32 = self.number("numprocs")?.unwrap_or(1);
        let mut processes = Vec::new();
        for number in 0..count {
            let name = self.get("process_name").unwrap_or(&self.name);
            let name = name.replace("%(process_num)d", &number.to_string());
            let mut process = ProcessConfig::new(&name, "/bin/x");
            process.stdout.logfile = LogTarget::None;
            process.stderr.logfile = LogTarget::None;
            for (key, value) in &self.options {
                set(&mut process, key, value)?;
            }
            processes.push(process);
        }
        let kind = match self.kind.as_str() {
            "eventlistener" => GroupKind::Listener {
                buffer_size: self.number("buffer_size")?.unwrap_or(10),
                events: self
                    .get("events")
                    .unwrap_or("")
                    .split(',')
                    .map(|event| event.trim().to_uppercase())
                    .collect(),
            },
            "fcgi-program" => GroupKind::Fcgi(self.socket()),
            _ => GroupKind::Plain,
        };
        let default = if self.kind == "eventlistener" {
            -1
        } else {
            999
        };
        Ok(GroupConfig {
            name: self.name.clone(),
            priority: self.number("priority")?.unwrap_or(default),
            kind,
            processes,
        })
    }

    fn socket(&self) -> FcgiSocket {
        let path = self
            .get("socket")
            .unwrap_or("")
            .trim_start_matches("unix://");
        FcgiSocket {
            address: ServerAddress::Unix {
                path: path.to_owned(),
                mode: 0o700,
                owner: None,
            },
            backlog: None,
        }
    }

    fn get(&self, key: &str) -> Option<&str> {
        let option = self.options.iter().rev().find(|(k, _)| k == key);
        option.map(|(_, value)| value.as_str())
    }

    fn number<N: std::str::FromStr>(&self, key: &str) -> Result<Option<N>, String> {
        self.get(key).map(parsed).transpose()
    }
}

fn set(process: &mut ProcessConfig, key: &str, value: &str) -> Result<(), String> {
    match key {
        "command" => value.clone_into(&mut process.command),
        "priority" => process.priority = parsed(value)?,
        "autostart" => process.autostart = boolean(value)?,
        "startsecs" => process.startsecs = parsed(value)?,
        "startretries" => process.startretries = parsed(value)?,
        "autorestart" => {
            process.autorestart = match value {
                "unexpected" => AutoRestart::Unexpected,
                value if boolean(value)? => AutoRestart::Always,
                _ => AutoRestart::Never,
            }
        }
        "exitcodes" => {
            process.exitcodes = value
                .split(',')
                .filter(|code| !code.trim().is_empty())
                .map(parsed)
                .collect::<Result<_, _>>()?;
        }
        "stopsignal" => process.stopsignal = Signal::from_name(value).ok_or("no such signal")?,
        "stopwaitsecs" => process.stopwaitsecs = parsed(value)?,
        "stopasgroup" => {
            process.stopasgroup = boolean(value)?;
            process.killasgroup = process.stopasgroup;
        }
        "killasgroup" => process.killasgroup = boolean(value)?,
        "directory" => process.directory = Some(value.to_owned()),
        "umask" => {
            process.umask = Some(u32::from_str_radix(value, 8).map_err(|e| e.to_string())?);
        }
        "environment" => process.environment = pairs(value),
        "serverurl" => process.serverurl = Some(value.to_owned()),
        "redirect_stderr" => process.redirect_stderr = boolean(value)?,
        "numprocs" | "process_name" | "events" | "buffer_size" | "socket" => {}
        other => match other.split_once('_') {
            Some(("stdout", rest)) => set_output(&mut process.stdout, rest, value)?,
            Some(("stderr", rest)) => set_output(&mut process.stderr, rest, value)?,
            _ => return Err(format!("unknown option {other}")),
        },
    }
    Ok(())
}

fn set_output(output: &mut OutputConfig, key: &str, value: &str) -> Result<(), String> {
    match key {
        "logfile" => {
            output.logfile = match value {
                "AUTO" => LogTarget::Auto,
                "NONE" => LogTarget::None,
                path => LogTarget::File(path.to_owned()),
            }
        }
        "logfile_maxbytes" => output.maxbytes = parsed(value)?,
        "logfile_backups" => output.backups = parsed(value)?,
        "capture_maxbytes" => output.capture_maxbytes = parsed(value)?,
        "events_enabled" => output.events_enabled = boolean(value)?,
        "syslog" => output.syslog = boolean(value)?,
        other => return Err(format!("unknown option {other}")),
    }
    Ok(())
}

fn parsed<N: std::str::FromStr>(value: &str) -> Result<N, String> {
    value
        .trim()
        .parse()
        .map_err(|_| format!("not a number: {value}"))
}

fn boolean(value: &str) -> Result<bool, String> {
    match value {
        "true" => Ok(true),
        "false" => Ok(false),
        other => Err(format!("not a boolean: {other}")),
    }
}

fn pairs(value: &str) -> Vec<(String, String)> {
    value
        .split(',')
        .filter_map(|pair| pair.split_once('='))
        .map(|(k, v)| (k.trim().to_owned(), v.trim().trim_matches('"').to_owned()))
        .collect()
}
