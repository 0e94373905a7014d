//! What a profile allows, and why.
//!
//! In: observations and floors. Out: a [`Profile`], valid by construction, in which every rule has its
//! reasons. Nothing here knows how a runtime or a unit file writes it.

mod action;
mod build;
pub mod check;
mod complement;
mod condition;
mod diff;
pub mod file;
pub mod floor;
mod lockdown;
mod merge;
mod narrow;
mod outcome;
mod profile;
mod provenance;
mod reason;
mod restriction;
mod rule;
#[cfg(test)]
pub(crate) mod testing;
mod tier;

pub use action::{DefaultAction, ENOSYS, EPERM, Errno, UnknownErrno};
pub use build::{BuildError, Clone3, Entered, Input, Options, build};
pub use condition::{Alternatives, ArgIndex, Condition, ConditionError, Conjunction, Masked};
pub use diff::{Change, Difference, ReachChange, Side, diff};
pub use lockdown::{LockdownError, Stage, Unresolved, in_words, lockdown};
pub use merge::{MergeError, merge};
pub use narrow::{Narrowing, NarrowingError};
pub use outcome::Outcome;
pub use profile::{Note, Profile, ProfileError};
pub use provenance::{BuildStamp, Launch, Provenance};
pub use reason::{Observed, Reason};
pub use restriction::{Bits, How, Restriction};
pub use rule::{Rule, Verdict};
pub use tier::{Reach, Tier, way};

pub use crate::files::Digest;
