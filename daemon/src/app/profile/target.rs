//! The formats that a profile can be written in.

use super::ProfileCommandError;
use crate::emit::{self, Api, Engine, Logging, ObjectName};
use crate::model::Role;
use crate::policy::{Observed, Profile, Reason, Rule, file};

/// A format, with what belongs to it alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Ours, the only one that keeps the reasons.
    Seccinch,
    /// OCI's `LinuxSeccomp`.
    Oci(Engine, Logging),
    /// Docker's profile.
    Docker(Engine, Logging),
    /// A drop-in for a unit.
    Systemd,
    /// A `SeccompProfile` of the Security Profiles Operator.
    Kubernetes(Api, ObjectName, Engine, Logging),
    /// A program for seccomp(2).
    Bpf,
    /// A Go source file.
    Go,
}

/// The profile's bytes in a format.
pub fn emit(profile: &Profile, target: &Target) -> Result<Vec<u8>, ProfileCommandError> {
    Ok(match target {
        Target::Seccinch => file::render(profile)?,
        Target::Oci(engine, logging) => emit::oci(profile, *engine, *logging)?,
        Target::Docker(engine, logging) => emit::docker(profile, *engine, *logging)?,
        Target::Systemd => emit::systemd(profile)?,
        Target::Kubernetes(api, name, engine, logging) => {
            emit::kubernetes(profile, *api, name, *engine, *logging)?
        }
        Target::Bpf => emit::bpf(profile)?,
        Target::Go => emit::go(profile),
    })
}

/// What whoever uses the profile has to know, as lines for standard error.
pub fn warn_of(profile: &Profile) -> Vec<String> {
    profile.notes().iter().map(|note| format!("warning: {}", note.0)).collect()
}

/// The name of a Kubernetes object where none was given: the recorded program's, as far as its letters are
/// allowed.
pub fn default_name(profile: &Profile) -> String {
    let observed = profile.rules().values().flat_map(Rule::reasons).find_map(|reason| match reason {
        Reason::Observed(Observed { role: Role::Main, program, .. }) => Some(program.as_str()),
        _ => None,
    });
    let path = observed.unwrap_or_default();
    let file = path.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
    let allowed = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    let name: String = file.chars().map(allowed).collect();
    let name = name.trim_matches('-');
    if name.is_empty() { "seccinch".to_owned() } else { name.to_owned() }
}
