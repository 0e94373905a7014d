//! From observations and floors to a profile.

mod evidence;
mod notes;
mod restrict;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use super::floor::FloorEntry;
use super::narrow::{Unnarrowed, clone_without_namespaces, condition};
use super::{
    BuildStamp, Condition, ConditionError, DefaultAction, Digest, ENOSYS, Launch, Narrowing, Profile,
    ProfileError, Provenance, Reach, Reason, Restriction, Rule, Verdict,
};
use crate::model::{Arch, Observations, Role, RoleObservations, SyscallNr};
use crate::syscalls::{self, UnknownSyscall};
use evidence::{Evidence, Gathered};

/// One recording, and the digest of its file.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// What was seen.
    pub observations: &'a Observations,
    /// The file that it was read from.
    pub digest: Digest,
}

/// Whether programs that came in from outside teach the profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entered {
    /// They do not: a probe's or a debugger's calls are not the service's.
    Excluded,
    /// They do.
    Included,
}

/// What becomes of `clone3`, whose flags stand behind a pointer, where no filter can look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clone3 {
    /// It is allowed if it was observed, and `clone` is not narrowed then: it would keep nothing out.
    AsObserved,
    /// It is refused with `ENOSYS` even so, as Docker's default does: glibc falls back to `clone`.
    Refused,
}

/// What is decided by whoever builds a profile.
#[derive(Debug, Clone)]
pub struct Options {
    /// What happens to everything else.
    pub default: DefaultAction,
    /// Whether programs from outside count.
    pub entered: Entered,
    /// Which calls are narrowed by their arguments.
    pub narrowing: Narrowing,
    /// What becomes of `clone3`.
    pub clone3: Clone3,
    /// What rules take out or limit, by call.
    pub restrictions: BTreeMap<SyscallNr, Vec<Restriction>>,
    /// How the program will be started, as the floors were chosen.
    pub launches: Vec<Launch>,
    /// The version of each floor.
    pub floor_versions: BTreeMap<String, String>,
    /// The version of seccinch that builds.
    pub seccinch: String,
}

/// Why there is no profile.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// No recordings.
    #[error("there are no observations: name at least one file of `seccinch record`")]
    NoInput,
    /// Numbers of two tables can't be united.
    #[error("recordings of {} and {} can't be one profile: build one for each", .0.name(), .1.name())]
    Architectures(Arch, Arch),
    /// Recordings without a call that counts.
    #[error(
        "no system call of the service was recorded: record it while it works, or take what came in from \
         outside too, with --include-entered"
    )]
    NothingObserved,
    /// A floor for another table.
    #[error("floor `{floor}` does not fit this architecture")]
    Floor {
        /// The floor.
        floor: String,
        /// Its unknown name.
        #[source]
        source: UnknownSyscall,
    },
    /// A condition that can't be; the table of narrowed calls is wrong.
    #[error("narrowing `{name}`")]
    Condition {
        /// The call.
        name: String,
        /// What is wrong with it.
        #[source]
        source: ConditionError,
    },
    /// No valid profile comes of it.
    #[error("building the profile")]
    Profile(#[source] ProfileError),
}

