//! Which argument values a system call was made with, for the few calls where they decide safety.

use std::collections::BTreeMap;

/// The values seen for one system call. A key holds one value per watched argument, in the order of
/// their positions.
pub type ArgumentValues = BTreeMap<Vec<u64>, u64>;

/// What is known of a call's arguments.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Arguments {
    /// This call's arguments are not watched.
    #[default]
    Unwatched,
    /// Every combination that was seen, with how often.
    Values(ArgumentValues),
    /// More combinations than are kept, or one that was missed (a call already in flight on attach): no
    /// rule can be made.
    Any,
}
