//! Calls that were made although the scan of the program's code does not find them.

use std::collections::BTreeMap;

use super::Finding;
use crate::golang;
use crate::model::{Observations, ScanLimits};
use crate::policy::{BuildStamp, Entered, Observed, Profile, Reason};
use crate::syscalls::display_name;

/// The calls that a profile was taught, and those of recordings, that the scan of who made them does not find. One
/// finding for each program and call.
pub fn unreachable(profile: &Profile, recordings: &[Observations]) -> Vec<Finding> {
    let mut found = BTreeMap::new();
    let ruled = profile.rules().iter().map(|(nr, rule)| (nr, rule.reasons()));
    for (nr, reasons) in ruled.chain(profile.refused()) {
        for reason in reasons {
            let Reason::Observed(observed) = reason else { continue };
            let limits = limits(profile, observed);
            add(&mut found, display_name(profile.arch(), *nr), observed, limits);
        }
    }
    for observations in recordings {
        for role in crate::policy::build::included(observations, Entered::Excluded) {
            let limits =
                role.reachable.as_ref().map(|reachable| reachable.limits.clone()).unwrap_or_default();
            for (nr, seen) in &role.syscalls {
                let observed = Observed::new(role, *nr, seen);
                add(&mut found, display_name(observations.host.arch, *nr), &observed, limits.clone());
            }
        }
    }
    found.into_values().collect()
}

/// What the scan of who was seen could not find out.
fn limits(profile: &Profile, observed: &Observed) -> ScanLimits {
    let is_it = |stamp: &BuildStamp| stamp.path == observed.program && stamp.id == observed.build;
    let scanned = profile.reach().scanned().iter().find(|(stamp, _)| is_it(stamp));
    scanned.map(|(_, limits)| limits.clone()).unwrap_or_default()
}

fn add(
    found: &mut BTreeMap<(String, String), Finding>,
    syscall: String,
    observed: &Observed,
    limits: ScanLimits,
) {
    if observed.is_reachable != Some(false) {
        return;
    }
    let site = observed.caller.as_ref().and_then(|caller| golang::site(&caller.frames));
    found.entry((observed.program.clone(), syscall.clone())).or_insert_with(|| Finding::Unreachable {
        syscall,
        program: observed.program.clone(),
        caller: site.map(|site| format!("{} ({}:{})", site.function, site.file, site.line)),
        unresolved: limits.unresolved,
        gaps: limits.gaps.into_iter().collect(),
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Rule;
    use crate::policy::testing::{ALWAYS, observed, sample};

    fn foreign() -> Rule {
        let rule = observed(ALWAYS);
        let Some(Reason::Observed(seen)) = rule.reasons().first() else { unreachable!("it was observed") };
        Rule::new(ALWAYS, Reason::Observed(Observed { is_reachable: Some(false), ..seen.clone() }))
    }

    /// Check that a call that no scan finds is told with who made it, and none of the others is.
    #[test]
    fn foreign_calls_are_told() {
        assert_eq!(unreachable(&sample(), &[]), []);
        let mut rules = sample().rules().clone();
        rules.insert(crate::policy::testing::nr("bpf"), foreign());
        let profile = Profile::new(sample().arch(), sample().default_action(), rules).unwrap();
        let expected = Finding::Unreachable {
            syscall: "bpf".into(),
            program: "/usr/bin/service".into(),
            caller: Some("main.main (/src/main.go:4)".into()),
            unresolved: 0,
            gaps: Vec::new(),
        };
        assert_eq!(unreachable(&profile.with_reach(sample().reach().clone()), &[]), [expected]);
    }
}
