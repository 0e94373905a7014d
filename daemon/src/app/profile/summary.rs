//! How many calls a profile allows and refuses, in one line.

use std::collections::BTreeMap;

use crate::policy::{DefaultAction, Profile, Rule, Tier, Verdict};
use crate::syscalls;

/// How many calls are allowed and why, and how many are refused and what is known of them.
pub fn summary(profile: &Profile) -> String {
    let (allowed, others) = counts(profile);
    let of = |tier: Tier| others.get(&tier).copied().unwrap_or_default();
    let default = match profile.default_action() {
        DefaultAction::Errno(_) => "refused",
        DefaultAction::KillProcess => "killed for",
        DefaultAction::Log => "logged",
    };
    let kinds: Vec<String> = allowed.iter().map(|(tier, count)| format!("{count} {}", tier.name())).collect();
    let mut parts = vec![format!("{} calls allowed ({})", allowed.values().sum::<usize>(), kinds.join(", "))];
    let fails = if profile.otherwise().is_some() { "refused" } else { default };
    let rest = if profile.reach().scanned().is_empty() {
        "others"
    } else {
        "others that no scan finds, though not all is known,"
    };
    for (tier, what, how) in [
        (Tier::Observed, "observed", "refused by rules"),
        (Tier::Reachable, "reachable and never seen", fails),
        (Tier::Unreachable, "unreachable", default),
        (Tier::Unknown, rest, default),
    ] {
        if of(tier) > 0 {
            parts.push(format!("{} {what} are {how}", of(tier)));
        }
    }
    parts.join("; ")
}

type Counts = BTreeMap<Tier, usize>;

/// The calls that are allowed, and the others, but for those that are refused to keep something else sound.
fn counts(profile: &Profile) -> (Counts, Counts) {
    let (mut allowed, mut others) = (Counts::new(), Counts::new());
    let known = syscalls::all(profile.arch()).map(|(nr, _)| nr);
    let unnamed = profile.rules().keys().filter(|nr| syscalls::name(profile.arch(), **nr).is_none());
    for nr in known.chain(unnamed.copied()) {
        let tier = profile.tier(nr);
        match profile.rules().get(&nr).map(Rule::verdict) {
            Some(Verdict::Allow(_)) => *allowed.entry(tier).or_default() += 1,
            Some(Verdict::Errno(_)) if matches!(tier, Tier::Unreachable | Tier::Unknown) => {}
            Some(Verdict::Errno(_)) | None => *others.entry(tier).or_default() += 1,
        }
    }
    (allowed, others)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::testing::sample;
    use crate::policy::{Reach, Unresolved, lockdown};

    /// Check the line for each stage, and where nothing was scanned.
    #[test]
    fn tiers_are_counted() {
        let rest = syscalls::all(sample().arch()).count() - 9;
        let allowed = "7 calls allowed (6 observed, 1 floor)";
        assert_eq!(
            summary(&sample()),
            format!("{allowed}; 1 reachable and never seen are refused; {rest} unreachable are refused")
        );
        let unscanned = summary(&sample().with_reach(Reach::default()));
        assert_eq!(unscanned, format!("{allowed}; {} others are refused", rest + 1));
        let locked = summary(&lockdown(&sample(), Unresolved::Refused).unwrap());
        let kills = format!("{} unreachable are killed for", rest - 1);
        assert_eq!(locked, format!("{allowed}; 1 reachable and never seen are refused; {kills}"));
    }
}
