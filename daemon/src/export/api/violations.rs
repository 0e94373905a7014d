//! `seccinch.violations`: the latest broken rules.

use serde::Serialize;

use super::Head;
use super::callers::CulpritFile;
use crate::export::view::View;
use crate::syscalls::display_name;

#[derive(Serialize)]
pub(super) struct Document {
    #[serde(flatten)]
    head: Head,
    time: String,
    /// Newest last.
    violations: Vec<ViolationFile>,
}

#[derive(Serialize)]
struct ViolationFile {
    time: String,
    workload: String,
    rule: String,
    syscall: String,
    count: u64,
    over: u64,
    per_seconds: f64,
    then: String,
    /// Who made the call, once that is known.
    caller: Option<CulpritFile>,
}

pub(super) fn document(view: &View) -> Document {
    let violations = view.violations.iter().map(|violation| ViolationFile {
        time: violation.time.to_string(),
        workload: violation.workload.to_string(),
        rule: violation.rule.clone(),
        syscall: display_name(view.host.arch, violation.syscall),
        count: violation.count,
        over: violation.over,
        per_seconds: violation.per.as_secs_f64(),
        then: violation.then.to_string(),
        caller: violation.caller.as_ref().map(|caller| CulpritFile::new(caller, violation.is_of_this_call())),
    });
    Document {
        head: Head::new("seccinch.violations"),
        time: view.time.to_string(),
        violations: violations.collect(),
    }
}
