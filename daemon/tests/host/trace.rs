//! What strace saw of one program among all that it followed: container runtimes and systemd before it, too.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::support::strace;

/// Calls that make a process or a thread; they return its id.
const MAKING: [&str; 4] = ["clone", "clone3", "fork", "vfork"];

/// One line: who, the name of a call, and the rest. The second half of a call that was interrupted is a line too.
struct Line<'a> {
    pid: u32,
    name: &'a str,
    rest: &'a str,
}

/// The words before a command that is followed through all namespaces it makes.
pub(crate) fn words(trace: &Path) -> Vec<OsString> {
    let mut words = strace::words(trace);
    words.insert(1, "--decode-pids=pidns".into());
    words
}

/// How often each call was made by the first process that executed this file, from then on, and by all it started.
/// Everything before was the launcher's, the execution itself included.
pub(crate) fn calls_of(program: &str, trace: &Path) -> Result<BTreeMap<String, u64>> {
    let text = fs::read(trace).with_context(|| format!("reading {}", trace.display()))?;
    calls(program, &String::from_utf8_lossy(&text)).with_context(|| format!("in {}", trace.display()))
}

fn calls(program: &str, text: &str) -> Result<BTreeMap<String, u64>> {
    let lines: Vec<Line<'_>> = text.lines().filter_map(line).collect();
    let (first, begin) = executed(program, &lines).with_context(|| format!("nobody executed {program}"))?;
    let lines = &lines[begin + 1..];
    let its = family(first, lines);
    let mut calls = BTreeMap::new();
    for line in lines.iter().filter(|line| its.contains(&line.pid) && is_begun(line)) {
        *calls.entry(line.name.to_owned()).or_default() += 1;
    }
    ensure!(calls.len() > 5, "{program} made next to no calls: {calls:?}");
    Ok(calls)
}

/// Who executed the file, and in which line that was done.
fn executed(program: &str, lines: &[Line<'_>]) -> Option<(u32, usize)> {
    let asked = format!("(\"{program}\", ");
    let is_asked = |line: &Line<'_>| line.name == "execve" && line.rest.starts_with(&asked);
    let at = lines.iter().position(|line| is_asked(line) && !line.rest.contains("= -1 "))?;
    let pid = lines[at].pid;
    let is_done =
        |line: &Line<'_>| line.pid == pid && line.name == "execve" && returned(line.rest) == Some(0);
    let done = lines[at..].iter().position(is_done)?;
    Some((pid, at + done))
}

/// A process, and all that descend from it.
fn family(first: u32, lines: &[Line<'_>]) -> BTreeSet<u32> {
    let mut family = BTreeSet::from([first]);
    // A child's first line may stand before that of its parent's return, but never before its parent's first.
    for line in lines.iter().filter(|line| MAKING.contains(&line.name)) {
        let made = returned(line.rest).filter(|made| *made > 0);
        if let Some(made) = made.filter(|_| family.contains(&line.pid)) {
            family.insert(made);
        }
    }
    family
}

/// What a call returned, if that is in the line: of a process, its id for the tracer.
fn returned(rest: &str) -> Option<u32> {
    let (_, value) = rest.rsplit_once(" = ")?;
    let here = value.split_once("/* ").map_or(value, |(_, here)| here);
    here.split_whitespace().next()?.parse().ok()
}

/// Whether a call begins in the line.
fn is_begun(line: &Line<'_>) -> bool {
    line.rest.starts_with('(')
}

fn line(text: &str) -> Option<Line<'_>> {
    let (pid, said) = text.split_once(' ')?;
    let said = said.trim_start();
    let name = strace::name(text)?;
    let behind = said.find(name)? + name.len();
    Some(Line { pid: pid.parse().ok()?, name, rest: &said[behind..] })
}

/// Check that a program is told from what started it and what runs beside it, in whichever order lines come.
#[test]
fn a_program_is_told_from_others() {
    let text = "\
        1 execve(\"/usr/bin/runc\", [\"runc\"], 0x7 /* 3 vars */) = 0\n\
        1 clone3({flags=CLONE_VM}, 88) = 2\n\
        2 execve(\"/bin/web\", [\"web\"], 0x7 /* 1 var */) = -1 ENOENT (No such file)\n\
        2 execve(\"/bin/web\", [\"web\"], 0x7 /* 1 var */ <unfinished ...>\n\
        1 futex(0x1, FUTEX_WAIT <unfinished ...>\n\
        2 <... execve resumed>) = 0\n\
        2 arch_prctl(ARCH_SET_FS, 0x5) = 0\n\
        2 clone(child_stack=0xc, flags=CLONE_VM|CLONE_THREAD <unfinished ...>\n\
        3 gettid() = 2 /* 3 in strace's PID NS */\n\
        2 <... clone resumed>) = 2 /* 3 in strace's PID NS */\n\
        3 read(0,  <unfinished ...>\n\
        1 <... futex resumed>) = 0\n\
        3 <... read resumed>\"\", 1) = 0\n\
        2 epoll_wait(4, [], 1, 0) = 0\n\
        2 write(1, \"= 5\", 3) = 3\n\
        2 exit_group(0) = ?\n\
        1 wait4(2, NULL, 0, NULL) = 2\n";
    let calls = calls("/bin/web", text).expect("it is there");
    let named: Vec<_> = calls.iter().map(|(name, count)| (name.as_str(), *count)).collect();
    let expected =
        ["arch_prctl", "clone", "epoll_wait", "exit_group", "gettid", "read", "write"].map(|name| (name, 1));
    assert_eq!(named, expected);
}
