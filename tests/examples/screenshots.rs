//! Pictures of the page: light and dark, 3 and 300 processes, and a log.
//!
//! `cargo run -p visor-tests --example screenshots -- DIRECTORY`, after `cargo build -p visor`.

use base64::Engine as _;
use std::path::Path;
use visor_tests::browser::{Browser, Options};
use visor_tests::e2e::{Daemon, Runtime, Setup, free_port};

const FEW: &str = "[program:web]\ncommand=/bin/sh -c 'i=0; while :; do i=$((i+1)); echo \"GET /item/$i 200 12ms\"; sleep 0.1; done'\n\
    [program:worker]\ncommand=sleep 1000\nautostart=false\n\
    [program:mailer]\ncommand=false\nstartretries=0\n";

fn main() {
    let directory = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "screenshots".into());
    let directory = Path::new(&directory);
    std::fs::create_dir_all(directory).expect("create the directory");
    let few = start(FEW);
    few.0.wait_running("web");
    few.0.wait_state("mailer", "FATAL");
    let many = start(&many());
    many.0.wait_running("reports:reports_39");
    let browser = Browser::start(Options {
        window: (1280, 900),
        ..Options::default()
    });
    for scheme in ["light", "dark"] {
        browser.prefer(scheme);
        for (host, count) in [(&few.1, 3), (&many.1, 300)] {
            browser.go(&format!("http://{host}/"));
            browser.wait_text("#live", "live");
            save(&browser, directory, &format!("status-{count}-{scheme}"));
        }
        browser.go(&format!("http://{}/tail.html?processname=web", few.1));
        browser.wait_text("#log", "GET /item/30 ");
        save(&browser, directory, &format!("log-{scheme}"));
    }
}

fn start(programs: &str) -> (Daemon, String) {
    let port = free_port();
    let daemon = Setup::new(Runtime::Smol)
        .supervisord("identifier=production")
        .server(&format!(
            "[unix_http_server]\nfile={{dir}}/s.sock\n[inet_http_server]\nport=127.0.0.1:{port}\n"
        ))
        .sections(programs)
        .start();
    (daemon, format!("127.0.0.1:{port}"))
}

fn many() -> String {
    let mut text = String::new();
    for name in ["api", "billing", "importer", "search", "thumbnails"] {
        text.push_str(&program(name, 46));
    }
    text.push_str(&program("reports", 40));
    for i in 0..30 {
        let command = ["sleep 1000", "false", "sleep 1001"][i % 3];
        let autostart = i % 3 != 2;
        text.push_str(&format!(
            "[program:job-{i:02}]\ncommand={command}\nautostart={autostart}\nstartretries=0\n"
        ));
    }
    text
}

fn program(name: &str, count: u32) -> String {
    format!(
        "[program:{name}]\ncommand=sleep 1000\nnumprocs={count}\nprocess_name=%(program_name)s_%(process_num)02d\n"
    )
}

fn save(browser: &Browser, directory: &Path, name: &str) {
    let picture = base64::engine::general_purpose::STANDARD
        .decode(browser.screenshot())
        .expect("a picture");
    let file = directory.join(format!("{name}.png"));
    std::fs::write(&file, picture).expect("write the picture");
    eprintln!("{}", file.display());
}
