//! The number that stands for a role in every map.

/// Where a role's counts are kept. Never 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(u16);

impl Slot {
    /// A slot by its number; nothing for 0, which means "not a target".
    pub const fn new(number: u16) -> Option<Self> {
        if number == seccinch_common::NO_SLOT { None } else { Some(Self(number)) }
    }

    /// Its number.
    pub const fn get(self) -> u16 {
        self.0
    }
}

/// A slot that somebody is or was in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsedSlot {
    /// Which.
    pub slot: Slot,
    /// The first slot of its tree.
    pub root: Option<Slot>,
    /// Whether it is for processes that were asked to end.
    pub is_ending: bool,
    /// How often the slot had been given out before.
    pub generation: u64,
}
