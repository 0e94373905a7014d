//! Whether this process may load eBPF programs at all: asked before, so that the answer is a sentence and
//! not a verifier log.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;

use super::error::Error;

const CAP_SYS_PTRACE: u32 = 19;
const CAP_SYS_ADMIN: u32 = 21;
const CAP_PERFMON: u32 = 38;
const CAP_BPF: u32 = 39;

/// `PROC_PID_INIT_INO`: `include/linux/proc_ns.h`, Linux 6.12.
const INITIAL_PID_NAMESPACE: u64 = 0xEFFF_FFFC;

/// Checks privilege and pid namespace.
pub(super) fn check() -> Result<(), Error> {
    let effective = effective_capabilities().unwrap_or(u64::MAX);
    let has = |capability: u32| effective >> capability & 1 == 1;
    let may_load = has(CAP_SYS_ADMIN) || (has(CAP_BPF) && has(CAP_PERFMON));
    if !may_load {
        return Err(Error::Privilege { effective });
    }
    let namespace =
        fs::metadata("/proc/self/ns/pid").map_or(INITIAL_PID_NAMESPACE, |namespace| namespace.ino());
    if namespace == INITIAL_PID_NAMESPACE { Ok(()) } else { Err(Error::PidNamespace) }
}

/// Whether this process may look at what others run. A kernel that does not say is asked no further.
pub fn may_inspect_processes() -> bool {
    effective_capabilities().is_none_or(|effective| effective & (1 << CAP_SYS_PTRACE) != 0)
}

fn effective_capabilities() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"))?;
    u64::from_str_radix(line.trim(), 16).ok()
}

/// Every process that lives now.
pub(super) fn processes() -> io::Result<Vec<u32>> {
    let entries = fs::read_dir("/proc")?;
    Ok(entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect())
}
