//! What a restart leaves to the next daemon, and a stop does not.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};

use crate::bpf_fs;

/// A folder for pins, gone with the test.
struct Pins(PathBuf);

impl Drop for Pins {
    fn drop(&mut self) {
        // Whatever is left: a test that failed must not leave programs attached.
        let _ = fs::remove_dir_all(&self.0);
    }
}

struct Daemon {
    child: Child,
    said: BufReader<ChildStderr>,
}

/// Starts a daemon, and waits until it counts; gives back what it said of the programs.
fn start(config: &Path) -> (Daemon, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_seccinch"));
    command.args(["daemon", "--config"]).arg(config).env("SECCINCH_LOG", "info").env("NO_COLOR", "1");
    let mut child = command.stderr(Stdio::piped()).spawn().expect("it starts");
    let mut said = BufReader::new(child.stderr.take().expect("its standard error"));
    let (mut line, mut attached) = (String::new(), String::new());
    while !line.contains(" counting") {
        line.clear();
        assert!(said.read_line(&mut line).expect("text") > 0, "it ended: {:?}", child.wait());
        if line.contains("programs attached") {
            attached.clone_from(&line);
        }
    }
    (Daemon { child, said }, attached)
}

impl Daemon {
    fn end(mut self, signal: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().expect("kill runs").success());
        let mut rest = String::new();
        self.said.read_to_string(&mut rest).expect("text");
        assert_eq!(self.child.wait().expect("it ends").code(), Some(0), "{rest}");
    }
}

/// Check that SIGUSR1, which a restart sends, leaves the programs to the next daemon, which takes them over, and that
/// SIGTERM leaves nothing.
#[test]
fn a_restart_goes_on_counting() {
    let folder = tempfile::tempdir().expect("a folder");
    let name = format!("seccinch-hand-over-{}", std::process::id());
    let pins = Pins(bpf_fs::pin(&name).expect("a place for pins"));
    let at = |name: &str| folder.path().join(name).display().to_string();
    let text = format!(
        "state = \"{}\"\ndiscover = \"none\"\n[http]\nlisten = \"off\"\n[control]\nsocket = \"{}\"\n[kernel]\npin = \"{}\"\n",
        at("state"),
        at("control.sock"),
        pins.0.display()
    );
    let config = folder.path().join("seccinch.toml");
    fs::write(&config, text).expect("written");
    let is_pinned = || fs::read_dir(&pins.0).is_ok_and(|mut entries| entries.next().is_some());
    let (daemon, attached) = start(&config);
    assert!(attached.contains("takeover=Fresh"), "{attached}");
    daemon.end("-USR1");
    assert!(is_pinned());
    let (daemon, attached) = start(&config);
    assert!(attached.contains("takeover=TakenOver"), "{attached}");
    daemon.end("-TERM");
    assert!(!is_pinned());
}
