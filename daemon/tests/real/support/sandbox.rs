//! A place for one run of one service: a network of its own with a name server, a folder, and a control
//! group that holds whatever is started in it. Ports are fixed, as nothing else is on that network.
//!
//! The namespaces belong to a thread, and so to all it starts; they end with it, whatever happens.

use std::ffi::OsString;
use std::fs;
use std::panic;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, Once, PoisonError};
use std::thread;

use anyhow::{Context, Result};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

use super::cgroup::{self, Cgroup};
use super::dns::Dns;
use super::fixtures;
use super::folder::{self, Folder};
use super::poll;
use super::process::output;
use super::upstream::Upstream;

/// The place itself. Only the thread that entered it, and those that it starts, are in it.
pub(crate) struct Sandbox {
    // First, so that the processes are gone before their servers are.
    cgroup: Cgroup,
    dns: Dns,
    upstream: Upstream,
    dir: PathBuf,
    /// Words before every command: a program that watches another, with its options.
    pub(crate) watcher: Mutex<Vec<OsString>>,
}

/// Runs `body` in a sandbox of its own.
pub(crate) fn run<T: Send>(body: impl FnOnce(&Sandbox) -> Result<T> + Send) -> Result<T> {
    // Outlives the namespaces, so that nothing is mounted in it any more when it is removed.
    let dir = Folder::create()?;
    let inside = || Sandbox::enter(&dir).and_then(|sandbox| body(&sandbox));
    thread::scope(|scope| scope.spawn(inside).join())
        .unwrap_or_else(|panicked| panic::resume_unwind(panicked))
}

impl Sandbox {
    fn enter(folder: &Folder) -> Result<Self> {
        let dir = folder.path();
        unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS).context("leaving the host's network")?;
        // What is mounted from here on stays here.
        bind(None, "/", MsFlags::MS_REC | MsFlags::MS_PRIVATE)?;
        show_one_cgroup_hierarchy()?;
        own_etc(dir)?;
        // Container runtimes and systemd keep their state there.
        empty("/run")?;
        output(Command::new("ip").args(["link", "set", "lo", "up"]), poll::SOON)?;
        sweep();
        let work = dir.join("work");
        fs::create_dir(&work)?;
        output(Command::new(fixtures::probe()?).arg("certificates").arg(&work), poll::SOON)?;
        Ok(Self {
            cgroup: Cgroup::create(folder.name())?,
            dns: Dns::start()?,
            upstream: Upstream::start()?,
            dir: dir.to_owned(),
            watcher: Mutex::default(),
        })
    }

    /// The folder of the service itself: its configuration, certificates (`ca.pem`, `cert.pem`, `key.pem`
    /// and a second pair `next-…`) and data. It has the same path wherever the service runs.
    pub(crate) fn work(&self) -> PathBuf {
        self.dir.join("work")
    }

    /// A folder for what runs the service.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where the service's output goes.
    pub(crate) fn log(&self) -> PathBuf {
        self.dir.join("log")
    }

    /// Writes a file of the service.
    pub(crate) fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.work().join(name);
        fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
        Ok(path)
    }

    /// Its name server.
    pub(crate) fn dns(&self) -> &Dns {
        &self.dns
    }

    /// Its upstream server.
    pub(crate) fn upstream(&self) -> &Upstream {
        &self.upstream
    }

    /// Its control group.
    pub(crate) fn cgroup(&self) -> &Cgroup {
        &self.cgroup
    }

    /// A command that will run inside the control group, from its first instruction on. It is in a group
    /// below, as a group with both processes and controllers below it can't be.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let script = "mkdir -p \"$0\" && echo $$ >\"$0/cgroup.procs\" && exec \"$@\"";
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]).arg(self.cgroup.path().join("outside"));
        command.args(&*self.watcher.lock().unwrap_or_else(PoisonError::into_inner)).arg(program);
        command
    }

    /// Opens the service's log for its standard output or error.
    pub(crate) fn open_log(&self) -> Result<fs::File> {
        Ok(fs::OpenOptions::new().create(true).append(true).open(self.log())?)
    }

    /// The last lines that the service said.
    pub(crate) fn last_words(&self) -> String {
        let log = fs::read(self.log()).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(15)..].join("\n")
    }
}

fn empty(place: &str) -> Result<()> {
    mount(Some("seccinch-test"), place, Some("tmpfs"), MsFlags::empty(), Some("mode=755"))
        .with_context(|| format!("mounting a tmpfs on {place}"))
}

fn bind(source: Option<&Path>, target: &str, flags: MsFlags) -> Result<()> {
    mount(source, target, None::<&str>, flags, None::<&str>).with_context(|| format!("mounting on {target}"))
}

/// On a host that also has the hierarchies of version 1, shows only that of version 2, so that every
/// container runtime does the same everywhere.
fn show_one_cgroup_hierarchy() -> Result<()> {
    let mounts = fs::read_to_string("/proc/self/mounts")?;
    let found = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    let found = found.into_iter().find(|fields| fields.get(2) == Some(&"cgroup2"));
    let place = found.and_then(|fields| fields.get(1).copied()).context("no cgroup2 is mounted")?;
    if place == cgroup::ROOT { Ok(()) } else { bind(Some(Path::new(place)), cgroup::ROOT, MsFlags::MS_BIND) }
}

/// Puts the sandbox's name server into `/etc`, by an overlay that ends with the sandbox.
fn own_etc(dir: &Path) -> Result<()> {
    let layers = dir.join("etc");
    fs::create_dir(&layers)?;
    empty(&layers.to_string_lossy())?;
    let (upper, work) = (layers.join("upper"), layers.join("work"));
    fs::create_dir(&upper)?;
    fs::create_dir(&work)?;
    write_name_service(&upper)?;
    let options = format!("lowerdir=/etc,upperdir={},workdir={}", upper.display(), work.display());
    mount(Some("etc"), "/etc", Some("overlay"), MsFlags::empty(), Some(options.as_str()))
        .context("mounting an overlay on /etc")
}

/// Writes the files that lead a resolver to the sandbox's name server.
pub(crate) fn write_name_service(etc: &Path) -> Result<()> {
    fs::write(etc.join("resolv.conf"), "nameserver 127.0.0.1\noptions timeout:2 attempts:3\n")?;
    fs::write(etc.join("nsswitch.conf"), "passwd: files\ngroup: files\nhosts: files dns\n")?;
    fs::write(etc.join("hosts"), "127.0.0.1 localhost\n")?;
    Ok(())
}

/// Once per test process: ends what earlier ones, if they were killed, left behind.
fn sweep() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        cgroup::sweep(folder::is_stale);
        folder::sweep();
    });
}
