//! From what was learned of a workload to its profile.

use std::collections::{BTreeMap, BTreeSet};

use crate::app::profile::floors::{floors, releases, versions};
use crate::files::WriteError;
use crate::learn::rules::{Rule, Then, restricted};
use crate::learn::{baseline, file};
use crate::model::{Baseline, Observations, SyscallNr, WorkloadId};
use crate::policy::floor::{FloorError, NoNewPrivileges, Runtime};
use crate::policy::{
    ArgIndex, Bits, BuildError, Clone3, ConditionError, DefaultAction, Digest, EPERM, Entered, How, Input,
    Launch, Narrowing, Note, Options, Profile, Restriction, build,
};
use crate::syscalls;

/// Why there is no profile of what was learned.
#[derive(Debug, thiserror::Error)]
pub enum LearnedError {
    /// A floor of this program is broken.
    #[error("cannot use the built-in floors")]
    Floor(#[from] FloorError),
    /// No profile comes of the observations.
    #[error("cannot build a profile")]
    Build(#[from] BuildError),
    /// A rule tests an argument that no call has.
    #[error("rule `{rule}`")]
    Rule {
        /// The rule.
        rule: String,
        /// What is wrong with it.
        #[source]
        source: ConditionError,
    },
    /// The observations have no bytes.
    #[error(transparent)]
    Render(#[from] WriteError),
}

/// The profile of a workload as it is known now: what was observed of the service and its children, but for
/// what rules take out; the floors of every way in which it may be started; everything else fails with
/// `EPERM`.
pub fn learned_profile(baseline: &Baseline, rules: &[Rule]) -> Result<Profile, LearnedError> {
    let (observations, notes) = named(baseline::observations(baseline));
    let launches = launches(&baseline.workload);
    let options = Options {
        default: DefaultAction::Errno(EPERM),
        entered: Entered::Excluded,
        narrowing: Narrowing::standard(),
        clone3: Clone3::AsObserved,
        restrictions: restrictions(baseline, rules)?,
        launches: launches.clone(),
        floor_versions: versions()?,
        seccinch: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let releases = releases(observations.roles.iter(), options.entered);
    let floors = floors(observations.host.arch, &releases, &launches)?;
    let digest = Digest::of(&file::render(&observations)?);
    let profile = build(&[Input { observations: &observations, digest }], &floors, &options)?;
    Ok(profile.with_notes(notes))
}

/// Every way in which a workload may be started. A unit is started by systemd. What a pod has in its security
/// context, and which runtime its node has, is not known; of a program that is known by its path alone nothing
/// is.
fn launches(workload: &WorkloadId) -> Vec<Launch> {
    use NoNewPrivileges::{Set, Unset};
    let launch = |runtime, no_new_privileges| Launch { runtime, no_new_privileges };
    let containers = [Runtime::Runc, Runtime::Crun].map(Some);
    let containers =
        containers.into_iter().flat_map(|runtime| [launch(runtime, Set), launch(runtime, Unset)]);
    match workload {
        WorkloadId::Unit(_) => vec![launch(Some(Runtime::Systemd), Set)],
        WorkloadId::Kubernetes { .. } => containers.collect(),
        WorkloadId::Executable(_) => {
            let others = [launch(None, Set), launch(Some(Runtime::Systemd), Set)];
            others.into_iter().chain(containers).collect()
        }
    }
}

/// Runtimes know calls by name. One newer than the names that are known here can't be allowed, and must not
/// keep the whole profile from being.
fn named(mut observations: Observations) -> (Observations, Vec<Note>) {
    let arch = observations.host.arch;
    let mut unnamed = BTreeSet::new();
    for role in &mut observations.roles {
        unnamed.extend(role.syscalls.keys().filter(|nr| syscalls::name(arch, **nr).is_none()).copied());
        role.syscalls.retain(|nr, _| !unnamed.contains(nr));
    }
    let note = |nr: SyscallNr| {
        Note(format!(
            "{} was observed and is refused: it has no name here, and runtimes allow calls by name; upgrade seccinch",
            syscalls::display_name(arch, nr)
        ))
    };
    (observations, unnamed.into_iter().map(note).collect())
}

/// What rules do to this workload's profile.
fn restrictions(
    baseline: &Baseline,
    rules: &[Rule],
) -> Result<BTreeMap<SyscallNr, Vec<Restriction>>, LearnedError> {
    let mut restrictions = BTreeMap::new();
    for (nr, rules) in restricted(rules, baseline) {
        let restricted: Result<Vec<_>, _> = rules.into_iter().filter_map(restriction).collect();
        restrictions.insert(nr, restricted?);
    }
    Ok(restrictions)
}

fn restriction(rule: &Rule) -> Option<Result<Restriction, LearnedError>> {
    let how = match (rule.then, rule.argument) {
        (Then::Report, _) => return None,
        (Then::Deny, _) => Ok(How::Deny),
        (Then::Narrow, None) => Ok(How::Narrow),
        (Then::Narrow, Some(test)) => ArgIndex::new(test.index.into())
            .map(|index| How::Exclude(Bits { index, mask: test.mask }))
            .map_err(|source| LearnedError::Rule { rule: rule.name.clone(), source }),
    };
    Some(how.map(|how| Restriction { rule: rule.name.clone(), why: rule.why.clone(), how }))
}
