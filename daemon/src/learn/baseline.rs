//! What is known of a workload, and how it grows.
//!
//! In: what its targets did since the poll before. Out: a [`Baseline`] that only grows, but for its bounds, and
//! the observations that a profile is built from. Nothing here reads a clock or a file.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::{
    Arch, Arguments, Baseline, Delta, Gap, Host, Losses, Observations, Reachable, Role, RoleObservations,
    Starts, SyscallNr, Timestamp, Violated, WorkloadId,
};
use crate::syscalls;

/// Builds that are kept of one role, by when they were last seen. An older one left its place to those, and
/// what it alone did leaves the profile.
pub const MOST_BUILDS: usize = 20;
/// Programs that are kept in all. One more is a loss, and is counted: [`FORGOTTEN`].
pub const MOST_PROGRAMS: usize = 100;
/// Gaps that are kept; the two oldest become one.
pub const MOST_GAPS: usize = 100;
/// The loss that counts programs beyond [`MOST_PROGRAMS`].
pub const FORGOTTEN: &str = "programs_forgotten";

/// A workload of which nothing is known yet.
pub fn begin(workload: WorkloadId, host: Host, now: Timestamp) -> Baseline {
    Baseline {
        workload,
        host,
        first: now,
        last: now,
        roles: Vec::new(),
        starts: Starts::default(),
        gaps: Vec::new(),
        violated: BTreeMap::new(),
        losses: Losses::default(),
    }
}

/// Takes in what targets of the workload did. For a call whose arguments are watched, no values in the delta
/// mean none that are new. Says whether a program, a call or a value is new: else no profile becomes another.
pub fn absorb(baseline: &mut Baseline, delta: Delta, now: Timestamp) -> bool {
    let mut is_new = false;
    baseline.first = baseline.first.min(now);
    baseline.last = baseline.last.max(now);
    baseline.starts.absorb(delta.starts);
    for mut role in delta.roles {
        watch(baseline.host.arch, &mut role);
        let Some(known) = baseline.roles.iter_mut().find(|known| is_same(known, &role)) else {
            is_new = true;
            baseline.roles.push(Arc::new(role));
            continue;
        };
        is_new |= has_news(known, &role);
        let known = Arc::make_mut(known);
        known.build.go = known.build.go.take().or_else(|| role.build.go.take());
        known.build.linkage = known.build.linkage.take().or_else(|| role.build.linkage.take());
        known.absorb(role);
    }
    baseline.roles.sort_by(|left, right| key(left).cmp(&key(right)));
    bound_builds(&mut baseline.roles);
    bound_programs(baseline);
    is_new
}

/// Whether anything is in `more` that a profile of `known` does not stand on.
fn has_news(known: &RoleObservations, more: &RoleObservations) -> bool {
    let fills_in = |known: bool, more: bool| !known && more;
    fills_in(known.build.go.is_some(), more.build.go.is_some())
        || fills_in(known.build.linkage.is_some(), more.build.linkage.is_some())
        || fills_in(known.foreign > 0, more.foreign > 0)
        || reaches_further(known.reachable.as_ref(), more.reachable.as_ref())
        || more.syscalls.iter().any(|(nr, seen)| {
            known.syscalls.get(nr).is_none_or(|known| {
                fills_in(known.in_flight, seen.in_flight)
                    || has_other_values(&known.arguments, &seen.arguments)
            })
        })
}

/// Whether a scan says anything that those before did not.
fn reaches_further(known: Option<&Arc<Reachable>>, more: Option<&Arc<Reachable>>) -> bool {
    match (known, more) {
        (_, None) => false,
        (None, Some(_)) => true,
        (Some(known), Some(more)) if known == more => false,
        (Some(known), Some(more)) => {
            let mut both = Reachable::clone(known);
            both.absorb(more);
            both != **known
        }
    }
}

fn has_other_values(known: &Arguments, more: &Arguments) -> bool {
    match (known, more) {
        (Arguments::Any, _) | (Arguments::Unwatched, Arguments::Unwatched) => false,
        (Arguments::Values(known), Arguments::Values(more)) => {
            more.keys().any(|values| !known.contains_key(values))
        }
        _ => true,
    }
}

