//! A real service that is started and stopped under a daemon, with strace as the witness.

use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sys::signal::Signal;

use crate::runners::{Running, plain, runc, systemd};
use crate::services::{Launch, Run, Service, exercise};
use crate::support::forward::Forward;
use crate::support::load::Load;
use crate::support::sandbox::Sandbox;
use crate::support::{poll, process};
use crate::trace;

/// What starts a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Host,
    Runc,
    Systemd,
}

/// A service in its place, started as often as it is wanted.
pub(crate) struct Life<'a> {
    sandbox: &'a Sandbox,
    service: &'a Service,
    place: Place,
    launch: Launch,
}
/// Says how a service ended, if it has.
pub(crate) type Ended<'a> = &'a mut dyn FnMut() -> Result<Option<i32>>;

impl Place {
    fn start(self, sandbox: &Sandbox, service: &Service, launch: &Launch) -> Result<Box<dyn Running>> {
        match self {
            Self::Host => plain::start(sandbox, service, launch, &[]),
            Self::Runc => runc::start(sandbox, service, launch, None, runc::NoNewPrivileges::Yes),
            Self::Systemd => systemd::start(sandbox, service, launch, None),
        }
    }

    /// The path by which the service is executed.
    pub(crate) fn program(self, service: &Service) -> Result<String> {
        let program = service.program.path()?;
        let name = program.file_name().context("a program has a name")?;
        Ok(match self {
            Self::Host | Self::Systemd => program.display().to_string(),
            Self::Runc => format!("/usr/bin/{}", name.display()),
        })
    }

    /// What the daemon has to take the service for.
    pub(crate) fn workload(self, sandbox: &Sandbox, service: &Service) -> Result<String> {
        Ok(match self {
            Self::Host | Self::Runc => format!("exe:{}", self.program(service)?),
            Self::Systemd => format!("systemd:{}", systemd::unit_name(sandbox)),
        })
    }
}

impl<'a> Life<'a> {
    pub(crate) fn new(sandbox: &'a Sandbox, service: &'a Service, place: Place) -> Result<Self> {
        Ok(Self { sandbox, service, place, launch: (service.launch)(sandbox)? })
    }

    /// Starts the service under strace, which follows whatever starts it too, does `work` with it, and waits until
    /// everything has ended. How often it made each call.
    pub(crate) fn live(
        &self,
        work: impl FnOnce(&Run<'_>, Ended<'_>) -> Result<()>,
    ) -> Result<BTreeMap<String, u64>> {
        let trace = self.sandbox.dir().join("trace");
        *self.sandbox.watcher.lock().unwrap_or_else(PoisonError::into_inner) = trace::words(&trace);
        let lived = self.work(work);
        lived.with_context(|| {
            format!("{}; its last words:\n{}", self.service.name, self.sandbox.last_words())
        })?;
        poll::until("the end of everything", poll::SOON, || {
            Ok(self.sandbox.cgroup().processes().is_empty().then_some(()))
        })?;
        trace::calls_of(&self.place.program(self.service)?, &trace)
    }

    fn work(&self, work: impl FnOnce(&Run<'_>, Ended<'_>) -> Result<()>) -> Result<()> {
        let (sandbox, service) = (self.sandbox, self.service);
        let mut running = self.place.start(sandbox, service, &self.launch)?;
        let program = service.program.path()?;
        let pid = poll::until("the service's process", poll::SOON, || {
            if let Some(code) = running.ended()? {
                bail!("it ended with code {code} before it was there");
            }
            Ok(process::running(&sandbox.cgroup().processes(), &program))
        })?;
        let tls = Forward::start(sandbox, service.tls.0, service.tls.1)?;
        let run = Run { sandbox, load: Load::RECORDED, pid, tls: &tls };
        work(&run, &mut || running.ended())
    }

    /// Starts and stops it, and then starts it again and has it do all it can. How often it made each call.
    pub(crate) fn twice(&self) -> Result<BTreeMap<String, u64>> {
        let mut calls = self.live(|run, ended| self.starts_and_stops(run, ended))?;
        for (name, count) in self.live(|run, ended| exercise(self.service, run, || Ok(()), ended))? {
            *calls.entry(name).or_default() += count;
        }
        Ok(calls)
    }

    pub(crate) fn starts_and_stops(&self, run: &Run<'_>, ended: Ended<'_>) -> Result<()> {
        poll::until("the first answer", poll::SOON, || {
            if let Some(code) = ended()? {
                bail!("it ended with code {code} before it ever answered");
            }
            Ok((self.service.ready)(run).ok())
        })?;
        run.signal(Signal::SIGTERM)?;
        poll::until("its end after SIGTERM", Duration::from_secs(30), ended).map(drop)
    }
}
