//! Configurations as popular images and frameworks document them, written after their
//! documentation: all of them are understood, and say what their authors meant.

use std::collections::BTreeMap;
use std::fs;
use visor_core::config::{
    Answer, AutoRestart, Config, CtlLoader, Flag, GroupKind, Load, LoadOptions, Loaded, Loader,
    LogTarget, Need, ProcessConfig, ServerAddress, Step, User,
};
use visor_core::{LogLevel, Signal};
use visor_std::sys::needs;
use visor_tests::config::corpus;

fn path(name: &str) -> String {
    let file = corpus::directory().join("wild").join(name);
    file.with_extension("conf").display().to_string()
}

fn options(name: &str) -> LoadOptions {
    let environment = [
        ("PATH", "/usr/bin:/bin"),
        ("PORT", "8080"),
        ("WORKERS", "3"),
        ("ADMIN_PASSWORD", "100% secret"),
        ("SECRET_KEY_BASE", "0123"),
        ("SUPERVISOR_PHP_COMMAND", "/usr/bin/php artisan serve"),
        ("SUPERVISOR_PHP_USER", "sail"),
    ];
    let pair = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    LoadOptions {
        path: path(name),
        environment: environment.map(pair).to_vec(),
        host_name: "host".to_owned(),
        current_dir: "/".to_owned(),
        temp_dir: "/tmp".to_owned(),
        ..LoadOptions::default()
    }
}

/// A machine that has every directory and user.
fn run<T>(mut loader: Load<T>) -> T {
    let name = loader.options().path.clone();
    let user = |name: &str| {
        Answer::User(Some(User {
            name: name.to_owned(),
            uid: 33,
            gid: 33,
        }))
    };
    loop {
        match loader.poll() {
            Step::Need(need) => loader.answer(match &need {
                Need::File { .. } | Need::Glob { .. } => needs::answer(&need),
                Need::Directory { .. } => Answer::Directory(true),
                Need::UserNamed { name } => user(name),
                Need::UserNumbered { .. } => user("somebody"),
                Need::GroupNamed { .. } | Need::GroupNumbered { .. } => Answer::Group(Some(33)),
                Need::Home { .. } => Answer::Home(Some("/home/somebody".to_owned())),
            }),
            Step::Done(loaded) => return *loaded,
            Step::Failed(errors) => panic!("{name}: {errors}"),
        }
    }
}

fn read(name: &str) -> Loaded {
    run(Loader::new(options(name)))
}

fn process<'a>(config: &'a Config, group: &str, name: &str) -> &'a ProcessConfig {
    let group = config
        .groups
        .iter()
        .find(|one| one.name == group)
        .expect("the group");
    let process = group.processes.iter().find(|one| one.name == name);
    process.expect("the process")
}

fn variables(process: &ProcessConfig) -> BTreeMap<&str, &str> {
    let pairs = process.environment.iter();
    pairs
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect()
}

fn warnings(loaded: &Loaded) -> Vec<&str> {
    let warnings = loaded.warnings.iter();
    warnings.map(|warning| warning.text.as_str()).collect()
}

fn file(path: &str) -> LogTarget {
    LogTarget::File(path.to_owned())
}

#[test]
fn all_of_them_are_accepted() {
    let directory = corpus::directory().join("wild");
    let mut count = 0;
    for entry in fs::read_dir(directory).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let loaded = read(name.strip_suffix(".conf").unwrap());
        assert!(
            name == "debian.conf" || !loaded.config.groups.is_empty(),
            "{name}"
        );
        count += 1;
    }
    assert!(count >= 15, "{count}");
}

#[test]
fn laravel_workers_are_numbered_and_stop_as_groups() {
    let loaded = read("laravel-queue");
    let group = &loaded.config.groups[0];
    assert_eq!(group.processes.len(), 8);
    let worker = process(&loaded.config, "laravel-worker", "laravel-worker_07");
    assert_eq!(worker.autorestart, AutoRestart::Always);
    assert!(worker.stopasgroup && worker.killasgroup && worker.redirect_stderr);
    assert_eq!(
        worker.stdout.logfile,
        file("/home/forge/app.com/worker.log")
    );
    assert_eq!(worker.stopwaitsecs, 3600);
    assert_eq!(worker.user.as_ref().unwrap().name, "forge");
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
}

#[test]
fn sail_takes_command_and_user_from_the_environment() {
    let loaded = read("laravel-sail");
    let php = process(&loaded.config, "php", "php");
    assert_eq!(php.command, "/usr/bin/php artisan serve");
    assert_eq!(php.user.as_ref().unwrap().name, "sail");
    assert_eq!(php.stdout.maxbytes, 0);
    assert_eq!(variables(php)["LARAVEL_SAIL"], "1");
}

