//! The observation file as it is written: version 3. Version 2 has no `reachable`, version 1 no callers either.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::files::{Document, unique_map};
use crate::learn::parts::{HostFile, RoleFile};

/// What the head of an observation file says.
pub const DOCUMENT: Document = Document { format: "seccinch.observations", version: 3 };

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
