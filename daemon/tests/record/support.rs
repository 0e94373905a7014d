//! Running seccinch, and what it left.
#![expect(clippy::expect_used, reason = "a helper that fails is a failed test")]

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Output, Stdio};

use seccinch::files::Input;
use seccinch::learn;
use seccinch::model::Observations;

pub(crate) const SECCINCH: &str = env!("CARGO_BIN_EXE_seccinch");

/// Runs `seccinch record` behind these words, which may be none, with its output to `output`.
pub(crate) fn record<A: AsRef<OsStr>>(before: &[&str], arguments: &[A], output: &Path) -> Output {
    let words: Vec<&str> = before.iter().copied().chain([SECCINCH, "record", "-o"]).collect();
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).arg(output).args(arguments).env_remove("SECCINCH_LOG");
    command.stdin(Stdio::null()).output().expect("the command starts")
}

/// A recording under way.
pub(crate) struct Recording {
    pub(crate) child: Child,
    pub(crate) stderr: BufReader<ChildStderr>,
}

/// Starts `seccinch record` and waits until it counts.
pub(crate) fn start(arguments: &[&str], output: &Path) -> Recording {
    let mut command = Command::new(SECCINCH);
    command.env("SECCINCH_LOG", "info").args(["record", "-o"]).arg(output).args(arguments);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("seccinch starts");
    let mut stderr = BufReader::new(child.stderr.take().expect("piped"));
    let mut line = String::new();
    while !line.contains("counting") {
        line.clear();
        assert!(stderr.read_line(&mut line).expect("readable") > 0, "it ended before it counted");
    }
    Recording { child, stderr }
}

/// The observations in a file.
pub(crate) fn read(output: &Path) -> Observations {
    learn::file::read(&Input::File(output.to_owned())).expect("a whole observation file")
}
