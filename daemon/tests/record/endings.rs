//! How a recording ends, and that it always leaves a whole file.
#![expect(clippy::expect_used, reason = "a helper that fails is a failed test")]

use std::fs;
use std::io::Read;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use seccinch::model::{Arch, Phase};
use seccinch::syscalls;

use crate::support::{read, record, start};

fn signal(child: &std::process::Child, signal: Signal) {
    kill(Pid::from_raw(child.id().cast_signed()), signal).expect("the process is there");
}

/// Check that a command's input and output pass through, and its exit code is ours.
#[test]
fn a_command_keeps_its_output_and_its_code() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = folder.path().join("observations.json");
    let ran = record(&[], &["--", "sh", "-c", "echo out; echo err >&2; exit 42"], &output);
    assert_eq!(ran.status.code(), Some(42));
    assert_eq!(String::from_utf8_lossy(&ran.stdout), "out\n");
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(said.starts_with("err\n\nmain: "), "{said}");
    assert!(!said.contains('\r'), "a status line in a pipe: {said:?}");
    let ran = record(&[], &["--", "sh", "-c", "kill -9 $$"], &output);
    assert_eq!(ran.status.code(), Some(128 + 9));
    assert!(!read(&output).roles.is_empty(), "a killed command leaves what it did");
}

/// Check that signals that only we get are passed on, and what the command does then is its shutdown.
#[test]
fn signals_are_passed_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = folder.path().join("observations.json");
    let script = "trap 'exit 7' TERM; echo ready; while :; do sleep 0.01; done";
    let mut recording = start(&["--", "sh", "-c", script], &output);
    let mut ready = [0; 6];
    recording.child.stdout.take().expect("piped").read_exact(&mut ready).expect("the command is ready");
    signal(&recording.child, Signal::SIGTERM);
    let mut rest = String::new();
    recording.stderr.read_to_string(&mut rest).expect("readable");
    assert_eq!(recording.child.wait().expect("it ends").code(), Some(7), "{rest}");
    let exit = syscalls::number(Arch::NATIVE, "exit_group").expect("known");
    let observations = read(&output);
    let main = &observations.roles[0];
    assert_eq!(main.syscalls[&exit].counts.get(Phase::Shutdown), 1, "{:?}", main.syscalls[&exit]);
}

/// Check that Ctrl-C ends the recording of a process that goes on, with a whole file.
#[test]
fn an_interrupted_recording_leaves_a_whole_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = folder.path().join("observations.json");
    let mut target = Command::new("sleep").arg("600").spawn().expect("sleep starts");
    let mut recording = start(&["--pid", &target.id().to_string()], &output);
    signal(&recording.child, Signal::SIGINT);
    assert!(recording.child.wait().expect("it ends").success());
    assert!(target.try_wait().expect("our child").is_none(), "the target was ended too");
    assert_eq!(read(&output).roles.len(), 1);
    target.kill().expect("it can be killed");
    target.wait().expect("it ends");
}

/// Check that a duration ends a recording, and asks a command to end so that its shutdown is recorded.
#[test]
fn a_duration_ends_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = folder.path().join("observations.json");
    let begin = Instant::now();
    let ran = record(&[], &["--duration", "300ms", "--", "sleep", "600"], &output);
    assert!(begin.elapsed() < Duration::from_secs(8), "it took {:?}", begin.elapsed());
    assert_eq!(ran.status.code(), Some(128 + 15), "sleep ends by SIGTERM");
    assert!(!read(&output).roles.is_empty());
}

/// Check that a file that stood at the output is replaced as a whole, and the JSON on standard output is the
/// same document.
#[test]
fn the_file_is_replaced_and_the_json_is_the_same() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = folder.path().join("observations.json");
    fs::write(&output, "what stood here before, which is longer than nothing").expect("written");
    let ran = record(&[], &["--format", "json", "--", "true"], &output);
    assert!(ran.status.success());
    assert_eq!(fs::read(&output).expect("the file"), ran.stdout);
    assert!(ran.stderr.is_empty(), "{}", String::from_utf8_lossy(&ran.stderr));
}

/// Check that a recording of a unit that never came says so, and leaves an earlier recording alone.
#[test]
fn a_recording_of_nothing_replaces_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = folder.path().join("observations.json");
    fs::write(&output, "an earlier recording").expect("written");
    let ran = record(&[], &["--unit", "no-such-unit", "--duration", "300ms"], &output);
    let said = String::from_utf8_lossy(&ran.stderr);
    assert_eq!(ran.status.code(), Some(2), "{said}");
    assert!(said.contains("no process of that name runs now: waiting for one to start"), "{said}");
    assert!(said.contains("seccinch: nothing was recorded: no process of that unit"), "{said}");
    assert_eq!(fs::read_to_string(&output).expect("readable"), "an earlier recording");
}
