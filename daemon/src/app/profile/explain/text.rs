//! The answer for people: what happens to the call, what was seen of it, and what could happen.

use super::reachability::Reachability;
use super::{ExplainReport, role};
use crate::app::profile::report::{WIDTH, wrap};
use crate::golang;
use crate::model::{Caller, Frame, Phase};
use crate::policy::{Observed, Profile, Reason, in_words};

/// Everything that is known, on 80 columns.
pub(super) fn text(report: &ExplainReport) -> String {
    let arch = report.profile.arch().name();
    let head = format!("{} ({}) on {arch}: {}", report.name, report.nr.get(), report.verdict());
    let mut text = wrap("", &head);
    if let Some(otherwise) = report.otherwise() {
        text.push_str(&wrap("  otherwise: ", &otherwise));
    }
    if let Some(tier) = report.tier() {
        text.push_str(&wrap("  tier: ", tier));
    }
    if let Some(reachability) = Reachability::of(&report.profile, report.nr) {
        text.push_str(&wrap("  reachable: ", &reachability.in_words()));
    }
    for one in report.observed() {
        text.push_str(&observed(&report.profile, one));
    }
    for reason in others(report) {
        text.push_str(&wrap("  - ", &reason));
    }
    text
}

/// The reasons that are not told otherwise.
fn others(report: &ExplainReport) -> Vec<String> {
    let is_told = |reason: &&Reason| matches!(reason, Reason::Observed(_) | Reason::Reachable(_));
    match report.reasons() {
        None => report.reasons_in_words(),
        Some(reasons) => reasons.iter().filter(|reason| !is_told(reason)).map(Reason::to_string).collect(),
    }
}

fn observed(profile: &Profile, observed: &Observed) -> String {
    let who = format!("observed: {} ({})", role(&observed.role), observed.program);
    let mut text = wrap("  - ", &who);
    let under_way = if observed.in_flight { ", under way when counting began" } else { "" };
    text.push_str(&wrap("      first: ", &format!("{}{under_way}", observed.first)));
    let counts = Phase::ALL.into_iter().map(|phase| (observed.counts.get(phase), phase.name()));
    let counts: Vec<String> =
        counts.filter(|(count, _)| *count > 0).map(|(count, name)| format!("{count} {name}")).collect();
    if !counts.is_empty() {
        text.push_str(&wrap("      count: ", &counts.join(", ")));
    }
    if let Some(build) = &observed.build {
        text.push_str(&wrap("      build: ", build));
    }
    if let Some(caller) = &observed.caller {
        text.push_str(&made_by(caller));
    }
    if observed.is_reachable == Some(false) {
        text.push_str(&wrap("      scan: ", &beyond(profile, observed)));
    }
    text
}

fn made_by(caller: &Caller) -> String {
    let who = golang::site(&caller.frames).map(|site| site.function.to_string());
    let mut text = who.map(|who| wrap("      made by: ", &who)).unwrap_or_default();
    let goroutine = caller.goroutine.map(|id| format!("goroutine {id}, ")).unwrap_or_default();
    text.push_str(&wrap("      stack: ", &format!("{goroutine}{}", caller.time)));
    text.extend(caller.frames.iter().map(frame));
    text
}

/// On one line if it fits, else with its place below.
fn frame(frame: &Frame) -> String {
    const LEAD: &str = "        ";
    let inlined = if frame.is_inlined { " (inlined)" } else { "" };
    let place = format!("{}:{}{inlined}", frame.file, frame.line);
    let line = format!("{LEAD}{} {place}\n", frame.function);
    if line.chars().count() <= WIDTH {
        line
    } else {
        format!("{LEAD}{}\n{LEAD}    {place}\n", frame.function)
    }
}

/// What is said of a call that the scan of who made it does not find.
fn beyond(profile: &Profile, observed: &Observed) -> String {
    let mut scanned = profile.reach().scanned().iter();
    let limits = scanned.find(|(build, _)| build.path == observed.program && build.id == observed.build);
    let limits = limits.map(|(_, limits)| format!(", with {}", in_words(limits))).unwrap_or_default();
    format!("does not find it in this program{limits}: see `seccinch profile check`")
}
