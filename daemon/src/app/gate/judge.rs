//! What a program can call, held against a profile: pure.

use std::collections::BTreeMap;

use crate::app::scan::Side;
use crate::golang::scan::{Origin, Reach, Scan};
use crate::model::{Reached, SyscallNr};
use crate::policy::{BuildStamp, Condition, DefaultAction, ENOSYS, Profile, Verdict};
use crate::syscalls::display_name;

/// What the build before could call.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) calls: BTreeMap<SyscallNr, Reached>,
    pub(super) source: Source,
}

/// Who says so.
#[derive(Debug, Clone)]
pub(super) enum Source {
    /// The profile, of the builds that it was learned from.
    Profile { scanned: Vec<(BuildStamp, Vec<String>)>, unscanned: Vec<BuildStamp> },
    /// Its file was scanned.
    Binary(Side),
}

/// A call that does not simply run.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) nr: SyscallNr,
    pub(super) name: String,
    /// How the program makes it.
    pub(super) reach: Reach,
    /// What becomes of it.
    pub(super) answer: String,
    pub(super) novelty: Novelty,
}

/// Whether the build before could make a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Novelty {
    /// It could not, or only for options that nobody may set.
    New,
    /// It could.
    Known,
    /// Nobody says.
    Untold,
}

/// What the profile does to the program.
#[derive(Debug, Clone, Default)]
pub(super) struct Judgement {
    /// Calls of Go code that it refuses, those that are new first, then by package.
    pub(super) refused: Vec<Call>,
    /// Calls of Go code that it allows with some arguments only.
    pub(super) limited: Vec<Call>,
    /// Calls of other code that it refuses.
    pub(super) foreign: Vec<Call>,
}

impl Known {
    /// What a profile knows of its builds; nothing if none of them was scanned.
    pub(super) fn of(profile: &Profile) -> Option<Self> {
        let reach = profile.reach();
        if reach.scanned().is_empty() {
            return None;
        }
        let limits = reach.scanned().iter().map(|(build, limits)| {
            let sites = (limits.unresolved > 0).then(|| format!("{} unresolved", limits.unresolved));
            (build.clone(), sites.into_iter().chain(limits.gaps.iter().cloned()).collect())
        });
        let is_unscanned = |build: &&BuildStamp| build.go.is_some() && !reach.scanned().contains_key(build);
        let source = Source::Profile {
            scanned: limits.collect(),
            unscanned: profile.provenance().builds.iter().filter(is_unscanned).cloned().collect(),
        };
        Some(Self { calls: reach.calls().clone(), source })
    }

    fn novelty(&self, nr: SyscallNr, reach: &Reach) -> Novelty {
        let is_known = self
            .calls
            .get(&nr)
            .is_some_and(|before| before.is_go && (!before.is_optional || reach.is_optional));
        if is_known { Novelty::Known } else { Novelty::New }
    }
}

/// Holds every call that the program can make against the profile.
pub(super) fn judge(scan: &Scan, profile: &Profile, known: Option<&Known>) -> Judgement {
    let mut judgement = Judgement::default();
    for (&nr, reach) in &scan.syscalls {
        let Some((fate, answer)) = fate(scan, profile, nr) else { continue };
        let is_go = reach.origins.contains(&Origin::Go);
        let novelty = known.map_or(Novelty::Untold, |known| known.novelty(nr, reach));
        let call = Call { nr, name: display_name(scan.arch, nr), reach: reach.clone(), answer, novelty };
        match (fate, is_go) {
            (Fate::Refused, true) => judgement.refused.push(call),
            (Fate::Refused, false) => judgement.foreign.push(call),
            (Fate::Limited, true) => judgement.limited.push(call),
            (Fate::Limited, false) => {}
        }
    }
    for calls in [&mut judgement.refused, &mut judgement.limited, &mut judgement.foreign] {
        calls.sort_by_cached_key(Call::order);
    }
    judgement
}

enum Fate {
    Refused,
    Limited,
}

/// What becomes of a call; nothing if it runs, or if its caller is told to use another.
fn fate(scan: &Scan, profile: &Profile, nr: SyscallNr) -> Option<(Fate, String)> {
    match profile.rules().get(&nr).map(crate::policy::Rule::verdict) {
        Some(Verdict::Allow(Condition::Always)) => None,
        Some(verdict @ Verdict::Allow(Condition::When(_))) => Some((Fate::Limited, verdict.to_string())),
        // glibc and Go fall back to `clone`: that is what the rule is for.
        Some(Verdict::Errno(errno)) if *errno == ENOSYS && display_name(scan.arch, nr) == "clone3" => None,
        Some(Verdict::Errno(errno)) => Some((Fate::Refused, DefaultAction::Errno(*errno).to_string())),
        None => Some((Fate::Refused, profile.default_action().to_string())),
    }
}

impl Call {
    /// New ones first, then those that need no option, then by the package that says most.
    fn order(&self) -> (Novelty, bool, String, String) {
        let lead = self.reach.packages_by_interest().first().map(|package| (*package).to_owned());
        (self.novelty, self.reach.is_optional, lead.unwrap_or_default(), self.name.clone())
    }
}
