//! What `record` says when it can't, word for word, with its exit status.
#![expect(clippy::expect_used, reason = "a helper that fails is a failed test")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::support::{SECCINCH, record};

/// Runs it, and compares all that it says, and its exit status. Nothing may be left at the output.
fn check(before: &[&str], arguments: &[&str], code: i32, message: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let output = folder.path().join("observations.json");
    let ran = record(before, arguments, &output);
    assert_eq!(String::from_utf8_lossy(&ran.stderr), format!("seccinch: {message}\n"), "{arguments:?}");
    assert_eq!(ran.status.code(), Some(code), "{arguments:?}");
    assert!(!output.exists(), "{arguments:?} left a file");
}

/// Check that a process without privilege is told so, and what to do.
#[test]
fn no_privilege() {
    let before = ["setpriv", "--inh-caps=-all", "--bounding-set=-all"];
    let message = "loading eBPF programs needs root, or CAP_BPF, CAP_PERFMON and CAP_SYS_PTRACE; this process has \
                   effective capabilities 0x0: run it with sudo";
    check(&before, &["--pid", "1"], 3, message);
    // With a command, its own faults are 125.
    check(&before, &["--", "true"], 125, message);
}

/// Check that a kernel without type information is told from a file that is none.
#[test]
fn no_type_information() {
    let script = "mount -t tmpfs none /sys/kernel/btf && exec \"$0\" \"$@\"";
    let message = "cannot read the kernel's type information (BTF) from /sys/kernel/btf/vmlinux: the kernel needs \
                   CONFIG_DEBUG_INFO_BTF, or `--btf FILE` names a BTF file made for it: No such file or directory \
                   (os error 2)";
    check(&["unshare", "--mount", "sh", "-c", script], &["--pid", "1"], 3, message);
    let message =
        "the type information in /etc/passwd is not usable: it does not begin with the BTF magic number";
    check(&[], &["--btf", "/etc/passwd", "--pid", "1"], 3, message);
}

/// Check that a kernel without bpf(2) is told.
#[test]
fn no_bpf() {
    let inject = ["-e", "trace=bpf", "-e", "inject=bpf:error=ENOSYS"];
    let before = [&["strace", "-f", "-qq", "-o", "/dev/null"][..], &inject].concat();
    let message = "the kernel does not take seccinch's eBPF maps (Linux 5.11 or newer with CONFIG_BPF_SYSCALL is \
                   needed): map error: failed to create map";
    let folder = tempfile::tempdir().expect("a folder");
    let ran = record(&before, &["--pid", "1"], &folder.path().join("observations.json"));
    let said = String::from_utf8_lossy(&ran.stderr);
    // Which map is the first is not a promise.
    assert!(said.starts_with(&format!("seccinch: {message}")), "{said}");
    assert!(said.ends_with("Function not implemented (os error 38)\n"), "{said}");
    assert_eq!(ran.status.code(), Some(3));
}

/// Check that another pid namespace is told.
#[test]
fn another_pid_namespace() {
    let message = "this process is in another pid namespace than the host's, so the kernel's pids mean nothing to \
                   it: run seccinch on the host (in a container: with `--pid=host`)";
    check(&["unshare", "--pid", "--fork", "--mount-proc"], &["--pid", "1"], 3, message);
}

/// Check that ids of no process, of a thread, of a kernel thread and of an ended process are told apart.
#[test]
fn ids_of_no_process() {
    let message =
        "no process 4194303: it has ended, or its id belongs to another pid namespace (ids are the host's)";
    check(&[], &["--pid", "4194303"], 2, message);
    check(&[], &["--pid", "2"], 2, "process 2 is a kernel thread: it makes no system calls");

    let mut ended = Command::new("true").spawn().expect("true starts");
    let pid = ended.id().to_string();
    let is_zombie =
        || fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains(") Z "));
    while !is_zombie() {
        std::thread::yield_now();
    }
    let message = format!("process {pid} ended while it was being attached to: nothing was recorded");
    check(&[], &["--pid", &pid], 2, &message);
    ended.wait().expect("it has ended");

    let (process, (tell, told)) = (std::process::id(), std::sync::mpsc::channel::<()>());
    let thread = std::thread::spawn(move || told.recv());
    let threads = fs::read_dir("/proc/self/task").expect("our threads");
    let other = threads
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .find(|tid| *tid != process);
    let other: u32 = other.expect("another thread than the first");
    let message =
        format!("{other} is a thread of process {process}: record that process with `--pid {process}`");
    check(&[], &["--pid", &other.to_string()], 2, &message);
    drop(tell);
    assert!(thread.join().expect("the thread ends").is_err(), "nobody sent anything");
}

/// Check that commands that are not there, may not run, or are no programs have the codes of a shell.
#[test]
fn commands_that_cannot_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, mode: u32, text: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, text).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("changed");
        path.to_str().expect("a path").to_owned()
    };
    let message = "command not found: no-such-command (looked in PATH=/bin)";
    check(&["env", "PATH=/bin"], &["--", "no-such-command"], 127, message);
    let message = "cannot execute ./no-such-command: No such file or directory (os error 2)";
    check(&[], &["--", "./no-such-command"], 127, message);
    let plain = file("plain", 0o644, b"#!/bin/sh\n");
    check(&[], &["--", &plain], 126, &format!("cannot execute {plain}: Permission denied (os error 13)"));
    let other = file("other", 0o755, b"hello\n");
    let message =
        format!("{other} is no program: neither an ELF file nor a script with an interpreter (`#!`)");
    check(&[], &["--", &other], 126, &message);
}

/// Check that an output that can't be written is told before anything is recorded.
#[test]
fn outputs_that_cannot_be_written() {
    let ran = record(&[], &["--", "true"], Path::new("/nonexistent/o.json"));
    let message = "seccinch: cannot write /nonexistent/o.json: its folder takes no new file; choose another place: \
                   No such file or directory (os error 2)\n";
    assert_eq!(String::from_utf8_lossy(&ran.stderr), message);
    assert_eq!(ran.status.code(), Some(125));
}

/// Check that observations that find a full disk are kept elsewhere, whole, and nothing half is left.
#[test]
fn observations_outlive_a_full_disk() {
    let folder = tempfile::tempdir().expect("a folder");
    let (small, spare) = (folder.path().join("small"), folder.path().join("spare"));
    fs::create_dir(&small).expect("made");
    fs::create_dir(&spare).expect("made");
    let script = "mount -t tmpfs -o size=4k none \"$0\" || exit 99; \"$1\" record -o \"$0/o.json\" -- true; \
                  code=$?; ls -A \"$0\"; exit $code";
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", script]).arg(&small).arg(SECCINCH).env("TMPDIR", &spare);
    let ran = command.output().expect("unshare starts");
    let said = String::from_utf8_lossy(&ran.stderr);
    assert_eq!(ran.status.code(), Some(125), "{said}");
    assert_eq!(String::from_utf8_lossy(&ran.stdout), "", "something is left on the full disk");
    let kept =
        fs::read_dir(&spare).expect("readable").next().expect("the observations").expect("readable").path();
    let message =
        format!("seccinch: the observations were kept in {} instead: cannot write ", kept.display());
    assert!(said.contains(&message) && said.ends_with("No space left on device (os error 28)\n"), "{said}");
    assert!(!crate::support::read(&kept).roles.is_empty(), "nothing was recorded");
}