/// A profile that allows what was observed and what the floors hold, and nothing else.
pub fn build(inputs: &[Input<'_>], floors: &[FloorEntry], options: &Options) -> Result<Profile, BuildError> {
    let arch = common_arch(inputs)?;
    let programs: Vec<_> =
        inputs.iter().flat_map(|input| included(input.observations, options.entered)).collect();
    let mut evidence = evidence::gather(&programs);
    if evidence.is_empty() {
        return Err(BuildError::NothingObserved);
    }
    let clone3 = syscalls::number(arch, "clone3");
    let mut guarded = evidence_of_refused(&mut evidence, clone3, options.clone3);
    let mut restricted = restrict::restrict(arch, &mut evidence, &options.restrictions)?;
    guarded.extend(clone3.and_then(|nr| restricted.refused.remove(&nr)).unwrap_or_default());
    let is_open = clone3.is_some_and(|nr| evidence.contains_key(&nr));
    let narrowing = narrowing(arch, options, is_open);
    let mut rules = std::mem::take(&mut restricted.rules);
    for (nr, evidence) in evidence {
        let name = syscalls::display_name(arch, nr);
        rules.insert(nr, observed_rule(&name, evidence, &narrowing)?);
    }
    for entry in floors {
        add_floor(&mut rules, arch, entry, &narrowing)?;
    }
    guard_clone3(&mut rules, clone3, guarded);
    let mut notes = notes::notes(arch, inputs, &programs, &rules);
    notes.extend(restrict::undone(arch, &mut rules, &restricted, &options.restrictions));
    let profile = Profile::new(arch, options.default, rules).map_err(BuildError::Profile)?;
    let profile = profile.with_refused(restricted.refused).with_reach(Reach::of(&programs));
    Ok(profile.with_notes(notes).with_provenance(provenance(inputs, &programs, floors, options)))
}

/// Where `clone3` is open, a narrow `clone` would keep nothing out; but a rule that asks for it is obeyed, and
/// then a floor does not widen it either.
fn narrowing(arch: Arch, options: &Options, is_open: bool) -> Narrowing {
    let clone = syscalls::number(arch, "clone");
    let is_restricted = clone.is_some_and(|nr| options.restrictions.contains_key(&nr));
    match (is_restricted, is_open) {
        (true, _) => options.narrowing.clone().with_clone(),
        (false, true) => options.narrowing.clone().without("clone"),
        (false, false) => options.narrowing.clone(),
    }
}

fn common_arch(inputs: &[Input<'_>]) -> Result<Arch, BuildError> {
    let mut arches = inputs.iter().map(|input| input.observations.host.arch);
    let first = arches.next().ok_or(BuildError::NoInput)?;
    arches.find(|arch| *arch != first).map_or(Ok(first), |other| Err(BuildError::Architectures(first, other)))
}

/// The roles that teach a profile.
pub(super) fn included(
    observations: &Observations,
    entered: Entered,
) -> impl Iterator<Item = &RoleObservations> + '_ {
    let counts = move |role: &&RoleObservations| {
        entered == Entered::Included || !matches!(role.role, Role::Entered(_))
    };
    observations.roles.iter().filter(counts)
}

fn observed_rule(name: &str, evidence: Evidence, narrowing: &Narrowing) -> Result<Rule, BuildError> {
    let (decided, why) = match evidence.arguments {
        _ if !narrowing.has(name) => (Condition::Always, None),
        Gathered::Unwatched => (Condition::Always, Some("any: the recording has no values".to_owned())),
        Gathered::Any => {
            let why = "any: more values were seen than are kept, or a call was under way at the start";
            (Condition::Always, Some(why.to_owned()))
        }
        Gathered::Values(values) => match conditioned(name, condition(name, &values))? {
            Ok(alternatives) => (Condition::When(alternatives), Some("limited to what was seen".to_owned())),
            Err(Unnarrowed::NoValues) => {
                (Condition::Always, Some("any: the recording has no values".to_owned()))
            }
            Err(Unnarrowed::Seen(what)) => (Condition::Always, Some(format!("any: {what} was asked for"))),
        },
    };
    let rule = Rule::new(Verdict::Allow(decided), evidence.first).because(evidence.more);
    Ok(rule.because(why.map(Reason::Arguments)))
}

fn conditioned<T>(name: &str, result: Result<T, ConditionError>) -> Result<T, BuildError> {
    result.map_err(|source| BuildError::Condition { name: name.to_owned(), source })
}

/// A floor holds its names with any arguments, but for `clone`: no floor needs a new namespace, and Go's own
/// threads (flags `0xd0f00`, `runtime/os_linux.go`) meet the condition.
fn add_floor(
    rules: &mut BTreeMap<SyscallNr, Rule>,
    arch: Arch,
    entry: &FloorEntry,
    narrowing: &Narrowing,
) -> Result<(), BuildError> {
    let floor = entry.floor.to_string();
    let nr = syscalls::parse(arch, entry.name)
        .map_err(|source| BuildError::Floor { floor: floor.clone(), source })?;
    let needed = if entry.name == "clone" && narrowing.has("clone") {
        Condition::When(conditioned("clone", clone_without_namespaces())?)
    } else {
        Condition::Always
    };
    let reason = Reason::Floor { floor: floor.clone(), text: entry.reason.clone() };
    let rule = match rules.remove(&nr) {
        None => Rule::new(Verdict::Allow(needed), reason),
        Some(present) => widened(&present, needed, &floor).because([reason]),
    };
    rules.insert(nr, rule);
    Ok(())
}

/// The present rule, widened to what a floor needs; a narrowing that is lost by it is told.
fn widened(present: &Rule, needed: Condition, floor: &str) -> Rule {
    let Verdict::Allow(condition) = present.verdict() else {
        return present.clone();
    };
    let (was, now) = (condition.clone(), condition.clone().or(needed));
    if was == Condition::Always || now != Condition::Always {
        return present.clone().with(Verdict::Allow(now));
    }
    let why = Reason::Arguments(format!("any: floor {floor} needs it with any arguments"));
    present.clone().without_argument_reasons().because([why]).with(Verdict::Allow(now))
}

/// Takes an observed `clone3` out if it is to be refused, and keeps what was observed as reasons.
fn evidence_of_refused(
    evidence: &mut BTreeMap<SyscallNr, Evidence>,
    clone3: Option<SyscallNr>,
    decided: Clone3,
) -> Vec<Reason> {
    let removed = clone3.filter(|_| decided == Clone3::Refused).and_then(|nr| evidence.remove(&nr));
    removed.into_iter().flat_map(|evidence| [evidence.first].into_iter().chain(evidence.more)).collect()
}

/// `clone3` takes its flags by pointer, so no filter can look at them. Refused with `ENOSYS`, glibc and Go
/// fall back to `clone`; any other error is final for them (moby/moby#42681).
fn guard_clone3(rules: &mut BTreeMap<SyscallNr, Rule>, clone3: Option<SyscallNr>, observed: Vec<Reason>) {
    let Some(clone3) = clone3 else {
        return;
    };
    rules.entry(clone3).or_insert_with(|| {
        let text = "its flags can't be filtered; ENOSYS makes callers fall back to clone";
        Rule::new(Verdict::Errno(ENOSYS), Reason::Guard(text.to_owned())).because(observed)
    });
}

fn provenance(
    inputs: &[Input<'_>],
    programs: &[&RoleObservations],
    floors: &[FloorEntry],
    options: &Options,
) -> Provenance {
    let hosts = || inputs.iter().map(|input| &input.observations.host);
    let used: BTreeSet<String> = floors.iter().map(|entry| entry.floor.to_string()).collect();
    let versions = options.floor_versions.clone().into_iter();
    Provenance {
        seccinch: hosts().map(|host| host.seccinch.clone()).chain([options.seccinch.clone()]).collect(),
        kernels: hosts().map(|host| host.kernel.clone()).collect(),
        clock_sources: hosts().filter_map(|host| host.clock_source.clone()).collect(),
        launches: options.launches.iter().copied().collect(),
        builds: programs.iter().map(|program| BuildStamp::from(&program.build)).collect(),
        floors: versions.filter(|(floor, _)| used.contains(floor)).collect(),
        inputs: inputs.iter().map(|input| input.digest).collect(),
    }
}
