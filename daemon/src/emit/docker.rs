//! Docker's own profile format (moby `profiles/seccomp/seccomp.go`), for `docker run --security-opt seccomp=`.

use super::oci::{ArchMap, LinuxSeccomp, action, arch_name, errno_ret, flags, syscalls};
use super::{EmitError, Engine, Logging};
use crate::files::to_json;
use crate::policy::Profile;

/// The profile for Docker: as OCI, but the architecture stands in `archMap`, without sub-architectures.
pub fn docker(profile: &Profile, engine: Engine, logging: Logging) -> Result<Vec<u8>, EmitError> {
    let native =
        ArchMap { architecture: arch_name(profile.arch()).to_owned(), sub_architectures: Some(Vec::new()) };
    Ok(to_json(&LinuxSeccomp {
        default_action: action(profile.default_action()).to_owned(),
        default_errno_ret: errno_ret(profile.default_action()),
        architectures: None,
        arch_map: Some(vec![native]),
        flags: flags(engine, logging)?,
        listener_path: None,
        listener_metadata: None,
        syscalls: syscalls("a Docker profile", profile)?,
    })?)
}
