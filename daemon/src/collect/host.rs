//! The machine that a recording is made on, or a profile is to hold on.

use std::fs;
use std::path::Path;

use crate::model::{Arch, Host};

/// Describes this machine.
pub fn this_host() -> Host {
    let root = Path::new("/");
    Host {
        arch: Arch::NATIVE,
        kernel: kernel_release(root).unwrap_or_else(|| "unknown".into()),
        clock_source: clock_source(root),
        seccinch: env!("CARGO_PKG_VERSION").into(),
    }
}

/// The kernel's release, as `uname -r` prints it, of the machine whose files are under `root`.
pub fn kernel_release(root: &Path) -> Option<String> {
    line(&root.join("proc/sys/kernel/osrelease"))
}

/// The clock source of the machine whose files are under `root`: it decides whether the vDSO answers.
pub fn clock_source(root: &Path) -> Option<String> {
    line(&root.join("sys/devices/system/clocksource/clocksource0/current_clocksource"))
}

fn line(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}
