//! Workers that end or hang.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use seccinch::inspect::{Error, Inspector};

use crate::support::{PATIENCE, PROGRAM, begun, describe, signal, status, worker};

/// Another executable than the program.
const OTHER: &str = "/bin/sh";

/// Check that a worker that was killed between two files is replaced, and counted.
#[test]
fn one_that_was_killed_is_replaced() {
    let (inspector, before) = begun();
    signal(before, Signal::SIGKILL);
    assert!(describe(&inspector, PROGRAM).unwrap().linkage.is_some());
    assert_eq!(inspector.deaths(), 1);
    assert_ne!(worker(&inspector), before);
    assert!(!Path::new(&format!("/proc/{before}")).exists(), "it waits to be reaped");
}

/// Check that a worker that is killed while it reads a file is replaced, and the file read all the same.
#[test]
fn one_that_is_killed_at_work_is_replaced() {
    let (inspector, before) = begun();
    signal(before, Signal::SIGSTOP);
    thread::scope(|scope| {
        let asked = scope.spawn(|| describe(&inspector, OTHER));
        thread::sleep(Duration::from_millis(200));
        assert!(!asked.is_finished(), "a stopped worker answered");
        signal(before, Signal::SIGKILL);
        assert!(asked.join().unwrap().unwrap().linkage.is_some());
    });
    assert_eq!(inspector.deaths(), 1);
}

/// Check that a worker that hangs is waited for no longer than was said, that its file is left alone from then on,
/// and that another file is read by another worker.
#[test]
fn one_that_hangs_is_given_up() {
    let (inspector, before) = begun();
    signal(before, Signal::SIGSTOP);
    let began = Instant::now();
    let error = describe(&inspector, OTHER).unwrap_err();
    let took = began.elapsed();
    assert!(matches!(error, Error::Late { .. }), "{error}");
    assert!(took >= PATIENCE.answer && took < PATIENCE.answer + Duration::from_secs(1), "{took:?}");
    let began = Instant::now();
    let again = describe(&inspector, OTHER).unwrap_err();
    assert!(matches!(again, Error::Remembered), "{again}");
    assert!(began.elapsed() < Duration::from_millis(100), "{:?}", began.elapsed());
    assert!(describe(&inspector, PROGRAM).unwrap().linkage.is_some());
    assert_eq!(inspector.deaths(), 1);
    assert!(!Path::new(&format!("/proc/{before}")).exists(), "it is still there");
}

/// Check that nobody asks for more once workers cost five seconds within a minute, and that those who ask wait no more.
#[test]
fn hanging_is_tolerated_for_so_long() {
    let (inspector, _) = begun();
    let folder = tempfile::tempdir().unwrap();
    let mut last = None;
    for number in 0..4 {
        let file = folder.path().join(number.to_string());
        std::fs::copy(OTHER, &file).unwrap();
        if inspector.worker().is_none() && number < 3 {
            describe(&inspector, PROGRAM).unwrap();
        }
        if let Some(worker) = inspector.worker() {
            signal(nix::unistd::Pid::from_raw(worker.cast_signed()), Signal::SIGSTOP);
        }
        last = Some(describe(&inspector, &file).unwrap_err());
    }
    let last = last.unwrap();
    assert!(matches!(last, Error::Exhausted), "{last}");
    assert_eq!(inspector.deaths(), 3);
}

/// Check that signals that are meant for the daemon leave its worker alone, and that it ends with the daemon.
#[test]
fn it_lives_as_long_as_the_socket() {
    let (inspector, before) = begun();
    for asked in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGQUIT, Signal::SIGUSR1] {
        signal(before, asked);
    }
    assert!(describe(&inspector, PROGRAM).is_ok());
    assert_eq!((worker(&inspector), inspector.deaths()), (before, 0));
    assert_eq!(status(before, "PPid"), std::process::id().to_string());
    drop(inspector);
    assert!(!Path::new(&format!("/proc/{before}")).exists(), "it outlived who started it");
}

/// Check that without a worker nothing is read, and that no file is to blame for it.
#[test]
fn no_worker_means_no_answer() {
    for program in ["/nonexistent", "/bin/false"] {
        let inspector = Inspector::confined_by(program.into(), PATIENCE);
        for _ in 0..2 {
            let error = describe(&inspector, PROGRAM).unwrap_err();
            assert!(matches!(error, Error::Start(_)), "{program}: {error}");
        }
    }
}
