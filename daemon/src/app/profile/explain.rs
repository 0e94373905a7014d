//! `seccinch profile explain`: why a call is allowed or refused.

use std::collections::BTreeSet;

use serde::Serialize;

use super::report::wrap;
use super::{ProfileCommandError, Report, load};
use crate::files::{Input, WriteError, to_json};
use crate::model::{Frame, SyscallNr};
use crate::policy::{Condition, DefaultAction, Profile, Reason, Rule, Verdict};
use crate::syscalls;

/// Why one call is allowed or refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExplainReport {
    profile: Profile,
    name: String,
    nr: SyscallNr,
}

#[derive(Serialize)]
struct Document {
    format: &'static str,
    version: u32,
    syscall: String,
    number: u16,
    arch: &'static str,
    /// What happens to the call.
    verdict: String,
    /// What happens if a condition does not hold; nothing without one.
    otherwise: Option<String>,
    reasons: Vec<String>,
    /// Who made it, the innermost function first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    callers: Vec<CallerDocument>,
}

#[derive(Serialize)]
struct CallerDocument {
    program: String,
    goroutine: Option<u64>,
    time: String,
    frames: Vec<String>,
}

/// Looks up one call in a profile of any kind.
pub fn explain(syscall: &str, input: &Input) -> Result<ExplainReport, ProfileCommandError> {
    let profile = load(input)?.profile;
    let nr = syscalls::parse(profile.arch(), syscall)?;
    Ok(ExplainReport { profile, name: syscall.to_owned(), nr })
}

impl ExplainReport {
    fn verdict(&self) -> String {
        match self.profile.rules().get(&self.nr) {
            Some(rule) => rule.verdict().to_string(),
            None => default_in_words(self.profile.default_action()),
        }
    }

    fn otherwise(&self) -> Option<String> {
        let rule = self.profile.rules().get(&self.nr)?;
        let conditional = matches!(rule.verdict(), Verdict::Allow(Condition::When(_)));
        conditional.then(|| default_in_words(self.profile.default_action()))
    }

    /// Why it is allowed, or was taken out; nothing if nobody asked for it.
    fn reasons(&self) -> Option<&BTreeSet<Reason>> {
        let rule = self.profile.rules().get(&self.nr);
        rule.map(Rule::reasons).or_else(|| self.profile.refused().get(&self.nr))
    }

    fn reasons_in_words(&self) -> Vec<String> {
        self.reasons().map_or_else(
            || vec!["default: it was not observed, and no floor holds it".to_owned()],
            |reasons| reasons.iter().map(Reason::to_string).collect(),
        )
    }
}

/// Who made the call, by program.
fn callers(reasons: Option<&BTreeSet<Reason>>) -> Vec<CallerDocument> {
    let observed = reasons.into_iter().flatten().filter_map(|reason| match reason {
        Reason::Observed(observed) => Some((observed, observed.caller.as_ref()?)),
        _ => None,
    });
    observed
        .map(|(observed, caller)| CallerDocument {
            program: observed.program.clone(),
            goroutine: caller.goroutine,
            time: caller.time.to_string(),
            frames: caller.frames.iter().map(Frame::to_string).collect(),
        })
        .collect()
}

fn default_in_words(default: DefaultAction) -> String {
    match default {
        DefaultAction::Errno(errno) => format!("refused with {errno}"),
        DefaultAction::KillProcess => "the process is killed".to_owned(),
        DefaultAction::Log => "allowed and logged".to_owned(),
    }
}

impl Report for ExplainReport {
    fn text(&self) -> String {
        let arch = self.profile.arch().name();
        let mut text = wrap("", &format!("{} ({}) on {arch}: {}", self.name, self.nr.get(), self.verdict()));
        for reason in self.reasons_in_words() {
            text.push_str(&wrap("  - ", &reason));
        }
        for caller in callers(self.reasons()) {
            let goroutine = caller.goroutine.map(|id| format!(", goroutine {id}")).unwrap_or_default();
            text.push_str(&wrap("  ", &format!("made by {}{goroutine}:", caller.program)));
            for frame in caller.frames {
                text.push_str(&wrap("      ", &frame));
            }
        }
        if let Some(otherwise) = self.otherwise() {
            text.push_str(&wrap("  otherwise: ", &otherwise));
        }
        text
    }

    fn json(&self) -> Result<Vec<u8>, WriteError> {
        to_json(&Document {
            format: "seccinch.explain",
            version: 1,
            syscall: self.name.clone(),
            number: self.nr.get(),
            arch: self.profile.arch().name(),
            verdict: self.verdict(),
            otherwise: self.otherwise(),
            reasons: self.reasons_in_words(),
            callers: callers(self.reasons()),
        })
    }

    fn is_clean(&self) -> bool {
        true
    }
}
