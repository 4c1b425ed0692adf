//! A browser for tests: Chromium through chromedriver, by the WebDriver protocol.

use crate::e2e::{Directory, free_port, until};
use serde_json::{Value, json};
use std::io::{self, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use visor_core::http::client::{Event, Receiver, request};

/// How a browser is set up.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Scripts of pages are not run.
    pub without_scripts: bool,
    /// Width and height of the window; a usual one if zero.
    pub window: (u32, u32),
}

/// A running browser with one window. Ends with its value.
#[derive(Debug)]
pub struct Browser {
    driver: Child,
    port: u16,
    session: String,
    _profile: Directory,
}

/// Whether there is a browser to test with: Debian's chromium and chromium-driver.
#[must_use]
pub fn is_there() -> bool {
    ["chromedriver", "chromium"]
        .iter()
        .all(|name| found(name).is_some())
}

fn found(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|directory| directory.join(name))
        .find(|file| file.is_file())
}

impl Browser {
    /// Starts a browser.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn start(options: Options) -> Self {
        let profile = Directory::new();
        let port = free_port();
        let driver = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("start chromedriver");
        let mut this = Self {
            driver,
            port,
            session: String::new(),
            _profile: profile,
        };
        until("chromedriver", || this.ask("GET", "/status", None).ok());
        let (width, height) = match options.window {
            (0, 0) => (1280, 800),
            window => window,
        };
        let data = this._profile.path().display();
        let mut chrome = json!({
            "binary": found("chromium"),
            "args": [
                "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                "--hide-scrollbars", format!("--window-size={width},{height}"),
                format!("--user-data-dir={data}"),
            ],
        });
        if options.without_scripts {
            chrome["prefs"] = json!({"profile.managed_default_content_settings.javascript": 2});
        }
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "browserName": "chrome", "goog:chromeOptions": chrome,
            "unhandledPromptBehavior": "accept",
        }}});
        let answer = this
            .ask("POST", "/session", Some(&wanted))
            .expect("start a browser");
        answer["sessionId"]
            .as_str()
            .expect("a session")
            .clone_into(&mut this.session);
        this
    }

    /// Goes to an address and waits until the page is there.
    ///
    /// # Panics
    /// If that is impossible.
    pub fn go(&self, address: &str) {
        self.command("POST", "url", Some(&json!({"url": address})));
    }

    /// What a script in the page returns.
    ///
    /// # Panics
    /// If it fails.
    #[must_use]
    pub fn eval(&self, script: &str) -> Value {
        let body = json!({"script": format!("return {script}"), "args": []});
        self.command("POST", "execute/sync", Some(&body))
    }

    /// The text of the first element that a selector finds, as a person sees it.
    #[must_use]
    pub fn text(&self, selector: &str) -> String {
        let answer = self.element(selector).and_then(|element| {
            self.ask("GET", &self.path(&format!("element/{element}/text")), None)
                .ok()
        });
        answer
            .and_then(|text| text.as_str().map(str::to_owned))
            .unwrap_or_default()
    }

    /// Waits until an element has this text in it.
    ///
    /// # Panics
    /// If that does not come.
    pub fn wait_text(&self, selector: &str, part: &str) {
        until(&format!("{part:?} in {selector}"), || {
            self.text(selector).contains(part).then_some(())
        });
    }

    /// Clicks an element, as a person does: it must be there and visible.
    ///
    /// # Panics
    /// If it does not become clickable.
    pub fn click(&self, selector: &str) {
        until(&format!("{selector} to be clickable"), || {
            let element = self.element(selector)?;
            let path = self.path(&format!("element/{element}/click"));
            self.ask("POST", &path, Some(&json!({}))).ok()
        });
    }

    /// Types into an element.
    ///
    /// # Panics
    /// If there is none.
    pub fn type_into(&self, selector: &str, text: &str) {
        let element = self.element(selector).expect("an element to type into");
        let path = format!("element/{element}/value");
        self.command("POST", &path, Some(&json!({"text": text})));
    }

    /// A picture of the window, as PNG in base64.
    ///
    /// # Panics
    /// If none can be taken.
    #[must_use]
    pub fn screenshot(&self) -> String {
        let answer = self.command("GET", "screenshot", None);
        answer.as_str().expect("a picture").to_owned()
    }

    /// Says what pages are told of the system's preference for dark or light.
    ///
    /// # Panics
    /// If the browser does not know how.
    pub fn prefer(&self, scheme: &str) {
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.command(
            "POST",
            "goog/cdp/execute",
            Some(&json!({"cmd": "Emulation.setEmulatedMedia", "params": {"features": features}})),
        );
    }

    fn element(&self, selector: &str) -> Option<String> {
        let body = json!({"using": "css selector", "value": selector});
        let found = self.ask("POST", &self.path("element"), Some(&body)).ok()?;
        let (_, id) = found.as_object()?.iter().next()?;
        id.as_str().map(str::to_owned)
    }

    fn path(&self, rest: &str) -> String {
        format!("/session/{}/{rest}", self.session)
    }

    fn command(&self, method: &str, rest: &str, body: Option<&Value>) -> Value {
        self.ask(method, &self.path(rest), body)
            .unwrap_or_else(|error| panic!("{rest} {body:?}: {error}"))
    }

    fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> io::Result<Value> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        let host = format!("127.0.0.1:{}", self.port);
        let text = body.map(Value::to_string);
        let headers = [
            ("Host", host.as_str()),
            ("Content-Type", "application/json"),
        ];
        stream.write_all(&request(
            method,
            path,
            &headers,
            text.as_deref().map(str::as_bytes),
        ))?;
        let (status, bytes) = answer(&mut stream)?;
        let answer: Value = serde_json::from_slice(&bytes)?;
        if status == 200 {
            Ok(answer["value"].clone())
        } else {
            Err(io::Error::other(answer["value"]["message"].to_string()))
        }
    }
}

/// Reads one response.
///
/// # Errors
/// The connection breaks, or what comes is not HTTP.
pub fn answer(stream: &mut impl io::Read) -> io::Result<(u16, Vec<u8>)> {
    let mut receiver = Receiver::new();
    let (mut status, mut body) = (0, Vec::new());
    let mut buffer = [0; 16 << 10];
    loop {
        match receiver.next().map_err(io::Error::other)? {
            Some(Event::Head(head)) => status = head.status,
            Some(Event::Body(more)) => body.extend(more),
            Some(Event::End) => return Ok((status, body)),
            None => match stream.read(&mut buffer)? {
                0 => receiver.close(),
                count => receiver.receive(&buffer[..count]),
            },
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !self.session.is_empty() {
            let _ = self.ask("DELETE", &format!("/session/{}", self.session), None);
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
