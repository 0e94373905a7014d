//! The parts that the files of observations and of baselines share, as they are written.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::reach::ReachableFile;
use crate::files::unique_map;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::learn) struct HostFile {
    pub(in crate::learn) arch: String,
    pub(in crate::learn) kernel: String,
    pub(in crate::learn) clock_source: Option<String>,
    pub(in crate::learn) seccinch: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::learn) struct RoleFile {
    pub(in crate::learn) role: RoleName,
    pub(in crate::learn) build: BuildFile,
    pub(in crate::learn) processes: u64,
    pub(in crate::learn) foreign: u64,
    /// What the binary could ever call, where it was scanned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::learn) reachable: Option<ReachableFile>,
    /// The places in the program that its callers name by their position here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(in crate::learn) frames: Vec<FrameFile>,
    #[serde(deserialize_with = "unique_map")]
    pub(in crate::learn) syscalls: BTreeMap<String, SeenFile>,
}

/// `"main"`, `{"child": "sh"}`, `{"entered": "bash"}`.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::learn) enum RoleName {
    Main,
    Child(String),
    Entered(String),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::learn) struct BuildFile {
    pub(in crate::learn) path: String,
    pub(in crate::learn) id: Option<String>,
    pub(in crate::learn) go: Option<GoFile>,
    pub(in crate::learn) linkage: Option<LinkageFile>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::learn) struct GoFile {
    pub(in crate::learn) toolchain: String,
    pub(in crate::learn) path: Option<String>,
    pub(in crate::learn) module: Option<ModuleFile>,
    pub(in crate::learn) cgo: Option<bool>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::learn) struct ModuleFile {
    pub(in crate::learn) path: String,
    pub(in crate::learn) version: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::learn) struct LinkageFile {
    pub(in crate::learn) interpreter: Option<String>,
    pub(in crate::learn) needed: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::learn) struct SeenFile {
    pub(in crate::learn) counts: CountsFile,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(in crate::learn) in_flight: bool,
    pub(in crate::learn) first: String,
    pub(in crate::learn) last: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::learn) arguments: Option<ArgumentsFile>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(in crate::learn) callers: Vec<CallerFile>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::learn) struct CallerFile {
    /// Positions in the role's frames, the innermost function first.
    pub(in crate::learn) frames: Vec<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::learn) goroutine: Option<u64>,
    pub(in crate::learn) time: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::learn) struct FrameFile {
    pub(in crate::learn) function: String,
    pub(in crate::learn) file: String,
    pub(in crate::learn) line: u32,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(in crate::learn) is_inlined: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::learn) struct CountsFile {
    pub(in crate::learn) startup: u64,
    pub(in crate::learn) steady: u64,
    pub(in crate::learn) shutdown: u64,
}

/// `"any"`, or `{"values": […]}`. Absent for a call whose arguments are not watched.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::learn) enum ArgumentsFile {
    Any,
    Values(Vec<ValuesFile>),
}

/// One combination of the watched arguments, in the order of their positions.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::learn) struct ValuesFile {
    pub(in crate::learn) values: Vec<u64>,
    pub(in crate::learn) count: u64,
}
