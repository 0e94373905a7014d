//! `seccinch profile explain`: why a call is allowed or refused, and what is known of it.

mod reachability;
mod text;

use std::collections::BTreeSet;

use serde::Serialize;

use super::{ProfileCommandError, Report, load};
use crate::files::{Input, WriteError, to_json};
use crate::model::{Frame, Phase, Role, SyscallNr};
use crate::policy::{Condition, DefaultAction, Observed, Profile, Reason, Rule, Verdict};
use crate::syscalls;
use reachability::Reachability;

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
    /// How the call is known; nothing if the profile does not say of which programs it is.
    tier: Option<&'static str>,
    reasons: Vec<String>,
    /// What was seen, by program.
    observed: Vec<ObservedDocument>,
    /// What scans say; nothing if the profile does not say of which programs it is.
    reachability: Option<Reachability>,
    /// Who made it, the innermost function first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    callers: Vec<CallerDocument>,
}

#[derive(Serialize)]
struct ObservedDocument {
    /// `main`, `child NAME` or `entered NAME`.
    role: String,
    program: String,
    build: Option<String>,
    startup: u64,
    steady: u64,
    shutdown: u64,
    /// It was under way when counting began.
    in_flight: bool,
    first: String,
    /// Whether the scan of the program finds it; nothing if it was not scanned.
    reachable: Option<bool>,
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
        let Verdict::Allow(Condition::When(_)) = rule.verdict() else { return None };
        let default = || default_in_words(self.profile.default_action());
        Some(self.profile.otherwise().map_or_else(default, |errno| format!("refused with {errno}")))
    }

    /// How the call is known, if the profile says of which programs it is.
    fn tier(&self) -> Option<&'static str> {
        let is_ours = !self.profile.provenance().builds.is_empty();
        is_ours.then(|| self.profile.tier(self.nr).name())
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

    /// What was seen, by program.
    fn observed(&self) -> impl Iterator<Item = &Observed> + '_ {
        self.reasons().into_iter().flatten().filter_map(|reason| match reason {
            Reason::Observed(observed) => Some(observed),
            _ => None,
        })
    }

    fn callers(&self) -> Vec<CallerDocument> {
        let caller = |observed: &Observed| {
            observed.caller.as_ref().map(|caller| CallerDocument {
                program: observed.program.clone(),
                goroutine: caller.goroutine,
                time: caller.time.to_string(),
                frames: caller.frames.iter().map(Frame::to_string).collect(),
            })
        };
        self.observed().filter_map(caller).collect()
    }
}

fn default_in_words(default: DefaultAction) -> String {
    match default {
        DefaultAction::Errno(errno) => format!("refused with {errno}"),
        DefaultAction::KillProcess => "the process is killed".to_owned(),
        DefaultAction::Log => "allowed and logged".to_owned(),
    }
}

fn role(role: &Role) -> String {
    match role {
        Role::Main => "main".to_owned(),
        Role::Child(name) => format!("child {name}"),
        Role::Entered(name) => format!("entered {name}"),
    }
}

impl From<&Observed> for ObservedDocument {
    fn from(observed: &Observed) -> Self {
        let [startup, steady, shutdown] =
            [Phase::Startup, Phase::Steady, Phase::Shutdown].map(|phase| observed.counts.get(phase));
        Self {
            role: role(&observed.role),
            program: observed.program.clone(),
            build: observed.build.clone(),
            startup,
            steady,
            shutdown,
            in_flight: observed.in_flight,
            first: observed.first.to_string(),
            reachable: observed.is_reachable,
        }
    }
}

impl Report for ExplainReport {
    fn text(&self) -> String {
        text::text(self)
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
            tier: self.tier(),
            reasons: self.reasons_in_words(),
            observed: self.observed().map(ObservedDocument::from).collect(),
            reachability: Reachability::of(&self.profile, self.nr),
            callers: self.callers(),
        })
    }

    fn is_clean(&self) -> bool {
        true
    }
}
