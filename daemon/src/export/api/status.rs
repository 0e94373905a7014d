//! `seccinch.status`: how the daemon does; and `seccinch.ready`, whether it does at all.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use super::Head;
use crate::export::view::{Problem, View};

#[derive(Serialize)]
pub(super) struct Document {
    #[serde(flatten)]
    head: Head,
    time: String,
    started: String,
    /// The daemon's version.
    seccinch: &'static str,
    host: HostFile,
    ready: bool,
    problems: Vec<ProblemFile>,
    workloads: usize,
    targets: usize,
    other: u64,
    /// Calls counted.
    counted: u64,
    losses: BTreeMap<String, u64>,
    programs: Vec<ProgramFile>,
    kernel_memory_bytes: u64,
    polls: PollsFile,
    state_write_errors: u64,
    reload: ReloadFile,
}

#[derive(Serialize)]
struct HostFile {
    arch: &'static str,
    kernel: String,
    clock_source: Option<String>,
}

#[derive(Serialize)]
struct ProblemFile {
    part: String,
    text: String,
    since: String,
    fatal: bool,
}

#[derive(Serialize)]
struct ProgramFile {
    program: String,
    attached: bool,
    runs: u64,
    nanoseconds: u64,
}

#[derive(Serialize)]
struct PollsFile {
    count: u64,
    seconds: f64,
}

#[derive(Serialize)]
struct ReloadFile {
    successful: bool,
    last_success: String,
}

pub(super) fn document(view: &View) -> Document {
    let programs = view.programs.iter().map(|program| ProgramFile {
        program: program.program.clone(),
        attached: program.is_attached,
        runs: program.runs,
        nanoseconds: program.nanoseconds,
    });
    Document {
        head: Head::new("seccinch.status"),
        time: view.time.to_string(),
        started: view.started.to_string(),
        seccinch: env!("CARGO_PKG_VERSION"),
        host: HostFile {
            arch: view.host.arch.name(),
            kernel: view.host.kernel.clone(),
            clock_source: view.host.clock_source.clone(),
        },
        ready: is_ready(view),
        problems: problems(view),
        workloads: view.workloads.len(),
        targets: view.workloads.values().map(|workload| workload.targets.len()).sum(),
        other: view.other,
        counted: view.counted,
        losses: view.losses.clone(),
        programs: programs.collect(),
        kernel_memory_bytes: view.kernel_memory_bytes,
        polls: PollsFile { count: view.polls.count, seconds: view.polls.sum.as_secs_f64() },
        state_write_errors: view.state_write_errors,
        reload: ReloadFile {
            successful: view.reload.is_successful,
            last_success: view.reload.last_success.to_string(),
        },
    }
}

fn is_ready(view: &View) -> bool {
    view.health.is_ready && !view.health.problems.iter().any(|problem| problem.is_fatal)
}

fn problems(view: &View) -> Vec<ProblemFile> {
    let file = |problem: &Problem| ProblemFile {
        part: problem.part.clone(),
        text: problem.text.clone(),
        since: problem.since.to_string(),
        fatal: problem.is_fatal,
    };
    view.health.problems.iter().map(file).collect()
}

/// Whether the daemon is ready, and what fails.
#[derive(Serialize)]
pub(in crate::export) struct ReadyDocument {
    #[serde(flatten)]
    head: Head,
    ready: bool,
    problems: Vec<ProblemFile>,
}

impl ReadyDocument {
    pub(in crate::export) fn new(view: &View) -> Self {
        Self { head: Head::new("seccinch.ready"), ready: is_ready(view), problems: problems(view) }
    }

    pub(in crate::export) const fn is_ready(&self) -> bool {
        self.ready
    }

    /// For people.
    pub(in crate::export) fn text(&self) -> String {
        let mut text = if self.ready { "ready\n" } else { "not ready\n" }.to_owned();
        for problem in &self.problems {
            // Writing to a string can't fail.
            let _ = writeln!(text, "{}: {} (since {})", problem.part, problem.text, problem.since);
        }
        if !self.ready && self.problems.is_empty() {
            text.push_str("counting has not begun yet: what runs already is being looked at\n");
        }
        text
    }
}
