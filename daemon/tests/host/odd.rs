//! Programs of `odd.c`, which count their own calls.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::support::poll;
use crate::support::process::{self, Process};

/// A running one.
pub(crate) struct Odd {
    process: Process,
    output: BufReader<std::process::ChildStdout>,
}

/// Compiles the program to this file.
pub(crate) fn compile(file: &Path) -> Result<PathBuf> {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/processes/odd.c");
    let mut command = Command::new("cc");
    command.args(["-O1", "-Wall", "-Werror", "-pthread", "-o"]).arg(file).arg(source);
    process::output(&mut command, poll::SOON)?;
    Ok(file.to_owned())
}

impl Odd {
    /// Starts it with these words.
    pub(crate) fn start(program: &Path, words: &[&str]) -> Result<Self> {
        let mut command = Command::new(program);
        let mut process = Process::spawn(command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped()))?;
        let output = process.child().stdout.take().context("its output is piped")?;
        Ok(Self { process, output: BufReader::new(output) })
    }

    /// Sends it a line.
    pub(crate) fn tell(&mut self) -> Result<()> {
        let input = self.process.child().stdin.as_mut().context("its input is piped")?;
        Ok(input.write_all(b"\n")?)
    }

    /// The number on the next line that it prints.
    pub(crate) fn number(&mut self) -> Result<u64> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        line.trim().parse().with_context(|| format!("{line:?} as a number"))
    }

    /// Waits for its end.
    pub(crate) fn finish(mut self) -> Result<()> {
        drop(self.process.child().stdin.take());
        poll::until("the end of odd", poll::SOON, || self.process.ended()).map(drop)
    }
}