#[test]
fn celery_keeps_its_percent_sign() {
    let loaded = read("django-celery");
    assert_eq!(loaded.config.groups.len(), 1);
    let worker = process(&loaded.config, "site", "celeryd");
    assert!(
        worker.command.ends_with("--hostname=worker@%h"),
        "{}",
        worker.command
    );
    assert_eq!((worker.priority, worker.stopwaitsecs), (1000, 600));
    let gunicorn = process(&loaded.config, "site", "gunicorn");
    assert_eq!(variables(gunicorn)["LC_ALL"], "en_US.UTF-8");
    assert_eq!(loaded.config.rpc_interfaces, ["supervisor"]);
    // Comments behind the values, as this file is full of them, are no reason to warn.
    assert_eq!(warnings(&loaded), [""; 0]);
}

#[test]
fn airflow_extends_the_path_and_counts_its_workers() {
    let loaded = read("airflow");
    let web = process(&loaded.config, "airflow-webserver", "airflow-webserver");
    assert_eq!(variables(web)["PATH"], "/opt/venv/bin:/usr/bin:/bin");
    assert_eq!(web.command, "airflow webserver --port 8080");
    assert_eq!(web.stopsignal, Signal::QUIT);
    let workers = loaded
        .config
        .groups
        .iter()
        .find(|group| group.name == "airflow-worker");
    assert_eq!(workers.unwrap().processes.len(), 3);
    let scheduler = process(&loaded.config, "airflow-scheduler", "airflow-scheduler");
    assert_eq!(scheduler.exitcodes, [0, 2]);
}

#[test]
fn containers_of_switches_have_listeners_and_keys_of_their_own() {
    let loaded = read("network-container");
    let listener = loaded
        .config
        .groups
        .iter()
        .find(|one| one.name == "dependent-startup");
    let expected = GroupKind::Listener {
        buffer_size: 1024,
        events: vec!["PROCESS_STATE".to_owned()],
    };
    assert_eq!(listener.unwrap().kind, expected);
    let start = process(&loaded.config, "start", "start");
    assert_eq!(
        (start.stdout.logfile.clone(), start.stdout.syslog),
        (LogTarget::None, true)
    );
    let orchagent = process(&loaded.config, "swss", "orchagent");
    assert!(orchagent.stderr.syslog && !orchagent.autostart);
    // The listener's own keys are not known here, and harmless.
    let unknown = "'dependent_startup' is not an option of [program:rsyslogd] and is ignored";
    assert!(
        warnings(&loaded).contains(&unknown),
        "{:#?}",
        loaded.warnings
    );
    let old = loaded.messages.iter().any(|(level, text)| {
        *level == LogLevel::Warn && text.starts_with("For [program:start], stdout_logfile=syslog")
    });
    assert!(old, "{:?}", loaded.messages);
}

#[test]
fn odoo_writes_its_command_over_several_lines() {
    let loaded = read("odoo");
    let odoo = process(&loaded.config, "odoo", "odoo");
    let words = visor_core::text::shell_words(&odoo.command).unwrap();
    assert_eq!(words.len(), 4);
    assert_eq!(words[3], "--limit-time-real=600");
    assert_eq!(variables(odoo)["HOME"], "/opt/odoo");
    assert_eq!(odoo.stdout.logfile, file("/var/log/odoo/odoo.log"));
    assert!(loaded.config.servers[0].credentials.is_some());
    let ctl = run(CtlLoader::new(options("odoo")));
    assert_eq!(ctl.config.serverurl, "unix:///var/run/supervisor.sock");
    assert_eq!(ctl.config.password.as_deref(), Some("dummy"));
    assert!(warnings(&loaded).contains(&"the file has a password and can be read by everybody"));
}

#[test]
fn nginx_keeps_the_semicolon_without_a_space() {
    let loaded = read("php-fpm-nginx");
    let nginx = process(&loaded.config, "nginx", "nginx");
    let words = visor_core::text::shell_words(&nginx.command).unwrap();
    assert_eq!(words, ["nginx", "-g", "daemon off;"]);
    assert_eq!(nginx.startretries, 0);
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
}

#[test]
fn fcgi_programs_share_their_sockets() {
    let loaded = read("fcgi");
    let kind = |name: &str| {
        let group = loaded.config.groups.iter().find(|one| one.name == name);
        match &group.unwrap().kind {
            GroupKind::Fcgi(socket) => socket.clone(),
            other @ (GroupKind::Plain | GroupKind::Listener { .. }) => panic!("{other:?}"),
        }
    };
    assert_eq!(kind("php-cgi").url(), "unix:///var/run/php/php-cgi.sock");
    let ServerAddress::Unix { mode, owner, .. } = kind("php-cgi").address else {
        panic!("no Unix socket");
    };
    assert_eq!((mode, owner.unwrap().uid), (0o770, 33));
    assert_eq!(kind("python").url(), "tcp://localhost:9002");
    assert_eq!(kind("python").backlog, Some(128));
}

