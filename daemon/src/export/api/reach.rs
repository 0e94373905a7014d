//! What binaries could call, beside what they did, as documents say it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Serialize;

use super::roles::RoleName;
use crate::export::view::GenerationView;
use crate::golang;
use crate::model::{Arch, Reachable, RoleObservations, SyscallNr};
use crate::policy::Tier;
use crate::syscalls::display_name;

/// How many calls each tier has.
pub(super) type TierTotals = BTreeMap<&'static str, usize>;

/// The scan of a binary.
#[derive(Serialize)]
pub(super) struct ScanFile {
    /// How many calls it found.
    syscalls: usize,
    /// Places that make a call whose number it could not find out.
    unresolved: u64,
    /// Parts of the program that it could not look at.
    gaps: BTreeSet<String>,
}

/// A call that was seen though the scan of the binary did not find it.
#[derive(Serialize)]
pub(super) struct UnreachableFile {
    syscall: String,
    role: RoleName,
    executable: String,
    build_id: Option<String>,
    calls: u64,
    /// Who made it, in one line, as far as is known.
    by: Option<String>,
}

impl From<&Reachable> for ScanFile {
    fn from(reachable: &Reachable) -> Self {
        Self {
            syscalls: reachable.syscalls.len(),
            unresolved: reachable.limits.unresolved,
            gaps: reachable.limits.gaps.clone(),
        }
    }
}

/// Whether a role's binary can make a call, if it was scanned.
pub(super) fn is_reachable(role: &RoleObservations, nr: SyscallNr) -> Option<bool> {
    role.reachable.as_ref().map(|reachable| reachable.syscalls.contains_key(&nr))
}

/// Calls that were seen though no scan found them: code that is not the binary's, or a fault of the scan.
pub(super) fn unreachable(roles: &[Arc<RoleObservations>], arch: Arch) -> Vec<UnreachableFile> {
    let each = roles.iter().flat_map(|role| role.syscalls.iter().map(move |(nr, seen)| (role, *nr, seen)));
    let foreign = each.filter(|(role, nr, _)| is_reachable(role, *nr) == Some(false));
    let file = |(role, nr, seen): (&Arc<RoleObservations>, SyscallNr, &crate::model::Seen)| UnreachableFile {
        syscall: display_name(arch, nr),
        role: (&role.role).into(),
        executable: role.build.path.clone(),
        build_id: role.build.id.clone(),
        calls: seen.counts.total(),
        by: golang::telling(&seen.callers).and_then(|caller| golang::one_line(&caller.frames)),
    };
    foreign.map(file).collect()
}

/// The tier of each call, as a generation's profile has it.
pub(super) fn tiers(generation: Option<&GenerationView>, arch: Arch) -> BTreeMap<String, &'static str> {
    let tiers = generation.into_iter().flat_map(|generation| &generation.tiers);
    let named = |(tier, calls): (&Tier, &Vec<SyscallNr>)| -> Vec<_> {
        calls.iter().map(|nr| (display_name(arch, *nr), tier.name())).collect()
    };
    tiers.flat_map(named).collect()
}

/// How many calls each tier has, as a generation's profile has it.
pub(super) fn totals(generation: Option<&GenerationView>) -> TierTotals {
    let tiers = generation.into_iter().flat_map(|generation| &generation.tiers);
    tiers.map(|(tier, calls)| (tier.name(), calls.len())).collect()
}
