//! `seccinch workload list` and `show`.

use super::words::{age, counted, line, name_column, to_the_second, wrap};
use crate::app::columns::{caller_head, caller_row, plain};
use crate::app::control::document::{RoleFile, RoleName, ScanFile, SeenFile, SummaryFile, UnreachableFile};
use crate::app::control::{WorkloadDocument, WorkloadsDocument};
use crate::model::Timestamp;

/// Where the numbers begin.
const NAME: usize = 28;
/// What is known of calls, the surest first.
const TIERS: [&str; 5] = ["observed", "floor", "reachable", "unreachable", "unknown"];

/// All workloads, by id.
pub fn workloads(document: &WorkloadsDocument) -> String {
    let mut text = String::new();
    line(
        &mut text,
        format_args!(
            "{:<NAME$}{:>8}{:>10}{:>14}{:>8}{:>5}{:>7}",
            "WORKLOAD", "TARGETS", "SYSCALLS", "CALLS", "STARTS", "GEN", "LAST"
        ),
    );
    for workload in &document.workloads {
        summary(&mut text, workload, &document.time);
    }
    if document.workloads.is_empty() {
        line(&mut text, format_args!("none yet: Go services are found as they run"));
    }
    if document.other > 0 {
        let words = format!(
            "{} beyond the limit, not watched: raise `max_workloads` in [limits]",
            counted(document.other, "program")
        );
        wrap(&mut text, "other: ", &words);
    }
    text
}

fn summary(text: &mut String, workload: &SummaryFile, now: &str) {
    name_column(text, &workload.id, NAME);
    let starts = workload.starts.whole + workload.starts.partial;
    let generation =
        workload.generation.as_ref().map_or_else(|| "-".to_owned(), |one| one.number.to_string());
    line(
        text,
        format_args!(
            "{:>8}{:>10}{:>14}{:>8}{:>5}{:>7}",
            workload.targets,
            workload.syscalls,
            workload.calls,
            starts,
            generation,
            age(&workload.last, now)
        ),
    );
}

fn unreachable(text: &mut String, seen: &UnreachableFile) {
    let by = seen.by.as_deref().map(|by| format!(" by {}", plain(by))).unwrap_or_default();
    let words = format!(
        "{} was called{by}, but the scan of {} does not find it: injected code, a plugin, a preloaded library, or a \
         fault of the scan",
        seen.syscall,
        plain(&seen.executable)
    );
    wrap(text, &format!("{:<12}", "WARNING"), &words);
}

/// Everything about one workload, as seen from `now`, in so many columns.
pub fn workload(document: &WorkloadDocument, now: Timestamp, width: usize) -> String {
    let (summary, now) = (&document.summary, &now.to_string());
    let mut text = format!("{}\n", plain(&summary.id));
    let starts = &summary.starts;
    let starts = format!(
        "{} watched from the first call, {} found running; {} watched to the end",
        starts.whole,
        starts.partial,
        counted(starts.shutdowns, "shutdown")
    );
    let entries = [
        ("watched", format!("first {}, last {} ago", to_the_second(&summary.first), age(&summary.last, now))),
        ("starts", starts),
        ("gaps", summary.gaps.to_string()),
        ("place", place(document)),
        ("targets", targets(document, now)),
    ];
    for (name, words) in entries.iter().filter(|(_, words)| !words.is_empty()) {
        wrap(&mut text, &format!("{name:<12}"), words);
    }
    generation(&mut text, document);
    for broken in &document.violated {
        let violations = counted(broken.count, "violation");
        let words = format!("{} ({}), {violations}", plain(&broken.rule), broken.syscall);
        wrap(&mut text, &format!("{:<12}", "broke"), &words);
    }
    for seen in &document.observed_unreachable {
        unreachable(&mut text, seen);
    }
    for role in &document.roles {
        section(&mut text, role, now, width);
    }
    text
}

fn place(document: &WorkloadDocument) -> String {
    let known =
        document.place.iter().filter_map(|(name, value)| Some(format!("{name} {}", plain(value.as_ref()?))));
    known.collect::<Vec<_>>().join(", ")
}

