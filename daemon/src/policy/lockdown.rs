//! The last stage: what no scan finds kills the process. What a scan finds fails as before.

use std::collections::BTreeMap;
use std::fmt;

use super::{BuildStamp, DefaultAction, EPERM, Note, Profile, ProfileError, Reason, Rule, Verdict};
use crate::model::{ScanLimits, SyscallNr};

/// How strict a profile is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Everything that was not observed, and that no floor holds, fails.
    Enforce,
    /// And what can't happen kills the process.
    Lockdown(Unresolved),
}

/// Whether places that a scan could not find out stand against a lockdown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unresolved {
    /// They do: what is called there may be anything.
    Refused,
    /// Whoever builds takes the risk: what is called there may kill.
    Accepted,
}

/// Why a profile can't be locked down.
#[derive(Debug, thiserror::Error)]
pub enum LockdownError {
    /// Not everything is known of every program.
    #[error("lockdown kills whatever no scan finds, but {}", joined(.0))]
    NotWhole(Vec<Gap>),
    /// No valid profile comes of it.
    #[error("locking the profile down")]
    Profile(#[source] ProfileError),
}

/// What is not known of one program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    build: BuildStamp,
    /// What the scan could not find out; nothing if there was none.
    limits: Option<ScanLimits>,
}

/// The profile with its last stage: what it refused and a program can call fails with the error that was its default,
/// with other arguments than those that are allowed too; everything else kills the process.
pub fn lockdown(profile: &Profile, unresolved: Unresolved) -> Result<Profile, LockdownError> {
    let (accepted, gaps): (Vec<Gap>, _) =
        gaps(profile).into_iter().partition(|gap| gap.limits.is_some() && unresolved == Unresolved::Accepted);
    if !gaps.is_empty() {
        return Err(LockdownError::NotWhole(gaps));
    }
    let errno = match profile.default_action() {
        DefaultAction::Errno(errno) => errno,
        DefaultAction::KillProcess | DefaultAction::Log => EPERM,
    };
    let refused = Verdict::Errno(errno);
    let locked = Profile::new(profile.arch(), DefaultAction::KillProcess, rules(profile, &refused));
    let locked = locked.and_then(|locked| locked.with_otherwise(Some(errno)));
    let locked = locked.map_err(LockdownError::Profile)?;
    let notes = accepted.iter().map(|gap| {
        Note(format!("what no scan finds kills the process, although {gap}: what is called there may kill"))
    });
    let locked = locked.with_notes(profile.notes().iter().cloned()).with_notes(notes);
    Ok(locked.with_reach(profile.reach().clone()).with_provenance(profile.provenance().clone()))
}

/// The profile's rules, one for every call that a threshold rule took out, and one for every other that can happen.
fn rules(profile: &Profile, refused: &Verdict) -> BTreeMap<SyscallNr, Rule> {
    let mut rules = profile.rules().clone();
    for (nr, reasons) in profile.refused() {
        let mut reasons = reasons.iter().cloned();
        if let Some(first) = reasons.next() {
            rules.insert(*nr, Rule::new(refused.clone(), first).because(reasons));
        }
    }
    for (nr, reached) in profile.reach().calls() {
        let rule = || Rule::new(refused.clone(), Reason::Reachable(reached.clone()));
        rules.entry(*nr).or_insert_with(rule);
    }
    rules
}

/// What is not known of the programs that taught the profile.
fn gaps(profile: &Profile) -> Vec<Gap> {
    let scanned = profile.reach().scanned();
    let gap = |build: &BuildStamp| Gap { build: build.clone(), limits: scanned.get(build).cloned() };
    let gaps = profile.provenance().builds.iter().map(gap);
    let gaps: Vec<Gap> =
        gaps.filter(|gap| gap.limits.as_ref().is_none_or(|limits| !limits.is_whole())).collect();
    let is_anything_known = !profile.provenance().builds.is_empty();
    // A profile of others says of no program that it is for it.
    let nobody = BuildStamp { path: "the program that it is for".to_owned(), id: None, go: None };
    if is_anything_known { gaps } else { vec![Gap { build: nobody, limits: None }] }
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = &self.build.path;
        match &self.limits {
            None if self.build.go.is_some() => write!(f, "{path} was not scanned: name it with --binary"),
            None => write!(f, "{path} was not scanned, and can't be if it is no Go program"),
            Some(limits) => write!(f, "the scan of {path} has {}", in_words(limits)),
        }
    }
}

