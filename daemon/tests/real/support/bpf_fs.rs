//! The file system where the kernel side is pinned.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use anyhow::{Context as _, Result};
use nix::mount::{MsFlags, mount};

const PLACE: &str = "/sys/fs/bpf";

/// Where something of this name can be pinned. A machine without systemd has nothing mounted there before.
pub(crate) fn pin(name: impl AsRef<Path>) -> Result<PathBuf> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _guard = ONE_AT_A_TIME.lock();
    let mounts = fs::read_to_string("/proc/self/mounts")?;
    if !mounts.lines().any(|line| line.split(' ').nth(1) == Some(PLACE)) {
        mount(Some("bpf"), PLACE, Some("bpf"), MsFlags::empty(), None::<&str>)
            .with_context(|| format!("mounting {PLACE}"))?;
    }
    Ok(Path::new(PLACE).join(name))
}
