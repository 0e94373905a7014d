//! Starting `odd` programs under `seccinch record`, and reading what was recorded.
#![expect(clippy::expect_used, reason = "a helper that fails is a failed test")]

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use seccinch::files::Input;
use seccinch::learn;
use seccinch::model::{Arch, Observations, Seen};
use seccinch::syscalls;

const PATIENCE: Duration = Duration::from_secs(30);

/// The compiled `odd.c`.
static ODD: LazyLock<PathBuf> = LazyLock::new(|| {
    let out = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("odd");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/processes/odd.c");
    let built =
        Command::new("cc").args(["-O1", "-Wall", "-Werror", "-pthread", "-o"]).arg(&out).arg(source).status();
    assert!(built.expect("a C compiler named cc").success(), "{source} does not compile");
    out
});

/// What a finished recording left.
pub(crate) struct Run {
    pub(crate) observations: Observations,
    pub(crate) stdout: String,
}

/// A recording of running processes, under way.
pub(crate) struct Recording {
    child: Child,
    stderr: BufReader<std::process::ChildStderr>,
    output: PathBuf,
}

pub(crate) fn odd() -> Command {
    Command::new(&*ODD)
}

/// An `odd` program that runs outside of any recording, and ends when told.
pub(crate) struct Odd {
    child: Child,
    input: Option<ChildStdin>,
}

impl Odd {
    pub(crate) fn start(words: &[&str]) -> Self {
        Self::start_with(words, Stdio::piped())
    }

    pub(crate) fn start_with(words: &[&str], input: Stdio) -> Self {
        let mut child = odd().args(words).stdin(input).spawn().expect("odd starts");
        let input = child.stdin.take();
        Self { child, input }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn finish(&mut self) {
        drop(self.input.take());
        assert!(self.child.wait().expect("odd ends").success());
    }
}

impl Drop for Odd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn fresh_output() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("observations-{}-{number}.json", std::process::id()))
}

fn seccinch() -> Command {
    Command::new(env!("CARGO_BIN_EXE_seccinch"))
}

pub(crate) fn record(words: &[&str]) -> Run {
    record_with(&[], words)
}

pub(crate) fn record_with(options: &[&str], words: &[&str]) -> Run {
    let output = fresh_output();
    let mut command = seccinch();
    command.arg("record").args(options).arg("-o").arg(&output).arg("--").arg(&*ODD).args(words);
    let done = command.output().expect("seccinch starts");
    let stderr = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "seccinch record failed: {}\n{stderr}", done.status);
    Run { observations: read(output), stdout: String::from_utf8_lossy(&done.stdout).into_owned() }
}

fn read(output: PathBuf) -> Observations {
    let observations = learn::file::read(&Input::File(output.clone())).expect("a whole observation file");
    fs::remove_file(output).expect("the file can be removed");
    observations
}

pub(crate) fn record_pids(pids: &[u32]) -> Recording {
    let output = fresh_output();
    let mut command = seccinch();
    command.env("SECCINCH_LOG", "info").arg("record").arg("-o").arg(&output);
    for pid in pids {
        command.args(["--pid", &pid.to_string()]);
    }
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("seccinch starts");
    let stderr = BufReader::new(child.stderr.take().expect("piped"));
    Recording { child, stderr, output }
}

/// Waits until the recording says that it has begun.
pub(crate) fn wait_for_line(recording: &mut Recording, word: &str) {
    let mut line = String::new();
    while !line.contains(word) {
        line.clear();
        let read = recording.stderr.read_line(&mut line).expect("standard error is readable");
        assert!(read > 0, "seccinch ended before it said {word:?}");
    }
}

/// Waits for the end of a recording whose targets have ended.
pub(crate) fn finish(mut recording: Recording) -> Observations {
    let mut rest = String::new();
    recording.stderr.read_to_string(&mut rest).expect("standard error is readable");
    let status = recording.child.wait().expect("seccinch ends");
    assert!(status.success(), "seccinch record failed: {status}\n{rest}");
    read(recording.output)
}

/// Waits until the first thread of a process is inside of `read`.
pub(crate) fn wait_until_blocked(pid: u32) {
    let deadline = Instant::now() + PATIENCE;
    let is_blocked =
        || fs::read_to_string(format!("/proc/{pid}/syscall")).is_ok_and(|text| text.starts_with("0 0x0 "));
    while !is_blocked() {
        assert!(Instant::now() < deadline, "process {pid} never reads");
        thread::sleep(Duration::from_millis(5));
    }
}

/// How often a call was made, over all roles.
pub(crate) fn calls(observations: &Observations, name: &str) -> u64 {
    let nr = syscalls::number(Arch::NATIVE, name).expect("a known call");
    let counts = observations.roles.iter().filter_map(|role| role.syscalls.get(&nr));
    counts.map(|seen| seen.counts.total()).sum()
}

/// The history of a call in the only role.
pub(crate) fn seen<'a>(observations: &'a Observations, name: &str) -> Option<&'a Seen> {
    let nr = syscalls::number(Arch::NATIVE, name).expect("a known call");
    observations.roles.iter().find_map(|role| role.syscalls.get(&nr))
}

/// Calls by another ABI, over all roles.
pub(crate) fn foreign(observations: &Observations) -> u64 {
    observations.roles.iter().map(|role| role.foreign).sum()
}
