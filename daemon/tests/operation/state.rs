//! What a daemon left on disk, looked at without it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use seccinch::learn::baseline_file;
use seccinch::model::{Arch, Baseline};
use seccinch::policy::Digest;
use seccinch::syscalls;
use serde_json::Value;

/// The state folder as it was found.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// Every baseline.
    pub(crate) baselines: Vec<Baseline>,
    /// Generations of all workloads.
    pub(crate) generations: usize,
    /// Files and folders in the making, which the next daemon removes.
    pub(crate) unfinished: usize,
    /// Bytes of all files.
    pub(crate) bytes: u64,
}

impl State {
    /// Reads everything below a state folder, and fails if anything there is not whole.
    pub(crate) fn read(root: &Path) -> Result<Self> {
        let mut state = Self::default();
        if root.exists() {
            state.folder(root)?;
        }
        Ok(state)
    }

    /// How often a call was made, over all roles of a workload; 0 of one that is not there.
    pub(crate) fn calls(&self, workload: &str, name: &str) -> Result<u64> {
        let nr = syscalls::number(Arch::NATIVE, name).context("a known call")?;
        let known = self.baselines.iter().find(|known| known.workload.to_string() == workload);
        let roles = known.into_iter().flat_map(|known| known.roles.iter());
        Ok(roles.filter_map(|role| role.syscalls.get(&nr)).map(|seen| seen.counts.total()).sum())
    }

    fn folder(&mut self, folder: &Path) -> Result<()> {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if name.starts_with('.') || path.extension().is_some_and(|extension| extension == "tmp") {
                self.unfinished += 1;
            } else if path.is_dir() {
                self.generations += usize::from(is_generation(&path)?);
                self.folder(&path)?;
            } else {
                self.file(&path, &name).with_context(|| format!("{} is not whole", path.display()))?;
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &PathBuf, name: &str) -> Result<()> {
        let bytes = fs::read(path)?;
        self.bytes += bytes.len() as u64;
        match name {
            "lock" => {}
            "baseline.json" => self.baselines.push(baseline_file::parse(&bytes)?.0),
            "systemd.conf" => ensure!(bytes.ends_with(b"\n"), "its last line does not end"),
            _ => drop(serde_json::from_slice::<Value>(&bytes)?),
        }
        Ok(())
    }
}

/// Whether this is a generation; fails if it is one that is not whole.
fn is_generation(folder: &Path) -> Result<bool> {
    if folder.parent().and_then(Path::file_name).is_none_or(|name| name != "generations") {
        return Ok(false);
    }
    for name in ["profile.json", "changes.json"] {
        ensure!(folder.join(name).exists(), "{} has no {name}", folder.display());
    }
    let oci = fs::read(folder.join("seccomp.json"))?;
    let provenance: Value = serde_json::from_slice(&fs::read(folder.join("provenance.json"))?)?;
    let due = Digest::of(&oci).to_string();
    ensure!(provenance["sha256"] == due.as_str(), "{}: {due} is its hash", folder.display());
    Ok(true)
}
