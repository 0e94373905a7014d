//! Live processes that are counted.

use super::{Timestamp, WorkloadId};

/// A live process that is counted as a workload's, with everything it started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Its id, in the initial namespace.
    pub process: u32,
    /// When its program started: ids are used again.
    pub started: Timestamp,
    /// Whose.
    pub workload: WorkloadId,
    /// The path of its executable, as its own mount namespace has it.
    pub executable: String,
    /// Whether it is counted from its first call.
    pub is_whole: bool,
    /// Whether it came in from outside (`kubectl exec`, `nsenter`).
    pub is_entered: bool,
    /// What its runtime says of it.
    pub place: Place,
}

/// Where a target runs, as far as its runtime has it on disk.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place {
    /// The container's id.
    pub container: Option<String>,
    /// The image, as it was named.
    pub image: Option<String>,
    /// The pod's name.
    pub pod: Option<String>,
    /// The pod's namespace.
    pub namespace: Option<String>,
}