#[test]
fn cron_and_shells_run_with_their_quotes() {
    let loaded = read("cron-container");
    assert_eq!(loaded.config.supervisord.loglevel, LogLevel::Warn);
    let tail = process(&loaded.config, "tail", "tail");
    assert_eq!(
        visor_core::text::shell_words(&tail.command).unwrap().len(),
        3
    );
    assert_eq!(tail.startsecs, 0);
    let loaded = read("docker-example");
    let apache = process(&loaded.config, "apache2", "apache2");
    assert_eq!(apache.stderr.logfile, LogTarget::None);
}

#[test]
fn debians_file_without_programs_says_that_nothing_matches() {
    let loaded = read("debian");
    let pattern = format!(
        "{}/conf.d/*.conf",
        corpus::directory().join("wild").display()
    );
    let text = format!("No file matches via include \"{pattern}\"");
    assert_eq!(loaded.messages, [(LogLevel::Warn, text)]);
}

#[test]
fn a_cluster_of_node_has_ports_and_variables_by_number() {
    let loaded = read("node-cluster");
    let api = process(&loaded.config, "api", "api-04");
    assert_eq!(api.command, "/usr/bin/node /srv/api/server.js --port=3004");
    assert_eq!(variables(api)["PORT"], "3004");
    assert_eq!(variables(api)["DEBUG"], "app:*,-app:verbose");
    assert_eq!(api.stopsignal, Signal::INT);
    assert_eq!(api.umask, Some(0o027));
    assert_eq!(api.stderr.logfile, file("/var/log/api/api-04.err.log"));
    let credentials = loaded.config.servers[0].credentials.as_ref().unwrap();
    assert_eq!(credentials.password, "100% secret");
    // A password that comes from the environment is not in the file.
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
}

#[test]
fn a_group_of_servers_and_a_key_from_another_section() {
    let loaded = read("tornado");
    assert_eq!(loaded.config.groups.len(), 1);
    assert_eq!(loaded.config.groups[0].processes.len(), 3);
    let unknown = "'loglevel' is not an option of [program:tornado-8000] and is ignored";
    assert!(
        warnings(&loaded).contains(&unknown),
        "{:#?}",
        loaded.warnings
    );
}

#[test]
fn listeners_of_superlance_come_before_the_programs() {
    let loaded = read("superlance");
    let names: Vec<&str> = loaded
        .config
        .groups
        .iter()
        .map(|one| one.name.as_str())
        .collect();
    assert_eq!(names, ["crashmail", "httpok", "memmon", "web"]);
    assert!(
        loaded
            .config
            .groups
            .iter()
            .take(3)
            .all(|one| one.priority == -1)
    );
}

#[test]
fn browsers_and_their_screens_start_in_order() {
    let loaded = read("selenium");
    let names: Vec<&str> = loaded
        .config
        .groups
        .iter()
        .map(|one| one.name.as_str())
        .collect();
    assert_eq!(names, ["xvfb", "selenium-standalone"]);
    let xvfb = process(&loaded.config, "xvfb", "xvfb");
    assert_eq!(xvfb.stdout.capture_maxbytes, 50 << 20);
}

#[test]
fn rails_shares_a_group_and_a_directory() {
    let loaded = read("rails-sidekiq");
    assert_eq!(loaded.config.groups[0].priority, 100);
    let sidekiq = process(&loaded.config, "rails", "sidekiq_1");
    assert_eq!(
        sidekiq.stdout.logfile,
        file("/srv/rails/shared/log/sidekiq.log")
    );
    let puma = process(&loaded.config, "rails", "puma");
    assert_eq!(variables(puma)["SECRET_KEY_BASE"], "0123");
}

#[test]
fn flags_win_over_what_a_file_says() {
    let flag = |key: &str, value: &str| Flag {
        key: key.to_owned(),
        shown: format!("--{key}"),
        value: value.to_owned(),
    };
    let loaded = run(Loader::new(LoadOptions {
        flags: vec![
            flag("loglevel", "debug"),
            flag("nodaemon", ""),
            flag("umask", "022"),
        ],
        ..options("log-shipper")
    }));
    let daemon = &loaded.config.supervisord;
    assert_eq!(daemon.loglevel, LogLevel::Debug);
    assert_eq!(daemon.umask, Some(0o022));
    assert!(daemon.nodaemon && daemon.silent && daemon.nocleanup && daemon.strip_ansi);
    let shipper = process(&loaded.config, "shipper", "shipper");
    assert!(shipper.stdout.events_enabled && shipper.stderr.events_enabled);
}