fn targets(document: &WorkloadDocument, now: &str) -> String {
    let each = document.live.iter().map(|target| {
        let whole = if target.whole { "" } else { ", found running" };
        format!("{} ({}{whole})", target.pid, age(&target.started, now))
    });
    let each: Vec<_> = each.collect();
    if each.is_empty() { "none".to_owned() } else { each.join(" ") }
}

fn generation(text: &mut String, document: &WorkloadDocument) {
    let lead = format!("{:<12}", "profile");
    let Some(generation) = &document.summary.generation else {
        return wrap(text, &lead, "none yet: it is made when the state is next written");
    };
    let allowed = document.rules.values().filter(|rule| rule.action == "allow").count();
    let time = to_the_second(&generation.time);
    let words = format!("generation {} of {time}, {allowed} syscalls allowed", generation.number);
    wrap(text, &lead, &words);
    line(text, format_args!("{:<12}sha256 {}", "", generation.sha256));
    for (name, changes) in [("added", &document.added), ("removed", &document.removed)] {
        if !changes.is_empty() {
            wrap(text, &format!("{:<12}{name} ", ""), &changes.join(" "));
        }
    }
    let tiers = TIERS.iter().filter_map(|tier| Some((tier, document.tier_totals.get(*tier)?)));
    let tiers: Vec<_> = tiers.map(|(tier, count)| format!("{count} {tier}")).collect();
    wrap(text, &format!("{:<12}", "calls"), &tiers.join(", "));
}

fn section(text: &mut String, role: &RoleFile, now: &str, width: usize) {
    let (name, remark) = match &role.role {
        RoleName::Main => ("main".to_owned(), ""),
        RoleName::Child(name) => (format!("child {}", plain(name)), ""),
        RoleName::Entered(name) => (format!("entered {}", plain(name)), " (teaches no profile)"),
    };
    line(text, format_args!("\n{name}: {}{remark}", plain(&role.executable)));
    let go = role.go.as_deref().unwrap_or("not Go");
    let id = role.build_id.as_deref().unwrap_or("none");
    line(text, format_args!("{}, build id {}", plain(go), plain(id)));
    if let Some(scan) = &role.reachable {
        wrap(text, "scanned: ", &scanned(scan));
    }
    line(
        text,
        format_args!(
            "{}, {}\n",
            counted(role.syscalls.len() as u64, "syscall"),
            counted(role.processes, "process")
        ),
    );
    let head = format!(
        "{:<24}{:>13}{:>11}{:>13}{:>11}{:>7}",
        "SYSCALL", "CALLS", "STARTUP", "STEADY", "SHUTDOWN", "LAST"
    );
    line(text, format_args!("{}", caller_head(&head, width)));
    let mut rows: Vec<_> = role.syscalls.iter().collect();
    let total = |seen: &SeenFile| seen.startup.saturating_add(seen.steady).saturating_add(seen.shutdown);
    rows.sort_by_key(|(name, seen)| (std::cmp::Reverse(total(seen)), *name));
    for (name, seen) in rows {
        let calls = match total(seen) {
            0 if seen.in_flight => "in flight".to_owned(),
            calls => calls.to_string(),
        };
        let numbers = format!(
            "{name:<24}{calls:>13}{:>11}{:>13}{:>11}{:>7}",
            seen.startup,
            seen.steady,
            seen.shutdown,
            age(&seen.last, now)
        );
        line(text, format_args!("{}", caller_row(&numbers, seen.by.as_deref(), width)));
    }
    if role.foreign > 0 {
        line(
            text,
            format_args!("{:<24}{:>13}  (32-bit, x32 or unknown: in no profile)", "foreign", role.foreign),
        );
    }
}

fn scanned(scan: &ScanFile) -> String {
    let found = format!("{} can be reached", counted(scan.syscalls, "syscall"));
    let places = || format!(", {} whose number is not known", counted(scan.unresolved, "place"));
    let unresolved = if scan.unresolved > 0 { places() } else { String::new() };
    let gaps = scan.gaps.iter().map(|gap| format!("; not looked at: {}", plain(gap)));
    format!("{found}{unresolved}{}", gaps.collect::<String>())
}
