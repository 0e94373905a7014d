//! What rules take out of a profile, or limit, although it was observed.

use super::ArgIndex;

/// What one rule does to one call.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Restriction {
    /// The rule's name.
    pub rule: String,
    /// Why the rule is there.
    pub why: String,
    /// What it does.
    pub how: How,
}

/// What becomes of the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum How {
    /// It is refused. Where a floor needs it, it stays, and a note says so.
    Deny,
    /// Its arguments are limited to those that were seen.
    Narrow,
    /// The same, and those with any of these bits are refused even if they were seen.
    Exclude(Bits),
}

/// Bits of an argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bits {
    /// Which argument.
    pub index: ArgIndex,
    /// The bits.
    pub mask: u64,
}
