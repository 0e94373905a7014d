//! What one recording saw: the input of every profile.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Arch, Arguments, Build, Callers, Phase, Reachable, Role, SyscallNr, Timestamp};

/// One recording of one workload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observations {
    /// Where it was made.
    pub host: Host,
    /// When counting began.
    pub started: Timestamp,
    /// When counting ended.
    pub ended: Timestamp,
    /// What each binary did. Sorted by role, then by build.
    pub roles: Vec<RoleObservations>,
    /// What could not be counted.
    pub losses: Losses,
}

/// The machine of a recording, for a profile's provenance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// The system call table that every number here belongs to.
    pub arch: Arch,
    /// Kernel release, as `uname -r` prints it.
    pub kernel: String,
    /// The clock source, which decides whether the vDSO answers: `tsc`, `kvm-clock`, `hpet`.
    pub clock_source: Option<String>,
    /// The version of seccinch that recorded.
    pub seccinch: String,
}

/// What one binary in one role did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleObservations {
    /// The role.
    pub role: Role,
    /// The binary.
    pub build: Build,
    /// How many processes ran in this role.
    pub processes: u64,
    /// Every native call that was seen.
    pub syscalls: BTreeMap<SyscallNr, Seen>,
    /// Calls by another ABI (32-bit, x32) or with a number outside the native table.
    pub foreign: u64,
    /// What the binary could ever call; nothing if it was not scanned.
    pub reachable: Option<Arc<Reachable>>,
}

/// One call's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// How often, by phase.
    pub counts: PhaseCounts,
    /// It was already under way when counting began, and is in no count.
    pub in_flight: bool,
    /// When it was first seen.
    pub first: Timestamp,
    /// When it was last seen, to the precision of the poll interval.
    pub last: Timestamp,
    /// Its arguments.
    pub arguments: Arguments,
    /// Who made it, as far as stacks were taken.
    pub callers: Callers,
}

/// Counts by phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct PhaseCounts([u64; 3]);

/// What could not be counted, by reason. All zero in a whole recording.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Losses(pub BTreeMap<String, u64>);

impl PhaseCounts {
    /// Counts from one number per phase.
    pub const fn new(startup: u64, steady: u64, shutdown: u64) -> Self {
        Self([startup, steady, shutdown])
    }

    /// The count in one phase.
    pub const fn get(self, phase: Phase) -> u64 {
        self.0[phase as usize]
    }

    /// Adds to one phase.
    pub const fn add(&mut self, phase: Phase, count: u64) {
        self.0[phase as usize] = self.0[phase as usize].saturating_add(count);
    }

    /// The count over all phases.
    pub fn total(self) -> u64 {
        self.0.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }
}

impl Losses {
    /// Whether what was lost for this reason may hide a call: a stack only says who made one that was counted, and a
    /// scan what could be made.
    pub fn may_hide_calls(reason: &str) -> bool {
        !reason.starts_with("stacks_") && !reason.starts_with("scans_")
    }

    /// Whether everything was counted.
    pub fn is_empty(&self) -> bool {
        self.0.values().all(|count| *count == 0)
    }
}
