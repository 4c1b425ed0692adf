//! What is compared: visor with each runtime, and the reference. All are started, asked and stopped
//! in the same way.

use rustix::time::ClockId;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use visor_core::xmlrpc::{Message, Value, decode, encode};

/// How long anything may take before a benchmark gives up.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// One of the daemons.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Side {
    /// visor, runtime smol.
    Smol,
    /// visor, runtime std.
    Std,
    /// Supervisor 4.3.0.
    Reference,
}

impl Side {
    /// Column title.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Smol => "smol",
            Self::Std => "std",
            Self::Reference => "reference",
        }
    }
}

/// Where the programs are.
#[derive(Clone, Debug)]
pub struct Programs {
    /// visor's daemon.
    pub supervisord: PathBuf,
    /// visor's client.
    pub supervisorctl: PathBuf,
    /// The reference's directory of programs, if it is installed.
    pub reference: Option<PathBuf>,
    /// `bench-child`.
    pub child: PathBuf,
}

impl Programs {
    /// Those beside this benchmark, and the reference in target/reference or in
    /// `VISOR_REFERENCE_BIN`.
    ///
    /// # Errors
    /// Something is not built.
    pub fn find() -> io::Result<Self> {
        let here = std::env::current_exe()?;
        let bin = here.parent().unwrap_or(&here);
        let target = bin.parent().unwrap_or(bin);
        let reference = std::env::var_os("VISOR_REFERENCE_BIN")
            .map_or_else(|| target.join("reference/bin"), PathBuf::from);
        let need = |name: &str| {
            let path = bin.join(name);
            if path.exists() {
                return Ok(path);
            }
            let text = format!(
                "{} is missing: cargo build --release --workspace",
                path.display()
            );
            Err(io::Error::new(io::ErrorKind::NotFound, text))
        };
        Ok(Self {
            supervisord: need("supervisord")?,
            supervisorctl: need("supervisorctl")?,
            child: need("bench-child")?,
            reference: reference.join("supervisord").exists().then_some(reference),
        })
    }

    /// The sides that can be measured here.
    #[must_use]
    pub fn sides(&self) -> Vec<Side> {
        let mut sides = vec![Side::Smol, Side::Std];
        if self.reference.is_some() {
            sides.push(Side::Reference);
        }
        sides
    }
}

/// A directory that is empty at first and gone in the end; in memory where there is such a place,
/// so that no disk is measured.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    /// # Errors
    /// The directory cannot be made.
    pub fn new() -> io::Result<Self> {
        use std::sync::atomic::{AtomicU32, Ordering};
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let shm = Path::new("/dev/shm");
        let base = if shm.is_dir() {
            shm.to_owned()
        } else {
            std::env::temp_dir()
        };
        let n = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = base.join(format!("visor-bench-{}-{n}", std::process::id()));
        fs::create_dir_all(&path)?;
        Ok(Self(path))
    }

    /// A file in it.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed is in a directory that the system empties.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A daemon that runs.
#[derive(Debug)]
pub struct Daemon {
    child: Child,
    socket: PathBuf,
    /// CLOCK_MONOTONIC before the fork that led to its exec, in nanoseconds.
    pub begun: u64,
}

/// Ten thousand programs need three each.
const DESCRIPTORS: u64 = 65_536;

/// As many as there may be: a daemon that is promised more refuses to start. Root may have more
/// than it was given.
#[must_use]
pub fn descriptors() -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let maximum = limit.maximum.unwrap_or(DESCRIPTORS);
    let wanted = Rlimit {
        current: limit.current,
        maximum: Some(maximum.max(DESCRIPTORS)),
    };
    let _ = setrlimit(Resource::Nofile, wanted);
    getrlimit(Resource::Nofile)
        .maximum
        .unwrap_or(DESCRIPTORS)
        .min(DESCRIPTORS)
}

