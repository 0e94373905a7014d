//! The OCI runtime specification's `LinuxSeccomp` object (opencontainers/runtime-spec, config-linux.md,
//! "Seccomp"): what runc, crun, containerd and the kubelet's localhost profiles take.

mod compare;
mod format;
mod read;
mod rules;
#[cfg(test)]
mod tests;

pub use format::arch_name;
pub use read::{Imported, OciError, Remark, parse};
pub use rules::TOP_SYSCALL;

pub(super) use format::{ArchMap, ArgFile, LinuxSeccomp, SyscallFile};
pub(super) use rules::{action, errno_ret, flags, syscalls};

use super::{EmitError, Engine, Logging};
use crate::files::to_json;
use crate::policy::Profile;

/// The profile as a `LinuxSeccomp` object, for the native architecture only: a sub-architecture would open a
/// table that nobody observed.
pub fn oci(profile: &Profile, engine: Engine, logging: Logging) -> Result<Vec<u8>, EmitError> {
    Ok(to_json(&LinuxSeccomp {
        default_action: action(profile.default_action()).to_owned(),
        default_errno_ret: errno_ret(profile.default_action()),
        architectures: Some(vec![arch_name(profile.arch()).to_owned()]),
        arch_map: None,
        flags: flags(engine, logging)?,
        listener_path: None,
        listener_metadata: None,
        syscalls: syscalls("an OCI profile", profile)?,
    })?)
}
