//! What the daemon says when it can't begin, word for word, with its exit status.

use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const SECCINCH: &str = env!("CARGO_BIN_EXE_seccinch");

/// A folder with a configuration in it that touches nothing else.
struct Place {
    folder: tempfile::TempDir,
    listen: String,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder"), listen: "off".to_owned() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn shown(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// The main file, with these lines before all sections.
    fn config(&self, more: &str) -> PathBuf {
        let text = format!(
            "state = \"{}\"\n{more}\n[http]\nlisten = \"{}\"\n[control]\nsocket = \"{}\"\n[kernel]\npin = \"{}\"\n",
            self.shown("state"),
            self.listen,
            self.shown("control.sock"),
            self.shown("pins")
        );
        let path = self.path("seccinch.toml");
        fs::write(&path, text).expect("written");
        path
    }
}

fn daemon(before: &[&str], config: &Path) -> Output {
    let words: Vec<&str> = before.iter().copied().chain([SECCINCH, "daemon", "--config"]).collect();
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).arg(config).env("SECCINCH_LOG", "error").stdin(Stdio::null());
    command.output().expect("the command starts")
}

/// Compares all that is said, and the exit status.
fn check(before: &[&str], config: &Path, code: i32, message: &str) {
    let ran = daemon(before, config);
    assert_eq!(String::from_utf8_lossy(&ran.stderr), format!("seccinch: {message}\n"));
    assert_eq!(ran.status.code(), Some(code));
}

/// Check that faults of a configuration are told with their places and the nearest known key, each on a line.
#[test]
fn a_bad_configuration() {
    let place = Place::new();
    let config = place.config("pol_interval = \"1s\"");
    let at = config.display();
    check(
        &[],
        &config,
        2,
        &format!(
            "{at}: line 2 column 1: unknown key `pol_interval`; the nearest known one is `poll_interval`"
        ),
    );
    let config = place.config("poll_interval = \"2h\"\nflush_interval = \"x\"");
    let message = format!(
        "{at}: line 3 column 18: `x` is no length of time (expected number at 0): write it like 30s, 5m or 90d"
    );
    check(&[], &config, 2, &message);
    fs::write(&config, "x = [").expect("written");
    check(&[], &config, 2, &format!("{at}: line 1 column 6: unclosed array, expected `]`"));
    assert!(!place.path("state").exists(), "it began with a bad configuration");
}

/// Check that a file that was named has to be there.
#[test]
fn a_missing_configuration() {
    let place = Place::new();
    let config = place.path("none.toml");
    let message = format!("cannot read {}: No such file or directory (os error 2)", config.display());
    check(&[], &config, 2, &message);
}

/// Check that the state folder has one daemon, and that the second one says which it is.
#[test]
fn a_second_daemon() {
    let place = Place::new();
    fs::create_dir(place.path("state")).expect("made");
    let lock = File::create(place.path("state/lock")).expect("made");
    lock.lock().expect("locked");
    fs::write(place.path("state/lock"), "4711\n").expect("written");
    let message = format!(
        "the state folder {} is in use by process 4711: stop that daemon first, or set `state` to another folder",
        place.shown("state")
    );
    check(&[], &place.config(""), 1, &message);
}

/// Check that a socket that answers, and a file that is none, are left alone.
#[test]
fn the_socket_is_taken() {
    let place = Place::new();
    let path = place.path("control.sock");
    let listener = UnixListener::bind(&path).expect("a socket");
    let at = path.display();
    let message = format!(
        "another seccinch daemon listens on {at}: stop that one first, or give this one a `socket` of its own in \
         [control]"
    );
    check(&[], &place.config(""), 1, &message);
    drop(listener);
    fs::remove_file(&path).expect("removed");
    fs::write(&path, "precious").expect("written");
    let message =
        format!("{at} is no socket, and is left alone: remove it, or name another `socket` in [control]");
    check(&[], &place.config(""), 3, &message);
    assert_eq!(fs::read(&path).expect("there"), b"precious");
}

/// Check that a port of another program is told.
#[test]
fn the_port_is_taken() {
    let mut place = Place::new();
    let other = TcpListener::bind("127.0.0.1:0").expect("a port");
    place.listen = other.local_addr().expect("its address").to_string();
    let message = format!(
        "cannot listen on {}: another program has that port; stop it, or set `listen` in [http] to another one, or \
         to \"off\": Address already in use (os error 98)",
        place.listen
    );
    check(&[], &place.config(""), 1, &message);
    assert!(!place.path("control.sock").exists(), "the socket stays behind");
}

/// Check that a process without privilege is told so, and that a folder that is on no BPF file system is.
#[test]
fn the_system_cannot() {
    let place = Place::new();
    let before = ["setpriv", "--inh-caps=-all", "--bounding-set=-all"];
    let message = "loading eBPF programs needs root, or CAP_BPF, CAP_PERFMON and CAP_SYS_PTRACE; this process has \
                   effective capabilities 0x0: run it with sudo";
    check(&before, &place.config(""), 3, message);
    let message = format!(
        "{} is not on a BPF file system, where programs outlive the daemon: `mount -t bpf bpf /sys/fs/bpf`",
        place.shown("pins")
    );
    check(&[], &place.config(""), 3, &message);
}

/// Check that a full disk is told, and what to do.
#[test]
fn the_disk_is_full() {
    let place = Place::new();
    let config = place.config("");
    let state = place.shown("state");
    fs::create_dir(&state).expect("made");
    let script = format!("mount -t tmpfs -o nr_inodes=1 none {state} && exec \"$0\" \"$@\"");
    let ran = daemon(&["unshare", "--mount", "sh", "-c", &script], &config);
    let said = String::from_utf8_lossy(&ran.stderr);
    let message = format!("seccinch: cannot use {state} as state folder: free some room there: ");
    assert!(
        said.starts_with(&message) && said.ends_with("No space left on device (os error 28)\n"),
        "{said}"
    );
    assert_eq!(ran.status.code(), Some(1));
}

/// Check that whoever asks without a daemon is told what to do, with the status for that.
#[test]
fn nobody_answers() {
    let place = Place::new();
    let socket = place.shown("control.sock");
    for command in [&["status"][..], &["workload", "list"], &["finding", "list"]] {
        let ran =
            Command::new(SECCINCH).args(command).args(["--socket", &socket]).output().expect("it starts");
        let message = format!(
            "seccinch: no seccinch daemon answers on {socket}: start it with `systemctl start seccinch` or `seccinch \
             daemon`, or name its socket with --socket: No such file or directory (os error 2)\n"
        );
        assert_eq!(String::from_utf8_lossy(&ran.stderr), message);
        assert_eq!(ran.status.code(), Some(3));
    }
}