/// The last of so many stamps in a file, once all are there.
///
/// # Errors
/// They do not come.
pub fn last_of(file: &Path, count: usize) -> io::Result<u64> {
    wait_for("all stamps", || {
        let all = stamps(file);
        (all.len() >= count)
            .then(|| all.into_iter().max())
            .flatten()
    })
}

/// Nanoseconds of CLOCK_MONOTONIC.
#[must_use]
pub fn monotonic() -> u64 {
    nanos(ClockId::Monotonic)
}

/// Nanoseconds of a clock.
#[must_use]
pub fn nanos(clock: ClockId) -> u64 {
    let time = rustix::time::clock_gettime(clock);
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000_000
        + u64::try_from(time.tv_nsec).unwrap_or(0)
}

impl Daemon {
    /// Starts a daemon with these program sections. Returns at once.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(
        programs: &Programs,
        side: Side,
        scratch: &Scratch,
        sections: &str,
    ) -> io::Result<Self> {
        Self::start_with(programs, side, scratch, sections, &[])
    }

    /// The same with more flags.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start_with(
        programs: &Programs,
        side: Side,
        scratch: &Scratch,
        sections: &str,
        flags: &[&OsStr],
    ) -> io::Result<Self> {
        let at = |name: &str| scratch.path(name).display().to_string();
        let config = scratch.path("bench.conf");
        let text = format!(
            "[supervisord]\nlogfile={}\npidfile={}\nchildlogdir={}\nnodaemon=true\nsilent=true\n\
             minfds={}\nloglevel=warn\nuser=root\n[unix_http_server]\nfile={}\n\
             [rpcinterface:supervisor]\nsupervisor.rpcinterface_factory = \
             supervisor.rpcinterface:make_main_rpcinterface\n[supervisorctl]\n{sections}",
            at("daemon.log"),
            at("daemon.pid"),
            at(""),
            descriptors(),
            at("daemon.sock"),
        );
        fs::write(&config, text)?;
        let mut command = match (side, &programs.reference) {
            (Side::Reference, Some(bin)) => Command::new(bin.join("supervisord")),
            (Side::Reference, None) => {
                return Err(io::Error::other("the reference is not installed"));
            }
            (Side::Smol | Side::Std, _) => {
                let mut command = Command::new(&programs.supervisord);
                command.args(["--runtime", side.name()]);
                command
            }
        };
        command.arg("-n").arg("-c").arg(&config).args(flags);
        let log = File::create(scratch.path("console"))?;
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        let begun = monotonic();
        let child = command.spawn()?;
        Ok(Self {
            child,
            socket: scratch.path("daemon.sock"),
            begun,
        })
    }

    /// Its pid.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Where it listens.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// A connection to it, once it listens.
    ///
    /// # Errors
    /// It does not come up.
    pub fn connect(&self) -> io::Result<Client> {
        wait_for("the daemon's socket", || {
            UnixStream::connect(&self.socket).ok()
        })
        .map(Client::new)
    }

    /// CPU time it has used, in nanoseconds.
    #[must_use]
    pub fn cpu_nanos(&self) -> f64 {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.pid()));
        let of = |path: PathBuf| {
            let text = fs::read_to_string(path.join("schedstat")).ok()?;
            text.split_whitespace().next()?.parse::<f64>().ok()
        };
        tasks.map_or(0.0, |tasks| {
            tasks.flatten().filter_map(|task| of(task.path())).sum()
        })
    }

    /// Its proportional share of memory, in KiB.
    #[must_use]
    pub fn pss_kib(&self) -> f64 {
        let text = fs::read_to_string(format!("/proc/{}/smaps_rollup", self.pid()));
        field(&text.unwrap_or_default(), "Pss:")
    }

    /// How often its threads have slept and woken up.
    #[must_use]
    pub fn wake_ups(&self) -> f64 {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.pid()));
        let of = |path: PathBuf| {
            let text = fs::read_to_string(path.join("status")).unwrap_or_default();
            field(&text, "voluntary_ctxt_switches:")
        };
        tasks.map_or(0.0, |tasks| {
            tasks.flatten().map(|task| of(task.path())).sum()
        })
    }

    /// Ends it, and all it supervises.
    ///
    /// # Errors
    /// It does not end.
    pub fn stop(mut self) -> io::Result<()> {
        self.end()?;
        wait_for("the daemon's end", || self.child.try_wait().ok().flatten()).map(drop)
    }

    fn end(&self) -> io::Result<()> {
        let raw = i32::try_from(self.pid()).ok();
        if let Some(pid) = raw.and_then(rustix::process::Pid::from_raw) {
            rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
        }
        Ok(())
    }
}

