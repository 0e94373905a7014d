//! A control group (version 2) for all the processes of one sandbox: to find them, and to end them all.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::poll;

/// Where the one hierarchy lies inside a sandbox.
pub(crate) const ROOT: &str = "/sys/fs/cgroup";

/// A group right below the root, removed with everything in it when dropped.
pub(crate) struct Cgroup {
    path: PathBuf,
}

impl Cgroup {
    /// Makes a group.
    pub(crate) fn create(name: &str) -> Result<Self> {
        let path = Path::new(ROOT).join(name);
        fs::create_dir(&path).with_context(|| format!("making the control group {}", path.display()))?;
        Ok(Self { path })
    }

    /// Its folder.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Its name, which is its path below the root.
    pub(crate) fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// The number by which the kernel's programs know it.
    pub(crate) fn id(&self) -> Result<u64> {
        Ok(fs::metadata(&self.path)?.ino())
    }

    /// The processes in it and in the groups below, by the host's numbers.
    pub(crate) fn processes(&self) -> Vec<Pid> {
        let mut found = Vec::new();
        collect(&self.path, &mut found);
        found
    }

    /// Kills every process in it and waits until all are gone.
    pub(crate) fn clear(&self) -> Result<()> {
        poll::until("the end of all processes of a sandbox", poll::SOON, || {
            let left = self.processes();
            for pid in &left {
                // One that is gone meanwhile is what is wanted.
                let _ = kill(*pid, Signal::SIGKILL);
            }
            Ok(left.is_empty().then_some(()))
        })
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        let cleared = self.clear().and_then(|()| {
            // Busy for a moment after its last process has gone.
            poll::retry("removing a control group", poll::SOON, || remove(&self.path))
        });
        if let Err(error) = cleared {
            eprintln!("{}: {error:#}", self.path.display());
        }
    }
}

/// Ends the groups that earlier test processes, killed themselves, left behind.
pub(crate) fn sweep(is_stale: impl Fn(&str) -> bool) {
    for entry in fs::read_dir(ROOT).into_iter().flatten().flatten() {
        if is_stale(&entry.file_name().to_string_lossy()) {
            drop(Cgroup { path: entry.path() });
        }
    }
}

fn collect(folder: &Path, found: &mut Vec<Pid>) {
    // A threaded or just removed group has no readable list: it has no process of its own either.
    let list = fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
    found.extend(list.lines().filter_map(|line| line.parse().ok()).map(Pid::from_raw));
    for below in below(folder) {
        collect(&below, found);
    }
}

fn remove(folder: &Path) -> Result<()> {
    for below in below(folder) {
        remove(&below)?;
    }
    match fs::remove_dir(folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error).context(folder.display().to_string()),
        _ => Ok(()),
    }
}

fn below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect()
}
