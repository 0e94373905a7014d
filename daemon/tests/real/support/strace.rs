//! strace, as the second opinion on which system calls were made.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use nix::unistd::Pid;

use super::poll;
use super::process::Process;

/// The words before a command that is to be traced with all its children. The tracer is a grandchild, so
/// that the command is the process it would be without it.
pub(crate) fn words(trace: &Path) -> Vec<OsString> {
    ["strace", "-D", "-f", "-qq", "-o"].into_iter().map(OsString::from).chain([trace.into()]).collect()
}

/// A tracer of a process that was running before.
pub(crate) struct Attached {
    tracer: Process,
}

impl Attached {
    /// Attaches to all threads of a process, and waits until every one is traced.
    pub(crate) fn to(pid: Pid, trace: &Path) -> Result<Self> {
        let mut command = Command::new("strace");
        command.args(["-f", "-qq", "-p", &pid.to_string(), "-o"]).arg(trace);
        let tracer = Process::spawn(command.stdout(Stdio::null()).stderr(Stdio::null()))?;
        poll::until("strace on every thread", poll::SOON, || Ok(all_traced(pid)?.then_some(())))?;
        Ok(Self { tracer })
    }

    /// Waits for its end, which is that of the process.
    pub(crate) fn finish(mut self) -> Result<()> {
        poll::until("the end of strace", poll::SOON, || self.tracer.ended()).map(drop)
    }
}

fn all_traced(pid: Pid) -> Result<bool> {
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        // A thread that has ended meanwhile needs no tracer.
        let status = fs::read_to_string(thread?.path().join("status")).unwrap_or_default();
        if status.lines().any(|line| line == "TracerPid:\t0") {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The names of the calls in a trace. Left out: what is seen as the kernel goes on with a call that the tracer
/// itself has interrupted.
pub(crate) fn names(trace: &Path) -> Result<BTreeSet<String>> {
    let text = fs::read(trace).with_context(|| format!("reading {}", trace.display()))?;
    let text = String::from_utf8_lossy(&text);
    let names: BTreeSet<String> = text.lines().filter_map(name).map(str::to_owned).collect();
    ensure!(names.len() > 5, "{} holds next to nothing: {text:.500}", trace.display());
    Ok(names)
}

/// The name in a line such as `123 read(3, …` or `123 <... read resumed>…`.
pub(crate) fn name(line: &str) -> Option<&str> {
    let (_, said) = line.split_once(' ')?;
    let said = said.trim_start();
    let name = match said.strip_prefix("<... ") {
        Some(resumed) => resumed.split_once(" resumed")?.0,
        None => said.split_once('(')?.0,
    };
    // A thread that is interrupted again as it restarts shows its last result, -ERESTARTSYS, as a number.
    let is_restart = name == "restart_syscall" || name.starts_with("syscall_0xffffffff");
    let is_name = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    (is_name && !is_restart).then_some(name)
}

/// Check that names are read from calls, whole and in two parts, and from nothing else.
#[test]
fn names_are_read_from_lines() {
    assert_eq!(name("12 openat(AT_FDCWD, \"x\", O_RDONLY) = 3"), Some("openat"));
    assert_eq!(name("12 <... epoll_pwait resumed>[], 128) = 0"), Some("epoll_pwait"));
    assert_eq!(name("12 rt_sigreturn({mask=[]}) = 0"), Some("rt_sigreturn"));
    assert_eq!(name("12 restart_syscall(<... resuming>) = 0"), None);
    assert_eq!(name("12 syscall_0xfffffffffffffe00(0x1, 0x2) = -1 (errno 512)"), None);
    assert_eq!(name("12 +++ exited with 0 +++"), None);
    assert_eq!(name("12 --- SIGURG {si_signo=SIGURG} ---"), None);
}
