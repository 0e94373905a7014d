//! `seccinch.workloads`: every workload, in short.

use serde::Serialize;

use super::Head;
use crate::export::view::{GenerationView, View, WorkloadView};
use crate::model::Starts;

#[derive(Serialize)]
pub(super) struct Document {
    #[serde(flatten)]
    head: Head,
    time: String,
    /// Programs that were seen when there were too many workloads already.
    other: u64,
    workloads: Vec<Summary>,
}

/// One workload, in short.
#[derive(Serialize)]
pub(super) struct Summary {
    pub(super) id: String,
    /// Where the rest of it is.
    pub(super) href: String,
    pub(super) first: String,
    pub(super) last: String,
    /// Live processes, without those that came in from outside.
    pub(super) targets: usize,
    /// Calls that it made, over all of them.
    pub(super) calls: u64,
    /// How many different ones.
    pub(super) syscalls: usize,
    pub(super) starts: StartsFile,
    pub(super) gaps: u64,
    pub(super) violations: u64,
    pub(super) generation: Option<GenerationSummary>,
}

#[derive(Serialize)]
pub(super) struct StartsFile {
    whole: u64,
    partial: u64,
    shutdowns: u64,
}

/// The newest generation, in short.
#[derive(Serialize)]
pub(super) struct GenerationSummary {
    number: u64,
    sha256: String,
    time: String,
    /// Its OCI profile, which never changes.
    profile: String,
}

impl From<Starts> for StartsFile {
    fn from(starts: Starts) -> Self {
        Self { whole: starts.whole, partial: starts.partial, shutdowns: starts.shutdowns }
    }
}

impl From<&GenerationView> for GenerationSummary {
    fn from(generation: &GenerationView) -> Self {
        Self {
            number: generation.number,
            sha256: generation.sha256.clone(),
            time: generation.time.to_string(),
            profile: format!("/api/v1/profiles/{}.json", generation.sha256),
        }
    }
}

impl From<&WorkloadView> for Summary {
    fn from(workload: &WorkloadView) -> Self {
        Self {
            id: workload.id.to_string(),
            href: format!("/api/v1/workloads/{}", workload.id.escape()),
            first: workload.first.to_string(),
            last: workload.last.to_string(),
            targets: workload.targets.len(),
            calls: workload.counts.values().fold(0, |sum, count| sum.saturating_add(*count)),
            syscalls: workload.counts.len(),
            starts: workload.starts.into(),
            gaps: workload.gaps,
            violations: workload.violations.values().sum(),
            generation: workload.generation.as_deref().map(GenerationSummary::from),
        }
    }
}

pub(super) fn document(view: &View) -> Document {
    Document {
        head: Head::new("seccinch.workloads"),
        time: view.time.to_string(),
        other: view.other,
        workloads: view.workloads.values().map(|workload| Summary::from(workload.as_ref())).collect(),
    }
}
