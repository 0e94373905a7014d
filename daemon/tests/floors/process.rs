//! The floor of every process, with programs that are not Go.

use std::{
    collections::BTreeSet,
    fs,
    process::{Child, Command},
    time::{Duration, Instant},
};

use seccinch::{
    model::Arch,
    policy::floor::{self, Floor, NoNewPrivileges},
};

use crate::{
    filter::Filter,
    launch::{self, Ending, Setting},
};

/// A shell that takes a signal and goes on.
const SIGNALLED: &str = "trap : USR1; kill -s USR1 $$; exit 0";

/// The floor's names here.
fn names() -> BTreeSet<&'static str> {
    let entries = floor::floor(Arch::NATIVE, None, None, NoNewPrivileges::Set).unwrap();
    entries.into_iter().filter(|entry| entry.floor == Floor::Process).map(|entry| entry.name).collect()
}

fn command(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments);
    command
}

/// Runs a command without one name of the floor, and without any filter: the first must break.
fn breaks_without(name: &str, program: &str, arguments: &[&str]) {
    assert!(names().contains(name), "{name} is not in the floor");
    let refusing = Filter::without(name);
    let ending = launch::run(command(program, arguments), Some(&refusing), Setting::Plain);
    assert!(ending.is_killed_by_filter(), "{program} without {name} does not break: {ending}");
    let ending = launch::run(command(program, arguments), None, Setting::Plain);
    assert!(ending.status.success(), "{program} under no filter: {ending}");
}

/// Check that no program starts without `execve`: the filter is there before it.
#[test]
fn execve() {
    breaks_without("execve", "/bin/true", &[]);
}

/// Check that a program cannot end without `exit_group`.
#[test]
fn exit_group() {
    breaks_without("exit_group", "/bin/true", &[]);
}

/// Check that a program cannot take a signal without `rt_sigreturn`.
#[test]
fn rt_sigreturn() {
    breaks_without("rt_sigreturn", "/bin/sh", &["-c", SIGNALLED]);
}

/// Check that a program that is stopped and continued in its sleep breaks without `restart_syscall`, which
/// it never calls itself, and does not with it.
#[test]
fn restart_syscall() {
    assert!(names().contains("restart_syscall"));
    let ending = stop_and_continue(Some(&Filter::without("restart_syscall")));
    assert!(ending.is_killed_by_filter(), "sleep without restart_syscall does not break: {ending}");
    let ending = stop_and_continue(None);
    assert!(ending.status.success(), "sleep under no filter: {ending}");
}

/// Check that every name of the floor has its test here.
#[test]
fn no_name_is_forgotten() {
    assert_eq!(names(), BTreeSet::from(["execve", "exit_group", "restart_syscall", "rt_sigreturn"]));
}

/// Stops `sleep` while it sleeps, and lets it go on.
fn stop_and_continue(filter: Option<&Filter>) -> Ending {
    let child = launch::start(command("/bin/sleep", &["1"]), filter, Setting::Plain);
    let pid = launch::pid(&child);
    wait_for_sleep(&child);
    launch::send(pid, libc::SIGSTOP);
    let status = launch::wait_for_stop(pid);
    assert!(libc::WIFSTOPPED(status), "sleep ended before it was stopped: status {status:#x}");
    launch::send(pid, libc::SIGCONT);
    launch::finish(child)
}

/// Returns once the child is in `clock_nanosleep` (`/proc/PID/syscall` begins with the number).
fn wait_for_sleep(child: &Child) {
    let number = libc::SYS_clock_nanosleep.to_string();
    let deadline = Instant::now() + Duration::from_secs(10);
    let path = format!("/proc/{}/syscall", child.id());
    while fs::read_to_string(&path).unwrap().split_whitespace().next() != Some(&number) {
        assert!(Instant::now() < deadline, "sleep does not sleep");
        std::thread::yield_now();
    }
}
