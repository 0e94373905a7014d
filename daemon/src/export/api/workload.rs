//! `seccinch.workload`: everything about one workload.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Head;
use super::workloads::Summary;
use crate::export::view::{GenerationView, RuleAction, WorkloadView};
use crate::model::{Arch, Arguments, Phase, Place, Role, RoleObservations, Seen, SyscallNr, Target};
use crate::syscalls::display_name;

#[derive(Serialize)]
pub(super) struct Document {
    #[serde(flatten)]
    head: Head,
    arch: &'static str,
    #[serde(flatten)]
    summary: Summary,
    place: PlaceFile,
    live: Vec<TargetFile>,
    counts: BTreeMap<String, u64>,
    roles: Vec<RoleFile>,
    violated: Vec<ViolatedFile>,
    /// Of the newest generation.
    rules: BTreeMap<String, RuleFile>,
    added: Vec<String>,
    removed: Vec<String>,
}

#[derive(Serialize)]
struct PlaceFile {
    container: Option<String>,
    image: Option<String>,
    pod: Option<String>,
    namespace: Option<String>,
}

#[derive(Serialize)]
struct TargetFile {
    pid: u32,
    started: String,
    executable: String,
    /// Whether it is counted from its first call.
    whole: bool,
    place: PlaceFile,
}

#[derive(Serialize)]
struct RoleFile {
    role: RoleName,
    executable: String,
    build_id: Option<String>,
    go: Option<String>,
    processes: u64,
    foreign: u64,
    syscalls: BTreeMap<String, SeenFile>,
}

/// `"main"`, `{"child": "sh"}`, `{"entered": "bash"}`, as in observation files.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum RoleName {
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

#[derive(Serialize)]
struct ViolatedFile {
    rule: String,
    syscall: String,
    count: u64,
}

#[derive(Serialize)]
struct RuleFile {
    action: &'static str,
    /// Whether only some arguments are allowed; the profile says which.
    limited: bool,
    errno: Option<String>,
}

pub(super) fn document(workload: &WorkloadView, arch: Arch) -> Document {
    let name = |nr: &SyscallNr| display_name(arch, *nr);
    let violated = workload.violations.iter().map(|((rule, nr), count)| ViolatedFile {
        rule: rule.clone(),
        syscall: name(nr),
        count: *count,
    });
    let generation = workload.generation.as_deref();
    let rules = generation.iter().flat_map(|generation| &generation.rules);
    let names =
        |names: fn(&GenerationView) -> &Vec<String>| generation.map(names).cloned().unwrap_or_default();
    Document {
        head: Head::new("seccinch.workload"),
        arch: arch.name(),
        summary: workload.into(),
        place: (&workload.place).into(),
        live: workload.targets.iter().map(TargetFile::from).collect(),
        counts: workload.counts.iter().map(|(nr, count)| (name(nr), *count)).collect(),
        roles: workload.roles.iter().map(|role| role_file(role, arch)).collect(),
        violated: violated.collect(),
        rules: rules.map(|(nr, action)| (name(nr), action.into())).collect(),
        added: names(|generation| &generation.added),
        removed: names(|generation| &generation.removed),
    }
}

fn role_file(role: &RoleObservations, arch: Arch) -> RoleFile {
    let syscalls = role.syscalls.iter().map(|(nr, seen)| (display_name(arch, *nr), SeenFile::from(seen)));
    RoleFile {
        role: match &role.role {
            Role::Main => RoleName::Main,
            Role::Child(name) => RoleName::Child(name.clone()),
            Role::Entered(name) => RoleName::Entered(name.clone()),
        },
        executable: role.build.path.clone(),
        build_id: role.build.id.clone(),
        go: role.build.go.as_ref().map(|go| go.toolchain.clone()),
        processes: role.processes,
        foreign: role.foreign,
        syscalls: syscalls.collect(),
    }
}

impl From<&Place> for PlaceFile {
    fn from(place: &Place) -> Self {
        let Place { container, image, pod, namespace } = place.clone();
        Self { container, image, pod, namespace }
    }
}

impl From<&Target> for TargetFile {
    fn from(target: &Target) -> Self {
        Self {
            pid: target.process,
            started: target.started.to_string(),
            executable: target.executable.clone(),
            whole: target.is_whole,
            place: (&target.place).into(),
        }
    }
}

impl From<&Seen> for SeenFile {
    fn from(seen: &Seen) -> Self {
        Self {
            startup: seen.counts.get(Phase::Startup),
            steady: seen.counts.get(Phase::Steady),
            shutdown: seen.counts.get(Phase::Shutdown),
            in_flight: seen.in_flight,
            first: seen.first.to_string(),
            last: seen.last.to_string(),
            arguments: (&seen.arguments).into(),
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

impl From<&RuleAction> for RuleFile {
    fn from(action: &RuleAction) -> Self {
        match action {
            RuleAction::Allow => Self { action: "allow", limited: false, errno: None },
            RuleAction::AllowWhen => Self { action: "allow", limited: true, errno: None },
            RuleAction::Errno(errno) => {
                Self { action: "errno", limited: false, errno: Some(errno.to_string()) }
            }
        }
    }
}
