//! The observation file as it is written: version 1.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::files::{Document, unique_map};

/// What the head of an observation file says.
pub const DOCUMENT: Document = Document { format: "seccinch.observations", version: 1 };

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ObservationsFile {
    pub(super) format: String,
    pub(super) version: u32,
    pub(super) host: HostFile,
    pub(super) started: String,
    pub(super) ended: String,
    #[serde(deserialize_with = "unique_map")]
    pub(super) losses: BTreeMap<String, u64>,
    pub(super) roles: Vec<RoleFile>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HostFile {
    pub(super) arch: String,
    pub(super) kernel: String,
    pub(super) clock_source: Option<String>,
    pub(super) seccinch: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RoleFile {
    pub(super) role: RoleName,
    pub(super) build: BuildFile,
    pub(super) processes: u64,
    pub(super) foreign: u64,
    #[serde(deserialize_with = "unique_map")]
    pub(super) syscalls: BTreeMap<String, SeenFile>,
}

/// `"main"`, `{"child": "sh"}`, `{"entered": "bash"}`.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RoleName {
    Main,
    Child(String),
    Entered(String),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BuildFile {
    pub(super) path: String,
    pub(super) id: Option<String>,
    pub(super) go: Option<GoFile>,
    pub(super) linkage: Option<LinkageFile>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GoFile {
    pub(super) toolchain: String,
    pub(super) path: Option<String>,
    pub(super) module: Option<ModuleFile>,
    pub(super) cgo: Option<bool>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ModuleFile {
    pub(super) path: String,
    pub(super) version: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LinkageFile {
    pub(super) interpreter: Option<String>,
    pub(super) needed: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SeenFile {
    pub(super) counts: CountsFile,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) in_flight: bool,
    pub(super) first: String,
    pub(super) last: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) arguments: Option<ArgumentsFile>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CountsFile {
    pub(super) startup: u64,
    pub(super) steady: u64,
    pub(super) shutdown: u64,
}

/// `"any"`, or `{"values": […]}`. Absent for a call whose arguments are not watched.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ArgumentsFile {
    Any,
    Values(Vec<ValuesFile>),
}

/// One combination of the watched arguments, in the order of their positions.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ValuesFile {
    pub(super) values: Vec<u64>,
    pub(super) count: u64,
}
