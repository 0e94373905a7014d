//! A daemon under test: the one place that knows its command line and files.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use serde_json::Value;

use crate::bpf_fs;
use crate::support::process::{self, Process};
use crate::support::{http, poll, seccinch};

/// Where the daemon under test listens. It is alone in its network.
pub(crate) const PORT: u16 = 9786;

/// How long a question to the daemon may take on a busy machine.
const ANSWER: Duration = Duration::from_secs(20);

/// Held by whoever runs a daemon: it sees the whole host, other tests included.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The folders of one daemon. They outlive it, as on a host.
pub(crate) struct Home {
    folder: PathBuf,
    pin: PathBuf,
}

/// A running daemon. Dropping it kills it, as a crash would.
pub(crate) struct Daemon<'a> {
    home: &'a Home,
    process: Process,
}

impl Home {
    /// Below this folder, with these lines at the head of the configuration and these at its end.
    pub(crate) fn create(folder: &Path, head: &str, tables: &str) -> Result<Self> {
        let folder = folder.join("seccinch");
        fs::create_dir(&folder)?;
        let name = folder.parent().and_then(Path::file_name).context("a folder has a name")?;
        let pin = bpf_fs::pin(name)?;
        let shown = folder.display();
        let config = format!(
            "state = \"{shown}/state\"\nflush_interval = \"1s\"\n{head}\n\
             [control]\nsocket = \"{shown}/control.sock\"\n\
             [kernel]\npin = \"{}\"\n{tables}\n",
            pin.display()
        );
        fs::write(folder.join("seccinch.toml"), config)?;
        Ok(Self { folder, pin })
    }

    /// The configuration file.
    pub(crate) fn config(&self) -> PathBuf {
        self.folder.join("seccinch.toml")
    }

    /// Where it answers commands.
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.join("control.sock")
    }

    /// Where what was learned is kept.
    pub(crate) fn state(&self) -> PathBuf {
        self.folder.join("state")
    }

    /// Where the kernel side is pinned.
    pub(crate) fn pin(&self) -> &Path {
        &self.pin
    }

    /// What the daemons said.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// Starts a daemon, and waits until it counts.
    pub(crate) fn start(&self) -> Result<Daemon<'_>> {
        let log = File::options().create(true).append(true).open(self.folder.join("log"))?;
        let mut command = Command::new(seccinch::program());
        command.arg("daemon").arg("--config").arg(self.config()).env("SECCINCH_LOG", "info");
        let mut process = Process::spawn(command.stdout(Stdio::null()).stderr(log))?;
        poll::until("the daemon to be ready", poll::SOON, || {
            ensure!(process.ended()?.is_none(), "it ended:\n{}", self.log());
            Ok(http::get(PORT, "/readyz").ok().filter(|answer| answer.status == 200).map(drop))
        })?;
        Ok(Daemon { home: self, process })
    }

    /// The document that a command prints about the daemon.
    pub(crate) fn ask(&self, words: &[&str]) -> Result<Value> {
        let mut command = Command::new(seccinch::program());
        command.args(words).args(["--format", "json", "--socket"]).arg(self.socket());
        Ok(serde_json::from_str(&process::output(&mut command, ANSWER)?)?)
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // What a killed daemon left counting; nothing, after a clean stop.
        let unload =
            Command::new(seccinch::program()).arg("unload").arg("--config").arg(self.config()).output();
        if let Err(error) = unload {
            eprintln!("unloading {}: {error}", self.pin().display());
        }
    }
}

impl Daemon<'_> {
    /// Its process.
    pub(crate) fn pid(&self) -> Pid {
        self.process.pid()
    }

    /// Kills it, as a crash would.
    pub(crate) fn crash(mut self) -> Result<()> {
        process::signal(self.pid(), Signal::SIGKILL)?;
        poll::until("the daemon's end", poll::SOON, || self.process.ended()).map(drop)
    }

    /// Stops it as a service manager does; how it ended.
    pub(crate) fn stop(mut self) -> Result<()> {
        process::signal(self.pid(), Signal::SIGTERM)?;
        let code = poll::until("the daemon's end", poll::SOON, || self.process.ended())?;
        ensure!(code == 0, "the daemon ended with {code}:\n{}", self.home.log());
        Ok(())
    }
}
