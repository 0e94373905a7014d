//! The baseline file as it is written: version 3. Version 2 has no `reachable`, version 1 no callers either.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::files::{Document, unique_map};
use crate::learn::parts::{ArgumentsFile, BuildFile, HostFile, RoleFile, RoleName};

/// What the head of a baseline file says.
pub const DOCUMENT: Document = Document { format: "seccinch.baseline", version: 3 };

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BaselineFile {
    pub(super) format: String,
    pub(super) version: u32,
    pub(super) workload: String,
    pub(super) host: HostFile,
    pub(super) first: String,
    pub(super) last: String,
    pub(super) starts: StartsFile,
    pub(super) gaps: Vec<GapFile>,
    #[serde(deserialize_with = "unique_map")]
    pub(super) violated: BTreeMap<String, ViolatedFile>,
    #[serde(deserialize_with = "unique_map")]
    pub(super) losses: BTreeMap<String, u64>,
    pub(super) roles: Vec<RoleFile>,
    pub(super) ledger: LedgerFile,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StartsFile {
    pub(super) whole: u64,
    pub(super) partial: u64,
    pub(super) shutdowns: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GapFile {
    pub(super) from: String,
    pub(super) to: String,
    pub(super) reason: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ViolatedFile {
    /// How many violations, by call.
    #[serde(deserialize_with = "unique_map")]
    pub(super) syscalls: BTreeMap<String, u64>,
    pub(super) first: String,
    pub(super) last: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LedgerFile {
    pub(super) epoch: String,
    pub(super) accounts: Vec<AccountFile>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AccountFile {
    pub(super) slot: u16,
    pub(super) generation: u64,
    pub(super) root: u16,
    pub(super) process: u32,
    pub(super) is_whole: bool,
    /// Version 1 does not say: its slots are of another ABI.
    #[serde(default)]
    pub(super) told: ToldFile,
    pub(super) started: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) asked_to_end: Option<String>,
    pub(super) role: RoleName,
    pub(super) build: BuildFile,
    pub(super) is_ending: bool,
    pub(super) processes: u64,
    pub(super) foreign: u64,
    #[serde(deserialize_with = "unique_map")]
    pub(super) counts: BTreeMap<String, u64>,
    /// Of the calls whose arguments are watched.
    #[serde(deserialize_with = "unique_map")]
    pub(super) arguments: BTreeMap<String, ArgumentsFile>,
}

#[derive(Clone, Copy, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ToldFile {
    #[default]
    Nothing,
    Start,
    Shutdown,
}
