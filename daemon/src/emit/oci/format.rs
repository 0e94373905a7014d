//! The object as it is written, in the specification's order, with Docker's additions
//! (moby `profiles/seccomp/seccomp.go`) for reading.

use serde::{Deserialize, Serialize};

use crate::model::Arch;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::emit) struct LinuxSeccomp {
    pub(in crate::emit) default_action: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::emit) default_errno_ret: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::emit) architectures: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::emit) arch_map: Option<Vec<ArchMap>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(in crate::emit) flags: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::emit) listener_path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::emit) listener_metadata: Option<String>,
    #[serde(default)]
    pub(in crate::emit) syscalls: Vec<SyscallFile>,
}

/// Docker's form of the architectures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::emit) struct ArchMap {
    pub(in crate::emit) architecture: String,
    pub(in crate::emit) sub_architectures: Option<Vec<String>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::emit) struct SyscallFile {
    pub(in crate::emit) names: Vec<String>,
    pub(in crate::emit) action: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::emit) errno_ret: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::emit) args: Option<Vec<ArgFile>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::emit) comment: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::emit) includes: Option<FilterFile>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::emit) excludes: Option<FilterFile>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::emit) struct ArgFile {
    pub(in crate::emit) index: u64,
    pub(in crate::emit) value: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::emit) value_two: Option<u64>,
    pub(in crate::emit) op: String,
}

/// When Docker applies a rule, or leaves it out.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::emit) struct FilterFile {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(in crate::emit) caps: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(in crate::emit) arches: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::emit) min_kernel: Option<String>,
}

/// The specification's name of an architecture.
pub const fn arch_name(arch: Arch) -> &'static str {
    match arch {
        Arch::X86_64 => "SCMP_ARCH_X86_64",
        Arch::Aarch64 => "SCMP_ARCH_AARCH64",
    }
}
