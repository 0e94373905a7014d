//! `seccinch.workload`: everything about one workload.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Head;
use super::reach::{self, TierTotals, UnreachableFile};
use super::roles::RoleFile;
use super::workloads::Summary;
use crate::export::view::{GenerationView, RuleAction, WorkloadView};
use crate::model::{Arch, Place, SyscallNr, Target};
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
    /// How the newest generation's profile knows each call of the architecture.
    tiers: BTreeMap<String, &'static str>,
    tier_totals: TierTotals,
    /// Calls that were seen though the scan of the binary did not find them.
    observed_unreachable: Vec<UnreachableFile>,
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
        roles: workload.roles.iter().map(|role| RoleFile::new(role, arch)).collect(),
        violated: violated.collect(),
        rules: rules.map(|(nr, action)| (name(nr), action.into())).collect(),
        added: names(|generation| &generation.added),
        removed: names(|generation| &generation.removed),
        tiers: reach::tiers(generation, arch),
        tier_totals: reach::totals(generation),
        observed_unreachable: reach::unreachable(&workload.roles, arch),
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