/// What a scan could not find out.
pub fn in_words(limits: &ScanLimits) -> String {
    let sites = if limits.unresolved == 1 { "site" } else { "sites" };
    let gaps: Vec<&str> = limits.gaps.iter().map(String::as_str).collect();
    match (limits.unresolved, gaps.as_slice()) {
        (0, []) => "no unresolved sites".to_owned(),
        (unresolved, []) => format!("{unresolved} unresolved {sites}"),
        (0, gaps) => format!("gaps ({})", gaps.join(", ")),
        (unresolved, gaps) => format!("{unresolved} unresolved {sites} and gaps ({})", gaps.join(", ")),
    }
}

fn joined(gaps: &[Gap]) -> String {
    let texts: Vec<String> = gaps.iter().map(Gap::to_string).collect();
    let all = texts.join("; ");
    if gaps.iter().all(|gap| gap.limits.is_some()) {
        format!(
            "{all}: see `seccinch scan`, and take the risk with --accept-unresolved, or keep to --stage enforce"
        )
    } else {
        format!("{all}; or keep to --stage enforce")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::testing::{nr, sample};
    use crate::policy::{ENOSYS, Reach, Tier};

    fn locked(profile: &Profile, unresolved: Unresolved) -> Result<Profile, String> {
        lockdown(profile, unresolved).map_err(|error| error.to_string())
    }

    fn verdict(profile: &Profile, name: &str) -> Option<Verdict> {
        profile.rules().get(&nr(name)).map(|rule| rule.verdict().clone())
    }

    /// Check that what can happen fails as before, what was taken out too, and nothing else is left of the default.
    #[test]
    fn what_can_happen_fails_as_before() {
        let locked = locked(&sample(), Unresolved::Refused).unwrap();
        assert_eq!((locked.default_action(), locked.otherwise()), (DefaultAction::KillProcess, Some(EPERM)));
        for name in ["mount", "ptrace"] {
            assert_eq!(verdict(&locked, name), Some(Verdict::Errno(EPERM)), "{name}");
        }
        assert_eq!(verdict(&locked, "clone3"), Some(Verdict::Errno(ENOSYS)), "the guard stays");
        assert_eq!(verdict(&locked, "keyctl"), None);
        assert_eq!(locked.allowed().count(), sample().allowed().count());
        let tiers = ["mount", "keyctl"].map(|name| locked.tier(nr(name)));
        assert_eq!(tiers, [Tier::Reachable, Tier::Unreachable]);
        let said = locked.rules()[&nr("mount")].reasons().iter().map(Reason::to_string).collect::<String>();
        assert!(said.starts_with("reachable: from example.org/disk, for options of os/exec"), "{said}");
    }

    /// Check what is said of programs that are not wholly known, and that only unresolved sites can be accepted.
    #[test]
    fn what_is_not_known_is_told() {
        let unscanned = sample().with_reach(Reach::default());
        for unresolved in [Unresolved::Refused, Unresolved::Accepted] {
            assert_eq!(
                locked(&unscanned, unresolved).unwrap_err(),
                "lockdown kills whatever no scan finds, but /usr/bin/service was not scanned: name it with --binary; \
                 or keep to --stage enforce"
            );
        }
        let limits = ScanLimits { unresolved: 3, gaps: ["libx.so was not found".to_owned()].into() };
        let build = sample().provenance().builds.first().cloned().unwrap();
        let scanned = [(build, limits)].into();
        let partly = sample().with_reach(Reach::new(sample().reach().calls().clone(), scanned));
        assert_eq!(
            locked(&partly, Unresolved::Refused).unwrap_err(),
            "lockdown kills whatever no scan finds, but the scan of /usr/bin/service has 3 unresolved sites and gaps \
             (libx.so was not found): see `seccinch scan`, and take the risk with --accept-unresolved, or keep to \
             --stage enforce"
        );
        let notes = locked(&partly, Unresolved::Accepted).unwrap();
        assert!(
            notes.notes().iter().any(|note| note.0.contains("3 unresolved sites")),
            "{:?}",
            notes.notes()
        );
    }
}
