//! Readiness, as systemd is told of it.

use std::io::ErrorKind;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;
use visor_tests::both_runtimes;
use visor_tests::e2e::Setup;

both_runtimes! {
    fn systemd_is_told_when_the_daemon_is_up(runtime: Runtime) {
        if runtime.is_reference() {
            return;
        }
        let setup = Setup::new(runtime).env("NOTIFY_SOCKET", "{dir}/notify");
        let socket = UnixDatagram::bind(setup.directory.file("notify")).expect("bind");
        socket.set_read_timeout(Some(Duration::from_secs(30))).expect("a time limit");
        let daemon = setup.start_unasked();
        let mut bytes = [0; 100];
        let length = socket.recv(&mut bytes).expect("a word from the daemon");
        let expected = format!("READY=1\nMAINPID={}\n", daemon.pid());
        assert_eq!(String::from_utf8_lossy(&bytes[..length]), expected);
        // A word is given once: another would be taken for the end of a restart.
        daemon.wait_up();
        socket.set_nonblocking(true).expect("not to wait");
        assert_eq!(socket.recv(&mut bytes).map_err(|error| error.kind()), Err(ErrorKind::WouldBlock));
        // By then it has done what others wait for.
        assert!(daemon.directory.file("s.sock").exists());
        assert_eq!(daemon.directory.read("supervisord.pid"), format!("{}\n", daemon.pid()));
    }

    fn in_the_background_the_daemons_own_pid_is_told(runtime: Runtime) {
        if runtime.is_reference() {
            return;
        }
        let setup = Setup::new(runtime).env("NOTIFY_SOCKET", "{dir}/notify");
        let socket = UnixDatagram::bind(setup.directory.file("notify")).expect("bind");
        socket.set_read_timeout(Some(Duration::from_secs(30))).expect("a time limit");
        let (launcher, daemon) = setup.daemonize();
        assert_eq!(launcher.code, Some(0), "{launcher:?}");
        let daemon = daemon.expect("a daemon");
        let mut bytes = [0; 100];
        let length = socket.recv(&mut bytes).expect("a word from the daemon");
        let expected = format!("READY=1\nMAINPID={}\n", daemon.pid());
        assert_eq!(String::from_utf8_lossy(&bytes[..length]), expected);
    }
}
