//! What threshold rules do to a profile: calls that go although they were observed, and arguments that are
//! limited.

use std::collections::{BTreeMap, BTreeSet};

use super::evidence::{Evidence, Gathered};
use super::{BuildError, conditioned};
use crate::model::{Arch, SyscallNr};
use crate::policy::narrow::{Left, limited};
use crate::policy::{Bits, Condition, How, Note, Reason, Restriction, Rule, Verdict};
use crate::syscalls::{display_name, number};

/// The restrictions of every call that has any.
pub(super) type Restrictions = BTreeMap<SyscallNr, Vec<Restriction>>;

/// What the restrictions made of the evidence.
#[derive(Default)]
pub(super) struct Restricted {
    /// Rules for the calls that are limited.
    pub(super) rules: BTreeMap<SyscallNr, Rule>,
    /// Calls that are out, with what was observed of them and who took them out.
    pub(super) refused: BTreeMap<SyscallNr, BTreeSet<Reason>>,
    /// What could not be limited.
    pub(super) notes: Vec<Note>,
}

/// Takes every restricted call out of the evidence. What has no restriction stays there.
pub(super) fn restrict(
    arch: Arch,
    evidence: &mut BTreeMap<SyscallNr, Evidence>,
    restrictions: &Restrictions,
) -> Result<Restricted, BuildError> {
    let mut restricted = Restricted::default();
    for (nr, all) in restrictions {
        let Some(evidence) = evidence.remove(nr).filter(|_| !all.is_empty()) else { continue };
        let name = display_name(arch, *nr);
        match left(&name, &evidence, all)? {
            Left::Nothing => {
                let reasons = observed(evidence).chain(because(all, "taken out although it was observed"));
                restricted.refused.insert(*nr, reasons.collect());
            }
            Left::When(any) => {
                let rule =
                    rule(Condition::When(any), evidence).because(because(all, "limited to what was seen"));
                restricted.rules.insert(*nr, rule);
            }
            Left::All(why) => {
                let note = |one: &Restriction| Note(format!("rule:{} can't limit {name}: {why}", one.rule));
                restricted.notes.extend(all.iter().map(note));
                let why = because(all, &format!("not limited, because {why}"));
                restricted.rules.insert(*nr, rule(Condition::Always, evidence).because(why));
            }
        }
    }
    Ok(restricted)
}

/// What floors gave back of restricted calls: those rules get all reasons, and whoever uses the profile is told.
pub(super) fn undone(
    arch: Arch,
    rules: &mut BTreeMap<SyscallNr, Rule>,
    restricted: &Restricted,
    restrictions: &Restrictions,
) -> Vec<Note> {
    let mut notes = restricted.notes.clone();
    for (nr, reasons) in &restricted.refused {
        if let Some(rule) = rules.remove(nr) {
            rules.insert(*nr, rule.because(reasons.iter().cloned()));
        }
    }
    for (nr, all) in restrictions {
        let Some(rule) = rules.get(nr) else { continue };
        let broken: Vec<_> = all.iter().filter(|one| !is_kept(rule.verdict(), one.how)).cloned().collect();
        let Some(floors) = floors(rule).filter(|_| !broken.is_empty()) else { continue };
        let name = display_name(arch, *nr);
        notes.extend(broken.iter().map(|one| {
            Note(format!(
                "rule:{} would refuse {name}, but floor {floors} needs it: it stays allowed",
                one.rule
            ))
        }));
        let kept = rule
            .clone()
            .because(because(&broken, &format!("it stays allowed, because floor {floors} needs it")));
        rules.insert(*nr, kept);
    }
    notes.extend(open_clone3(arch, rules, restrictions));
    notes
}

/// A limited `clone` keeps nothing out that `clone3` may ask for as well.
fn open_clone3(arch: Arch, rules: &BTreeMap<SyscallNr, Rule>, restrictions: &Restrictions) -> Option<Note> {
    let (clone, clone3) = (number(arch, "clone")?, number(arch, "clone3")?);
    let first = restrictions.get(&clone)?.first()?;
    let is_open = matches!(rules.get(&clone3)?.verdict(), Verdict::Allow(_));
    is_open.then(|| {
        Note(format!(
            "rule:{} limits clone, but clone3 was observed and is allowed, and asks for the same where no filter can \
             look; refuse it too, with a rule of `then = \"deny\"`, if the program falls back to clone as glibc does",
            first.rule
        ))
    })
}

fn left(name: &str, evidence: &Evidence, all: &[Restriction]) -> Result<Left, BuildError> {
    if all.iter().any(|one| one.how == How::Deny) {
        return Ok(Left::Nothing);
    }
    let excluded: Vec<Bits> = all.iter().filter_map(|one| excluded(one.how)).collect();
    let values = match &evidence.arguments {
        Gathered::Values(values) => Some(values),
        Gathered::Unwatched | Gathered::Any => None,
    };
    conditioned(name, limited(name, values, &excluded))
}

const fn excluded(how: How) -> Option<Bits> {
    match how {
        How::Exclude(bits) => Some(bits),
        How::Deny | How::Narrow => None,
    }
}

/// Whether a rule of the profile still does what a restriction asks for.
fn is_kept(verdict: &Verdict, how: How) -> bool {
    let Verdict::Allow(condition) = verdict else { return true };
    match (how, condition) {
        (How::Deny, _) | (_, Condition::Always) => false,
        (How::Narrow, Condition::When(_)) => true,
        (How::Exclude(bits), Condition::When(any)) => any.iter().all(|list| {
            list.iter().any(|(index, masked)| {
                index == bits.index
                    && masked.mask() & bits.mask == bits.mask
                    && masked.value() & bits.mask == 0
            })
        }),
    }
}

/// The floors that a rule names.
fn floors(rule: &Rule) -> Option<String> {
    let names: BTreeSet<&str> = rule
        .reasons()
        .iter()
        .filter_map(|reason| match reason {
            Reason::Floor { floor, .. } => Some(floor.as_str()),
            _ => None,
        })
        .collect();
    (!names.is_empty()).then(|| names.into_iter().collect::<Vec<_>>().join(", "))
}

fn rule(condition: Condition, evidence: Evidence) -> Rule {
    Rule::new(Verdict::Allow(condition), evidence.first).because(evidence.more)
}

fn observed(evidence: Evidence) -> impl Iterator<Item = Reason> {
    [evidence.first].into_iter().chain(evidence.more)
}

fn because(all: &[Restriction], what: &str) -> Vec<Reason> {
    let reason =
        |one: &Restriction| Reason::Rule { name: one.rule.clone(), text: format!("{what}; {}", one.why) };
    all.iter().map(reason).collect()
}

#[cfg(test)]
mod tests;
