//! TLS for the harness: a helper process carries each plain connection over a TLS connection of its own.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Mutex, PoisonError};
use std::thread;

use anyhow::{Context, Result, ensure};

use super::fixtures;
use super::poll;
use super::process::Process;
use super::sandbox::Sandbox;

/// Where the helper listens: what is sent here arrives at the service over TLS.
pub(crate) const PORT: u16 = 9443;

/// How a service starts TLS.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Start {
    /// With the connection's first byte.
    Direct,
    /// After a line in the clear, as NATS does.
    Nats,
}

/// The running helper.
pub(crate) struct Forward {
    // Behind a lock, as operations look at it from the threads of all their connections.
    lines: Mutex<Receiver<String>>,
    _process: Process,
}

impl Forward {
    /// Starts it, for a service's TLS port.
    pub(crate) fn start(sandbox: &Sandbox, target: u16, start: Start) -> Result<Self> {
        let mode = match start {
            Start::Direct => "direct",
            Start::Nats => "nats",
        };
        let mut command = Command::new(fixtures::probe()?);
        command.args(["forward", &format!("127.0.0.1:{PORT}"), &format!("127.0.0.1:{target}")]);
        command.arg(sandbox.work().join("ca.pem")).arg(mode);
        let mut process = Process::spawn(command.stdout(Stdio::piped()).stderr(sandbox.open_log()?))?;
        let output = process.child().stdout.take().context("its output is piped")?;
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            BufReader::new(output).lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        let first = lines.recv_timeout(poll::SOON).context("waiting for the TLS helper to listen")?;
        ensure!(first == "listening", "the TLS helper says {first:?}");
        Ok(Self { lines: Mutex::new(lines), _process: process })
    }

    /// The names in the certificates that the service has shown since this was last asked.
    pub(crate) fn shown(&self) -> Vec<String> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).try_iter().collect()
    }
}
