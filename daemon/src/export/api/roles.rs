//! What each role did, as documents say it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::callers::{CallerFile, FrameFile};
use super::reach::{ScanFile, is_reachable};
use crate::golang;
use crate::learn::FrameTable;
use crate::model::{Arch, Arguments, Phase, Role, RoleObservations, Seen};
use crate::syscalls::display_name;

/// One role of one build.
#[derive(Serialize)]
pub(super) struct RoleFile {
    role: RoleName,
    executable: String,
    build_id: Option<String>,
    go: Option<String>,
    processes: u64,
    foreign: u64,
    /// What the scan of the binary found, if it was scanned.
    reachable: Option<ScanFile>,
    /// The places in the program that callers name by their position here.
    frames: Vec<FrameFile>,
    syscalls: BTreeMap<String, SeenFile>,
}

/// `"main"`, `{"child": "sh"}`, `{"entered": "bash"}`, as in observation files.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RoleName {
    Main,
    Child(String),
    Entered(String),
}

#[derive(Serialize)]
struct SeenFile {
    startup: u64,
    steady: u64,
    shutdown: u64,
    in_flight: bool,
    first: String,
    last: String,
    arguments: ArgumentsFile,
    /// Whether the scan of the binary says that it can make the call; nothing if it was not scanned.
    reachable: Option<bool>,
    /// Who made it, in one line, as far as is known.
    by: Option<String>,
    /// The first ones who did.
    callers: Vec<CallerFile>,
}

/// `"unwatched"`, `"any"`, or every combination that was seen with how often.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum ArgumentsFile {
    Unwatched,
    Any,
    Values(Vec<ValuesFile>),
}

#[derive(Serialize)]
struct ValuesFile {
    values: Vec<u64>,
    count: u64,
}

impl RoleFile {
    pub(super) fn new(role: &RoleObservations, arch: Arch) -> Self {
        let mut table = FrameTable::default();
        let syscalls = role.syscalls.iter().map(|(nr, seen)| {
            (display_name(arch, *nr), SeenFile::new(seen, is_reachable(role, *nr), &mut table))
        });
        Self {
            role: (&role.role).into(),
            executable: role.build.path.clone(),
            build_id: role.build.id.clone(),
            go: role.build.go.as_ref().map(|go| go.toolchain.clone()),
            processes: role.processes,
            foreign: role.foreign,
            reachable: role.reachable.as_deref().map(ScanFile::from),
            syscalls: syscalls.collect(),
            frames: table.into_frames().into_iter().map(FrameFile::from).collect(),
        }
    }
}

impl From<&Role> for RoleName {
    fn from(role: &Role) -> Self {
        match role {
            Role::Main => Self::Main,
            Role::Child(name) => Self::Child(name.clone()),
            Role::Entered(name) => Self::Entered(name.clone()),
        }
    }
}

impl SeenFile {
    fn new<'a>(seen: &'a Seen, reachable: Option<bool>, table: &mut FrameTable<'a>) -> Self {
        Self {
            startup: seen.counts.get(Phase::Startup),
            steady: seen.counts.get(Phase::Steady),
            shutdown: seen.counts.get(Phase::Shutdown),
            in_flight: seen.in_flight,
            first: seen.first.to_string(),
            last: seen.last.to_string(),
            arguments: (&seen.arguments).into(),
            reachable,
            by: golang::telling(&seen.callers).and_then(|caller| golang::one_line(&caller.frames)),
            callers: seen.callers.iter().map(|caller| CallerFile::new(caller, table)).collect(),
        }
    }
}

impl From<&Arguments> for ArgumentsFile {
    fn from(arguments: &Arguments) -> Self {
        let values = match arguments {
            Arguments::Unwatched => return Self::Unwatched,
            Arguments::Any => return Self::Any,
            Arguments::Values(values) => values,
        };
        let file = |(values, count): (&Vec<u64>, &u64)| ValuesFile { values: values.clone(), count: *count };
        Self::Values(values.iter().map(file).collect())
    }
}
