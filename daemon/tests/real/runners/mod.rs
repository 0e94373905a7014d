//! The ways a service is run, each with the same shape: start it in a sandbox, say when it has ended.

pub(crate) mod containerd;
pub(crate) mod plain;
pub(crate) mod rootfs;
pub(crate) mod runc;
pub(crate) mod systemd;

use std::fs;

use anyhow::{Context, Result, bail, ensure};
use nix::unistd::Pid;

use crate::services::{Launch, Run, Service, exercise};
use crate::support::forward::Forward;
use crate::support::load::Load;
use crate::support::poll;
use crate::support::process;
use crate::support::sandbox::Sandbox;

/// A started service. Dropping it ends it.
pub(crate) trait Running {
    /// The code it ended with, as a shell writes it, or nothing while it lives.
    fn ended(&mut self) -> Result<Option<i32>>;
}

/// Starts a service in a sandbox, has it do everything it can, and stops it. `answers` is called with its
/// process when it gives its first answer.
pub(crate) fn run(
    sandbox: &Sandbox,
    service: &Service,
    load: Load,
    start: impl FnOnce(&Launch) -> Result<Box<dyn Running>>,
    answers: impl FnOnce(Pid) -> Result<()>,
) -> Result<()> {
    let outcome = (service.launch)(sandbox).and_then(|launch| {
        let mut running = start(&launch)?;
        let program = service.program.path()?;
        let pid = poll::until("the service's process", poll::SOON, || {
            if let Some(code) = running.ended()? {
                bail!("it ended with code {code} before it was there");
            }
            Ok(process::running(&sandbox.cgroup().processes(), &program))
        })?;
        let tls = Forward::start(sandbox, service.tls.0, service.tls.1)?;
        let run = Run { sandbox, load, pid, tls: &tls };
        exercise(service, &run, || answers(pid), &mut || running.ended())
    });
    outcome.with_context(|| format!("{}; its last words:\n{}", service.name, sandbox.last_words()))
}

/// Fails unless a process runs under a filter: a profile that nobody installed refuses nothing either.
pub(crate) fn is_filtered(pid: Pid) -> Result<()> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    ensure!(status.lines().any(|line| line == "Seccomp:\t2"), "the service runs without a filter:\n{status}");
    Ok(())
}
