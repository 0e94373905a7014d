//! Conditions on arguments, in the form that every filter language has: `argument & mask == value`.
//!
//! Two things that are unsound can't be written: a condition on what a pointer points at (there is only the
//! register's value), and two conditions on one argument, which runc turns into alternatives
//! (`libcontainer/seccomp/seccomp_linux.go`, `hasMultipleArgs`).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// The position of an argument, 0 to 5.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ArgIndex(u8);

/// `argument & mask == value`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Masked {
    mask: u64,
    value: u64,
}

/// Conditions that hold together: at least one, and at most one per argument.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Conjunction(BTreeMap<ArgIndex, Masked>);

/// Conjunctions of which one has to hold: at least one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Alternatives(BTreeSet<Conjunction>);

/// When a call is allowed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Condition {
    /// With any arguments.
    Always,
    /// With these arguments only.
    When(Alternatives),
}

/// Why a condition can't be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ConditionError {
    /// A call has six arguments.
    #[error("a system call has no argument {0}: they count from 0 to 5")]
    NoSuchArgument(u64),
    /// It would hold for every value.
    #[error("a mask of 0 compares nothing")]
    EmptyMask,
    /// It would hold for no value.
    #[error("the value {value:#x} has bits outside its mask {mask:#x}, so nothing can equal it")]
    OutsideMask {
        /// The mask.
        mask: u64,
        /// The value.
        value: u64,
    },
    /// Runtimes read two conditions on one argument as alternatives.
    #[error("argument {0} has two conditions: give each its own alternative")]
    SameArgument(u8),
    /// No condition at all.
    #[error("there is no condition")]
    Empty,
}

impl ArgIndex {
    /// The first argument.
    pub const FIRST: Self = Self(0);

    /// A position from 0 to 5.
    pub fn new(index: u64) -> Result<Self, ConditionError> {
        match u8::try_from(index) {
            Ok(small @ 0..=5) => Ok(Self(small)),
            _ => Err(ConditionError::NoSuchArgument(index)),
        }
    }

    /// The bare position.
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl Masked {
    /// A comparison that some values meet and others do not.
    pub const fn new(mask: u64, value: u64) -> Result<Self, ConditionError> {
        match (mask, value & !mask) {
            (0, _) => Err(ConditionError::EmptyMask),
            (_, 0) => Ok(Self { mask, value }),
            _ => Err(ConditionError::OutsideMask { mask, value }),
        }
    }

    /// The bits that are compared.
    pub const fn mask(self) -> u64 {
        self.mask
    }

    /// What those bits have to be.
    pub const fn value(self) -> u64 {
        self.value
    }
}

impl Conjunction {
    /// Every one of these conditions.
    pub fn new(conditions: impl IntoIterator<Item = (ArgIndex, Masked)>) -> Result<Self, ConditionError> {
        let mut map = BTreeMap::new();
        for (index, masked) in conditions {
            if map.insert(index, masked).is_some() {
                return Err(ConditionError::SameArgument(index.get()));
            }
        }
        if map.is_empty() { Err(ConditionError::Empty) } else { Ok(Self(map)) }
    }

    /// A single condition.
    pub fn of(index: ArgIndex, masked: Masked) -> Self {
        Self(BTreeMap::from([(index, masked)]))
    }

    /// The conditions, by argument.
    pub fn iter(&self) -> impl Iterator<Item = (ArgIndex, Masked)> + '_ {
        self.0.iter().map(|(index, masked)| (*index, *masked))
    }
}

impl Alternatives {
    /// Any one of these conjunctions.
    pub fn new(conjunctions: impl IntoIterator<Item = Conjunction>) -> Result<Self, ConditionError> {
        let set: BTreeSet<_> = conjunctions.into_iter().collect();
        if set.is_empty() { Err(ConditionError::Empty) } else { Ok(Self(set)) }
    }

    /// A single conjunction.
    pub fn of(conjunction: Conjunction) -> Self {
        Self(BTreeSet::from([conjunction]))
    }

    /// Either of both.
    #[must_use]
    pub fn or(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// The conjunctions, in a fixed order.
    pub fn iter(&self) -> impl Iterator<Item = &Conjunction> + '_ {
        self.0.iter()
    }
}

impl Condition {
    /// Whatever either allows: an unconditional rule wins, as in libseccomp.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::When(left), Self::When(right)) => Self::When(left.or(right)),
            _ => Self::Always,
        }
    }
}

impl fmt::Display for Masked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.mask {
            u64::MAX | 0xffff_ffff => write!(f, "== {}", self.value),
            mask => write!(f, "& {mask:#x} == {:#x}", self.value),
        }
    }
}

impl fmt::Display for Conjunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, (index, masked)) in self.iter().enumerate() {
            let separator = if position == 0 { "" } else { " and " };
            write!(f, "{separator}arg{} {masked}", index.get())?;
        }
        Ok(())
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::When(alternatives) = self else {
            return f.write_str("always");
        };
        f.write_str("when ")?;
        for (position, conjunction) in alternatives.iter().enumerate() {
            let separator = if position == 0 { "" } else { ", or " };
            write!(f, "{separator}{conjunction}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Check that conditions that always or never hold, or that runc would read otherwise, can't be made.
    #[test]
    fn unsound_conditions_are_refused() {
        assert_eq!(Masked::new(0, 0), Err(ConditionError::EmptyMask));
        assert_eq!(Masked::new(0xff, 0x100), Err(ConditionError::OutsideMask { mask: 0xff, value: 0x100 }));
        assert_eq!(ArgIndex::new(6), Err(ConditionError::NoSuchArgument(6)));
        let one = Masked::new(1, 1).unwrap();
        let twice = [(ArgIndex::FIRST, one), (ArgIndex::FIRST, one)];
        assert_eq!(Conjunction::new(twice), Err(ConditionError::SameArgument(0)));
        assert_eq!(Conjunction::new([]), Err(ConditionError::Empty));
        assert_eq!(Alternatives::new([]), Err(ConditionError::Empty));
    }

    /// Check that a condition reads as it works.
    #[test]
    fn conditions_read_as_they_work() {
        let domain = |value| Conjunction::of(ArgIndex::FIRST, Masked::new(0xffff_ffff, value).unwrap());
        let condition = Condition::When(Alternatives::new([domain(10), domain(2)]).unwrap());
        assert_eq!(condition.to_string(), "when arg0 == 2, or arg0 == 10");
        let flags = Conjunction::of(ArgIndex::FIRST, Masked::new(0x7e02_0000, 0).unwrap());
        assert_eq!(flags.to_string(), "arg0 & 0x7e020000 == 0x0");
        assert_eq!(condition.or(Condition::Always), Condition::Always);
    }
}
