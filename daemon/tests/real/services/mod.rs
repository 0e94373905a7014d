//! The real services, and what is asked of each: named operations whose answers are checked.

mod caddy;
mod etcd;
mod nats;
mod node_exporter;
mod prometheus;
mod rclone;
pub(crate) mod websvc;

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;
use nix::unistd::Pid;

use crate::support::fixtures::Program;
use crate::support::forward::{self, Forward};
use crate::support::http;
use crate::support::load::Load;
use crate::support::poll;
use crate::support::process;
use crate::support::sandbox::Sandbox;

pub(crate) use caddy::CADDY;
pub(crate) use etcd::ETCD;
pub(crate) use nats::NATS;
pub(crate) use node_exporter::NODE_EXPORTER;
pub(crate) use prometheus::PROMETHEUS;
pub(crate) use rclone::RCLONE;

/// A service, how it is started, and what it must be able to do.
pub(crate) struct Service {
    /// What it is called in messages.
    pub(crate) name: &'static str,
    pub(crate) program: Program,
    /// Programs it starts, which any place it runs in must have.
    pub(crate) tools: &'static [&'static str],
    /// Writes its configuration, and says how to start it.
    pub(crate) launch: fn(&Sandbox) -> Result<Launch>,
    /// Says whether it answers.
    pub(crate) ready: fn(&Run<'_>) -> Result<()>,
    /// Its TLS port, and how TLS starts there.
    pub(crate) tls: (u16, forward::Start),
    pub(crate) operations: &'static [Operation],
    /// The codes it may end with after SIGTERM: another as process 1 of a container than elsewhere.
    pub(crate) ends_with: &'static [i32],
    /// A call without which it can't work, and whose lack shows at once.
    pub(crate) needed: &'static str,
}

/// A command line of the service without its program, and its environment.
pub(crate) struct Launch {
    pub(crate) args: Vec<String>,
    pub(crate) env: Vec<(String, String)>,
}

/// One thing a service can do.
pub(crate) struct Operation {
    pub(crate) name: &'static str,
    pub(crate) run: fn(&Run<'_>) -> Result<()>,
}

/// A service that runs, as its operations see it.
pub(crate) struct Run<'a> {
    pub(crate) sandbox: &'a Sandbox,
    pub(crate) load: Load,
    /// The service's process, by the host's number.
    pub(crate) pid: Pid,
    pub(crate) tls: &'a Forward,
}

impl Run<'_> {
    /// Sends the service a signal.
    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        process::signal(self.pid, signal)
    }

    /// Puts the second certificate in the place of the first and checks that it is shown from then on.
    pub(crate) fn renew_certificate(&self, ask: impl Fn() -> Result<()>) -> Result<()> {
        ask()?;
        let before = self.tls.shown();
        ensure!(before.iter().any(|name| name == "service.seccinch.test"), "shown before: {before:?}");
        for file in ["cert.pem", "key.pem"] {
            let work = self.sandbox.work();
            // By name, as renewing tools do: a half-written pair is seen by nobody.
            fs::copy(work.join(format!("next-{file}")), work.join("renewed.pem"))?;
            fs::rename(work.join("renewed.pem"), work.join(file))?;
        }
        poll::retry("the renewed certificate", poll::SOON, || {
            ask()?;
            let shown = self.tls.shown();
            ensure!(shown.iter().any(|name| name == "next-service.seccinch.test"), "shown now: {shown:?}");
            Ok(())
        })
    }
}

/// Takes a CPU profile of the service by Go's own profiler, which uses timers and signals.
fn cpu_profile(port: u16) -> Result<()> {
    let profile = http::get(port, "/debug/pprof/profile?seconds=1")?.expect(200)?;
    ensure!(profile.body.starts_with(&[0x1f, 0x8b]), "a profile is a gzip file: {:.200}", profile.text());
    Ok(())
}

/// Base64 (RFC 4648, section 4).
pub(crate) fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let group = |chunk: &[u8]| {
        let bits = chunk.iter().fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte))
            << (8 * (3 - chunk.len()));
        let digits = (0..=chunk.len()).map(move |at| char::from(ALPHABET[bits >> (18 - 6 * at) & 63]));
        let padding = 3 - chunk.len();
        digits.chain(std::iter::repeat_n('=', padding)).collect::<String>()
    };
    bytes.chunks(3).map(group).collect()
}

/// Waits until the service answers, runs every operation, and stops it. `answers` is called when it does, and
/// `ended` says when it has ended.
pub(crate) fn exercise(
    service: &Service,
    run: &Run<'_>,
    answers: impl FnOnce() -> Result<()>,
    ended: &mut dyn FnMut() -> Result<Option<i32>>,
) -> Result<()> {
    poll::until("the first answer", poll::SOON, || {
        if let Some(code) = ended()? {
            anyhow::bail!("it ended with code {code} before it ever answered");
        }
        Ok((service.ready)(run).ok())
    })?;
    answers()?;
    for operation in service.operations {
        (operation.run)(run).with_context(|| format!("operation {:?}", operation.name))?;
        if let Some(code) = ended()? {
            anyhow::bail!("it ended with code {code} during operation {:?}", operation.name);
        }
    }
    run.signal(Signal::SIGTERM)?;
    let code = poll::until("its end after SIGTERM", Duration::from_secs(30), ended)?;
    ensure!(
        service.ends_with.contains(&code),
        "it ended with code {code} after SIGTERM, not one of {:?}",
        service.ends_with
    );
    Ok(())
}
