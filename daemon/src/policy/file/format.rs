//! The profile file as it is written: version 4. Version 3 has no `otherwise`, no `reach` and no `reachable`, version 2 no `caller`
//! either, version 1 no `refused` and no reason `rule` either.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::files::{Document, unique_map};
use crate::learn::reach::ReachedFile;

/// What the head of a profile file says.
pub const DOCUMENT: Document = Document { format: "seccinch.profile", version: 4 };

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProfileFile {
    pub(super) format: String,
    pub(super) version: u32,
    pub(super) arch: String,
    pub(super) default: DefaultFile,
    /// What an allowed call fails with if its condition does not hold, if not with the default action.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) otherwise: Option<String>,
    pub(super) notes: Vec<String>,
    pub(super) provenance: ProvenanceFile,
    #[serde(deserialize_with = "unique_map")]
    pub(super) rules: BTreeMap<String, RuleFile>,
    /// Calls that were taken out, with the reasons.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "unique_map")]
    pub(super) refused: BTreeMap<String, Vec<ReasonFile>>,
    /// What scans say of the binaries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) reach: Option<ReachFile>,
}

/// What the scanned binaries could ever call, all together.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReachFile {
    pub(super) scanned: Vec<ScannedFile>,
    #[serde(deserialize_with = "unique_map")]
    pub(super) syscalls: BTreeMap<String, ReachedFile>,
}

/// A binary, and what its scan could not find out.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ScannedFile {
    pub(super) build: BuildFile,
    pub(super) unresolved: u64,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) gaps: BTreeSet<String>,
}

/// `{"errno": "EPERM"}`, `"kill_process"`, `"log"`.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum DefaultFile {
    Errno(String),
    KillProcess,
    Log,
}

/// Where a profile comes from, as it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProvenanceFile {
    pub(super) seccinch: BTreeSet<String>,
    pub(super) kernels: BTreeSet<String>,
    pub(super) clock_sources: BTreeSet<String>,
    pub(super) launches: Vec<LaunchFile>,
    pub(super) builds: Vec<BuildFile>,
    #[serde(deserialize_with = "unique_map")]
    pub(super) floors: BTreeMap<String, String>,
    pub(super) inputs: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LaunchFile {
    pub(super) runtime: String,
    pub(super) no_new_privs: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BuildFile {
    pub(super) path: String,
    pub(super) id: Option<String>,
    pub(super) go: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RuleFile {
    pub(super) verdict: VerdictFile,
    pub(super) reasons: Vec<ReasonFile>,
}

/// `"allow"`, `{"allow_when": [[…]]}` (one of the inner lists holds whole), `{"errno": "ENOSYS"}`.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum VerdictFile {
    Allow,
    AllowWhen(Vec<Vec<MaskedFile>>),
    Errno(String),
}

/// `argument & mask == value`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MaskedFile {
    pub(super) arg: u64,
    pub(super) mask: u64,
    pub(super) value: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum ReasonFile {
    Observed(ObservedFile),
    Floor { floor: String, text: String },
    Arguments(String),
    Guard(String),
    Imported(String),
    Rule { name: String, text: String },
    Reachable(ReachedFile),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ObservedFile {
    pub(super) role: RoleFile,
    pub(super) program: String,
    pub(super) build: Option<String>,
    pub(super) startup: u64,
    pub(super) steady: u64,
    pub(super) shutdown: u64,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) in_flight: bool,
    pub(super) first: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) caller: Option<CallerFile>,
    /// Whether the binary's scan says that it can; absent if it was not scanned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) reachable: Option<bool>,
}

/// Who made a call: the innermost function first.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CallerFile {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) goroutine: Option<u64>,
    pub(super) time: String,
    pub(super) frames: Vec<FrameFile>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FrameFile {
    pub(super) function: String,
    pub(super) file: String,
    pub(super) line: u32,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) is_inlined: bool,
}

/// `"main"`, `{"child": "sh"}`, `{"entered": "bash"}`.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RoleFile {
    Main,
    Child(String),
    Entered(String),
}
