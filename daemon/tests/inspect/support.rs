//! Workers under test, and files for them.

use std::fs::{self, File};
use std::path::Path;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use seccinch::inspect::{Error, Inspector, Patience};
use seccinch::model::Build;

/// The seccinch under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_seccinch");

/// How long these workers may take: not long, where one is made to hang.
pub(crate) const PATIENCE: Patience =
    Patience { start: Duration::from_secs(20), answer: Duration::from_secs(2) };

pub(crate) fn confined() -> Inspector {
    Inspector::confined_by(PROGRAM.into(), PATIENCE)
}

pub(crate) fn describe(inspector: &Inspector, path: impl AsRef<Path>) -> Result<Build, Error> {
    let path = path.as_ref();
    inspector.describe(path.display().to_string(), File::open(path).expect("a file"))
}

/// An inspector with a worker that has answered before, and that worker.
pub(crate) fn begun() -> (Inspector, Pid) {
    let inspector = confined();
    describe(&inspector, PROGRAM).expect("a good file");
    let worker = worker(&inspector);
    (inspector, worker)
}

pub(crate) fn worker(inspector: &Inspector) -> Pid {
    Pid::from_raw(inspector.worker().expect("a worker").cast_signed())
}

pub(crate) fn signal(process: Pid, signal: Signal) {
    kill(process, signal).expect("a process to signal");
}

/// A field of a process's status (`proc_pid_status(5)`).
pub(crate) fn status(process: Pid, field: &str) -> String {
    let text = fs::read_to_string(format!("/proc/{process}/status")).expect("a live process");
    let value = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    value.unwrap_or_else(|| panic!("no {field} in {text}")).trim().to_owned()
}
