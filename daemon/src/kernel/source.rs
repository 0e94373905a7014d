//! What the rest of the program may ask of the counters: a seam where tests put a scripted source.

use std::collections::BTreeMap;
use std::fmt;

use super::error::Error;
use super::happening::Happening;
use super::slot::Slot;
use crate::model::{MAX_SYSCALLS, SyscallNr};

/// One slot's counts since it was given out: cumulative, by native number.
#[derive(Clone, PartialEq, Eq)]
pub struct CountRow(Box<[u64; MAX_SYSCALLS as usize]>);

impl Default for CountRow {
    fn default() -> Self {
        Self(Box::new([0; MAX_SYSCALLS as usize]))
    }
}

impl fmt::Debug for CountRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl CountRow {
    /// The count of one call.
    pub fn get(&self, nr: SyscallNr) -> u64 {
        self.0[nr.index()]
    }

    /// Adds to one call.
    pub fn add(&mut self, nr: SyscallNr, count: u64) {
        self.0[nr.index()] += count;
    }

    /// Every call that was made.
    pub fn iter(&self) -> impl Iterator<Item = (SyscallNr, u64)> + '_ {
        (0..).map_while(SyscallNr::new).zip(self.0.iter().copied()).filter(|(_, count)| *count > 0)
    }
}

/// What is kept of a slot beside its counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SlotState {
    /// Live processes.
    pub live: u64,
    /// Processes that were ever in it.
    pub processes: u64,
    /// Calls by another ABI, or with a number outside the native table.
    pub foreign: u64,
}

/// Argument values of a watched call, or the number of calls beyond the bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArgumentCount {
    /// Where.
    pub slot: Slot,
    /// Which call.
    pub nr: SyscallNr,
    /// The watched registers; nothing stands for all combinations beyond the bound.
    pub values: Option<[u64; 3]>,
    /// How often.
    pub count: u64,
}

/// Counters and events of targets.
pub trait Source {
    /// A slot's counts now.
    fn counts(&self, slot: Slot) -> Result<CountRow, Error>;

    /// A slot's processes now.
    fn state(&self, slot: Slot) -> SlotState;

    /// All learned argument values.
    fn arguments(&self) -> Result<Vec<ArgumentCount>, Error>;

    /// Slots of which some argument values found no room.
    fn arguments_lost(&self) -> Vec<Slot>;

    /// What could not be counted so far, by reason.
    fn losses(&self) -> BTreeMap<&'static str, u64>;

    /// Moves one call of a slot to a column of its own. False if no column is left, or the call must stay
    /// where it is.
    fn give_column(&mut self, slot: Slot, nr: SyscallNr) -> bool;

    /// The next event, if there is one.
    fn next_event(&mut self) -> Option<Happening>;
}
