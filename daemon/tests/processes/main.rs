//! Processes that live in unusual ways, counted by the real kernel: exactly, or shown as lost.
//!
//! Needs root, and a C compiler for `odd.c`.

mod support;

use std::process::Stdio;
use std::thread;
use std::time::Duration;

use seccinch::model::{Arguments, Role};

use support::{Odd, calls, foreign, record, record_pids, wait_for_line};

/// Check that two threads that call as fast as they can for ten seconds are counted exactly.
#[test]
fn nothing_is_lost_under_full_load() {
    let run = record(&["busy", "10000"]);
    let counted_itself: u64 = run.stdout.trim().parse().expect("the program prints its own count");
    assert!(counted_itself > 1_000_000, "only {counted_itself} calls in ten seconds");
    assert_eq!(calls(&run.observations, "getppid"), counted_itself);
    assert!(run.observations.losses.is_empty(), "{:?}", run.observations.losses);
}

/// Check that the same holds on raw tracepoints.
#[test]
fn nothing_is_lost_on_raw_tracepoints() {
    let run = support::record_with(&["--tracepoints", "raw"], &["busy", "1000"]);
    let counted_itself: u64 = run.stdout.trim().parse().expect("the program prints its own count");
    assert_eq!(calls(&run.observations, "getppid"), counted_itself);
}

/// Check that 32-bit calls from 64-bit code are counted apart, on both kinds of tracepoint, and never as
/// the native call of that number (20: `getpid` there, `writev` here).
#[test]
fn compat_calls_are_foreign() {
    for kind in ["btf", "raw"] {
        let run = support::record_with(&["--tracepoints", kind], &["int80", "1000"]);
        assert_eq!(foreign(&run.observations), 1000, "{kind}");
        assert_eq!(calls(&run.observations, "writev"), 0, "{kind}");
    }
}

/// Check that x32 numbers are counted apart.
#[test]
fn x32_calls_are_foreign() {
    let run = record(&["x32", "1000"]);
    assert_eq!((foreign(&run.observations), calls(&run.observations, "writev")), (1000, 0));
}

/// Check that a process lives on when its first thread has ended.
#[test]
fn a_process_outlives_its_leader() {
    let run = record(&["leaderless", "1000"]);
    assert_eq!(calls(&run.observations, "getppid"), 1000);
}

/// Check that an exec by another thread than the first is followed.
#[test]
fn an_exec_by_another_thread_is_followed() {
    let run = record(&["thread-exec", "1000"]);
    assert_eq!(calls(&run.observations, "getppid"), 1000);
    assert_eq!(
        run.observations.roles.len(),
        1,
        "the same binary is the same role: {:?}",
        run.observations.roles
    );
}

/// Check that a child whose parent is its parent's parent is followed.
#[test]
fn a_sister_is_followed() {
    let run = record(&["clone-parent", "1000"]);
    assert_eq!(calls(&run.observations, "getppid"), 1000);
}

/// Check that an executable without a name in any file system is a role of its own, and what is meant, as it
/// was executed in the place of the command.
#[test]
fn a_memfd_executable_is_a_role() {
    let run = record(&["memfd", "1000"]);
    assert_eq!(calls(&run.observations, "getppid"), 1000);
    let roles: Vec<_> =
        run.observations.roles.iter().map(|role| (&role.role, role.build.path.as_str())).collect();
    let memfd = |path: &str| path.contains("memfd") || path.contains("/dev/fd") || path.contains("/proc");
    assert!(matches!(roles[..], [(Role::Main, path), (Role::Child(_), _)] if memfd(path)), "{roles:?}");
}

/// Check that ten thousand short-lived children are counted.
#[test]
fn a_fork_storm_is_counted() {
    let run = record(&["storm", "10000"]);
    assert_eq!(calls(&run.observations, "getppid"), 10_000);
    let processes: u64 = run.observations.roles.iter().map(|role| role.processes).sum();
    assert_eq!(processes, 10_001);
}

/// Check that children that execute a file are counted too, in the role of that file.
#[test]
fn an_exec_storm_is_counted() {
    let run = record(&["exec-storm", "1000"]);
    assert_eq!(calls(&run.observations, "getppid"), 1000);
    assert_eq!(calls(&run.observations, "execve"), 1001);
}

/// Check that a process that gets the id of a target that just ended is not taken for it.
#[test]
fn a_reused_id_is_another_process() {
    let mut lasting = Odd::start(&["blocked"]);
    let mut ending = Odd::start(&["blocked"]);
    let ended = ending.id();
    let mut recording = record_pids(&[lasting.id(), ended]);
    wait_for_line(&mut recording, "counting");
    ending.finish();
    let reused = support::odd().args(["with-pid", &ended.to_string(), "1000"]).status().expect("odd starts");
    assert!(reused.success(), "no process with id {ended} could be made");
    lasting.finish();
    let observations = support::finish(recording);
    assert_eq!(calls(&observations, "getppid"), 0);
}

/// Check that a call that was under way when the recording began is in it, though it is in no count.
#[test]
fn calls_in_flight_are_seen_on_attach() {
    let mut target = Odd::start(&["blocked"]);
    support::wait_until_blocked(target.id());
    let mut recording = record_pids(&[target.id()]);
    wait_for_line(&mut recording, "counting");
    target.finish();
    let observations = support::finish(recording);
    let read = support::seen(&observations, "read").expect("the call in flight is seen");
    assert!(read.in_flight, "{read:?}");
    assert_eq!(read.counts.total(), 0, "it was entered before");
}

/// Check that more argument values than are kept make every value possible, and are no loss of counts.
#[test]
fn too_many_argument_values_make_any_value_possible() {
    let run = record(&["many-arguments", "2000"]);
    let ioctl = support::seen(&run.observations, "ioctl").expect("ioctl was called");
    assert_eq!((ioctl.counts.total(), &ioctl.arguments), (2000, &Arguments::Any));
}

/// Check that two recordings of the same process count it both.
#[test]
fn two_recordings_do_not_disturb_each_other() {
    let mut target = Odd::start_with(&["blocked"], Stdio::piped());
    let recordings = [record_pids(&[target.id()]), record_pids(&[target.id()])];
    let recordings = recordings.map(|mut recording| {
        wait_for_line(&mut recording, "counting");
        recording
    });
    thread::sleep(Duration::from_millis(1));
    target.finish();
    for recording in recordings {
        let observations = support::finish(recording);
        assert_eq!(calls(&observations, "exit_group"), 1);
    }
}
