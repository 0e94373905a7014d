//! Processes: one that ends with its owner, and what is known about any.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::poll;

/// A child that is killed and reaped when it is dropped.
pub(crate) struct Process {
    child: Child,
}

impl Process {
    /// Starts it.
    pub(crate) fn spawn(command: &mut Command) -> Result<Self> {
        let child = command.spawn().with_context(|| format!("starting {}", shown(command)))?;
        Ok(Self { child })
    }

    /// The code it ended with, as a shell writes it, or nothing while it lives.
    pub(crate) fn ended(&mut self) -> Result<Option<i32>> {
        Ok(self.child.try_wait()?.map(shell_code))
    }

    /// The child itself, for its pipes.
    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Its number.
    pub(crate) fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().cast_signed())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already, and then there is nothing to kill.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A code as shells write it: 128 and the signal, for one that was killed.
pub(crate) fn shell_code(status: ExitStatus) -> i32 {
    status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(-1)
}

/// Runs a command to its end, within the time; its output, if it succeeded.
pub(crate) fn output(command: &mut Command, within: Duration) -> Result<String> {
    use std::io::Read as _;
    use std::process::Stdio;

    let mut process =
        Process::spawn(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()))?;
    let stdout = process.child().stdout.take().context("its output is piped")?;
    let stderr = process.child().stderr.take().context("its errors are piped")?;
    let read = |mut pipe: Box<dyn std::io::Read + Send>| {
        std::thread::spawn(move || {
            let mut text = Vec::new();
            pipe.read_to_end(&mut text).map(|_| String::from_utf8_lossy(&text).into_owned())
        })
    };
    let (stdout, stderr) = (read(Box::new(stdout)), read(Box::new(stderr)));
    let code = poll::until(&format!("the end of {}", shown(command)), within, || process.ended())?;
    let text = |reader: std::thread::JoinHandle<std::io::Result<String>>| {
        reader.join().ok().and_then(std::io::Result::ok).unwrap_or_default()
    };
    let (stdout, stderr) = (text(stdout), text(stderr));
    ensure!(code == 0, "{} ended with {code}: {stdout}{stderr}", shown(command));
    Ok(stdout)
}

/// A command's program and arguments, for messages.
fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// Sends a signal.
pub(crate) fn signal(pid: Pid, signal: Signal) -> Result<()> {
    kill(pid, signal).with_context(|| format!("sending {signal} to process {pid}"))
}

/// Of these processes, the one that runs this program and whose parent doesn't: the service itself.
pub(crate) fn running(processes: &[Pid], program: &Path) -> Option<Pid> {
    let name = program.file_name()?;
    let runs = |pid: Pid| {
        let executable = fs::read_link(format!("/proc/{pid}/exe"));
        executable.is_ok_and(|executable| executable.file_name() == Some(name))
    };
    processes.iter().copied().find(|pid| runs(*pid) && !parent(*pid).is_some_and(runs))
}

/// A process's parent.
fn parent(pid: Pid) -> Option<Pid> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is a name in parentheses that may hold spaces and parentheses itself.
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(1)?.parse().ok().map(Pid::from_raw)
}
