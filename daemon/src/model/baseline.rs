//! Everything known about a workload.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Arguments, Build, Host, Losses, Role, RoleObservations, SyscallNr, Timestamp, WorkloadId};

/// What is known about a workload, over all its targets and restarts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Baseline {
    /// Whose.
    pub workload: WorkloadId,
    /// Where it was learned.
    pub host: Host,
    /// When the workload was first watched.
    pub first: Timestamp,
    /// When one of its targets was last alive, to the precision of a flush.
    pub last: Timestamp,
    /// What each binary did in each role, by role and build. Shared with whoever shows it.
    pub roles: Vec<Arc<RoleObservations>>,
    /// Starts and ends that were seen.
    pub starts: Starts,
    /// Times in which calls may have been missed, oldest first.
    pub gaps: Vec<Gap>,
    /// Rules that it broke, by the rule's name.
    pub violated: BTreeMap<String, Violated>,
    /// What could not be counted while it was watched.
    pub losses: Losses,
}

/// How often targets of a workload were seen to start and to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Starts {
    /// Watched from the first call, without a gap until startup was over.
    pub whole: u64,
    /// Found running, or with a gap in their startup.
    pub partial: u64,
    /// Asked to end, and watched until they had ended.
    pub shutdowns: u64,
}

/// A time in which calls may have been missed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// When counting was last known to be whole.
    pub from: Timestamp,
    /// When it was whole again.
    pub to: Timestamp,
    /// Why: `another kernel abi`, `programs were unloaded`.
    pub reason: String,
}

/// How a workload broke one rule, over all its violations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violated {
    /// How many violations, by call.
    pub syscalls: BTreeMap<SyscallNr, u64>,
    /// When first.
    pub first: Timestamp,
    /// When last.
    pub last: Timestamp,
}

/// What targets of one workload did since it was last told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delta {
    /// Whose.
    pub workload: WorkloadId,
    /// The time since which all this happened. Nothing if only the baseline knows: since its
    /// [`last`](Baseline::last).
    pub since: Option<Timestamp>,
    /// What is new, by role and build; counts, processes and argument values are increments.
    pub roles: Vec<RoleObservations>,
    /// Starts and ends, as increments.
    pub starts: Starts,
}

/// What a baseline holds already of the cumulative counts in the kernel: a daemon that starts again takes in
/// only what is new.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ledger {
    /// Which load of the kernel side. Slots of another one are others.
    pub epoch: String,
    /// The slots of the workload's live targets.
    pub accounts: Vec<Account>,
}

/// How much of a tree's life was told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ToldOf {
    /// Nothing.
    Nothing,
    /// That it started.
    Start,
    /// That it ended because it was asked to, too.
    Shutdown,
}

/// One slot, and what a baseline holds of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The slot.
    pub slot: u16,
    /// How often that slot had been given out.
    pub generation: u64,
    /// The first slot of its tree.
    pub root: u16,
    /// The process that the tree descends from.
    pub process: u32,
    /// Whether the tree was watched from its first call.
    pub is_whole: bool,
    /// What of the tree's life is in the baseline's starts.
    pub told: ToldOf,
    /// When the tree's program started.
    pub started: Timestamp,
    /// When it was asked to end.
    pub asked_to_end: Option<Timestamp>,
    /// The role.
    pub role: Role,
    /// The binary.
    pub build: Build,
    /// Whether it is the slot of processes that were asked to end.
    pub is_ending: bool,
    /// Processes taken in.
    pub processes: u64,
    /// Foreign calls taken in.
    pub foreign: u64,
    /// Counts taken in.
    pub counts: BTreeMap<SyscallNr, u64>,
    /// Argument values taken in.
    pub arguments: BTreeMap<SyscallNr, Arguments>,
}