/// What the whole baseline says, as one recording.
pub fn observations(baseline: &Baseline) -> Observations {
    Observations {
        host: baseline.host.clone(),
        started: baseline.first,
        ended: baseline.last,
        roles: baseline.roles.iter().map(|role| RoleObservations::clone(role)).collect(),
        losses: baseline.losses.clone(),
    }
}

/// Notes a time in which calls may have been missed.
pub fn add_gap(baseline: &mut Baseline, gap: Gap) {
    baseline.gaps.push(gap);
    baseline.gaps.sort_by_key(|gap| (gap.from, gap.to));
    while baseline.gaps.len() > MOST_GAPS {
        let oldest = baseline.gaps.remove(0);
        let next = &mut baseline.gaps[0];
        next.from = oldest.from;
        next.to = next.to.max(oldest.to);
    }
}

/// Notes that the workload broke a rule. Says whether it is the first time with that call.
pub fn add_violation(baseline: &mut Baseline, rule: &str, syscall: SyscallNr, now: Timestamp) -> bool {
    let none = || Violated { syscalls: BTreeMap::new(), first: now, last: now };
    let violated = baseline.violated.entry(rule.to_owned()).or_insert_with(none);
    let count = violated.syscalls.entry(syscall).or_default();
    *count = count.saturating_add(1);
    violated.first = violated.first.min(now);
    violated.last = violated.last.max(now);
    *count == 1
}

/// A call that is watched has values, if only none. One that a former version did not watch has none in the
/// baseline either, and stays without any condition: [`Arguments::absorb`].
fn watch(arch: Arch, role: &mut RoleObservations) {
    for (nr, seen) in &mut role.syscalls {
        let is_watched = syscalls::name(arch, *nr).and_then(syscalls::watched_by_name).is_some();
        if is_watched && seen.arguments == Arguments::Unwatched {
            seen.arguments = Arguments::Values(BTreeMap::new());
        }
    }
}

fn key(role: &RoleObservations) -> (&Role, &str, Option<&str>) {
    (&role.role, &role.build.path, role.build.id.as_deref())
}

fn is_same(left: &RoleObservations, right: &RoleObservations) -> bool {
    key(left) == key(right)
}

/// When any of its calls was last seen.
fn last_seen(role: &RoleObservations) -> Timestamp {
    role.syscalls.values().map(|seen| seen.last).max().unwrap_or_default()
}

fn bound_builds(roles: &mut Vec<Arc<RoleObservations>>) {
    let mut builds = BTreeMap::<&Role, Vec<Timestamp>>::new();
    for role in roles.iter() {
        builds.entry(&role.role).or_default().push(last_seen(role));
    }
    builds.retain(|_, times| times.len() > MOST_BUILDS);
    let roles_over: Vec<Role> = builds.into_keys().cloned().collect();
    for over in roles_over {
        while roles.iter().filter(|role| role.role == over).count() > MOST_BUILDS {
            remove_oldest(roles, |role| role.role == over);
        }
    }
}

/// The program that a workload is for goes last.
fn bound_programs(baseline: &mut Baseline) {
    while baseline.roles.len() > MOST_PROGRAMS {
        remove_oldest(&mut baseline.roles, |role| role.role != Role::Main);
        baseline.losses.absorb(Losses([(FORGOTTEN.to_owned(), 1)].into()));
    }
}

fn remove_oldest(roles: &mut Vec<Arc<RoleObservations>>, may_go: impl Fn(&RoleObservations) -> bool) {
    let candidates = roles.iter().enumerate().filter(|(_, role)| may_go(role));
    if let Some((oldest, _)) = candidates.min_by_key(|(_, role)| last_seen(role)) {
        roles.remove(oldest);
    }
}

impl Starts {
    fn absorb(&mut self, other: Self) {
        self.whole = self.whole.saturating_add(other.whole);
        self.partial = self.partial.saturating_add(other.partial);
        self.shutdowns = self.shutdowns.saturating_add(other.shutdowns);
    }
}

#[cfg(test)]
mod tests;