/// A benchmark that gave up leaves nothing that runs.
impl Drop for Daemon {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) && self.end().is_ok() {
            let _ = self.child.wait();
        }
    }
}

/// The first number after `name` at the start of a line.
fn field(text: &str, name: &str) -> f64 {
    text.lines()
        .find_map(|line| line.strip_prefix(name))
        .and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .unwrap_or(f64::NAN)
}

/// Looks until there is something.
///
/// # Errors
/// There is nothing within [`PATIENCE`].
pub fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> io::Result<T> {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        if let Some(found) = look() {
            return Ok(found);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Err(io::Error::new(
        io::ErrorKind::TimedOut,
        format!("waited {} s for {what}", PATIENCE.as_secs()),
    ))
}

/// A client of a daemon, on one connection that is kept.
#[derive(Debug)]
pub struct Client(BufReader<UnixStream>);

impl Client {
    fn new(stream: UnixStream) -> Self {
        Self(BufReader::with_capacity(1 << 16, stream))
    }

    /// A request, ready to be sent many times.
    #[must_use]
    pub fn request(method: &str, params: &[Value]) -> Vec<u8> {
        let body = encode(&Message::Call {
            method: method.to_owned(),
            params: params.to_vec(),
        });
        let head = format!(
            "POST /RPC2 HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml\r\n\
             Content-Length: {}\r\n\r\n",
            body.len()
        );
        [head.into_bytes(), body.into_bytes()].concat()
    }

    /// Sends a request and returns the body of the answer.
    ///
    /// # Errors
    /// The connection's, or an answer without a length.
    pub fn exchange(&mut self, request: &[u8]) -> io::Result<Vec<u8>> {
        self.0.get_mut().write_all(request)?;
        let (mut length, mut line) = (None, String::new());
        loop {
            line.clear();
            if self.0.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let text = line.trim_end().to_ascii_lowercase();
            if text.is_empty() {
                break;
            }
            if let Some(value) = text.strip_prefix("content-length:") {
                length = value.trim().parse::<usize>().ok();
            }
        }
        let mut body = vec![0; length.ok_or(io::ErrorKind::InvalidData)?];
        self.0.read_exact(&mut body)?;
        Ok(body)
    }

    /// A call and its result.
    ///
    /// # Errors
    /// The connection's, or a fault.
    pub fn call(&mut self, method: &str, params: &[Value]) -> io::Result<Value> {
        let body = self.exchange(&Self::request(method, params))?;
        match decode(&body) {
            Ok(Message::Response(value)) => Ok(value),
            other => Err(io::Error::other(format!("{method}: {other:?}"))),
        }
    }

    /// How many processes are in this state.
    ///
    /// # Errors
    /// The call's.
    pub fn count(&mut self, state: &str) -> io::Result<usize> {
        let all = self.call("supervisor.getAllProcessInfo", &[])?;
        let is = |value: &&Value| value.member("statename").and_then(Value::as_str) == Some(state);
        Ok(all.as_array().unwrap_or_default().iter().filter(is).count())
    }
}

/// All stamps in a file.
#[must_use]
pub fn stamps(path: &Path) -> Vec<u64> {
    let bytes = fs::read(path).unwrap_or_default();
    bytes
        .chunks_exact(8)
        .filter_map(|chunk| chunk.try_into().ok().map(u64::from_le_bytes))
        .collect()
}
