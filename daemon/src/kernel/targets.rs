//! What the rest of the program may decide: who is counted, and in which slot.

use std::collections::BTreeSet;
use std::os::fd::AsFd;

use seccinch_common::FileKey;

use super::error::Error;
use super::slot::{Slot, UsedSlot};
use super::source::Source;
use crate::golang::GoLayout;
use crate::model::SyscallNr;

/// What becomes of every process that executes a file, from then on without asking user space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Not counted.
    Ignored,
    /// Counted from its first call in a slot of its own.
    Target,
    /// As [`Verdict::Target`], and a Go program whose runtime is known: its goroutines are told from then on.
    GoTarget(GoLayout),
}

/// What the kernel says of one of our programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgramRuns {
    /// Its name.
    pub program: String,
    /// Whether it is attached.
    pub is_attached: bool,
    /// How often it ran; only counted while `kernel.bpf_stats_enabled` is 1.
    pub runs: u64,
    /// For how long in total, likewise.
    pub nanoseconds: u64,
}

/// Decisions about targets, and everything [`Source`] tells of them.
pub trait Targets: Source + AsFd {
    /// Names this load of the kernel side: slots of another one are others. A daemon that takes over pinned
    /// programs finds the same name.
    fn epoch(&self) -> &str;

    /// A slot for a target that user space names.
    fn take_slot(&mut self) -> Result<Slot, Error>;

    /// Counts a process from now on, unless it is a target already.
    fn track(&mut self, tgid: u32, slot: Slot);

    /// Takes back that a process is counted: it has ended without the kernel side seeing it.
    fn undo_track(&mut self, tgid: u32, slot: Slot);

    /// Counts a process no longer.
    fn untrack(&mut self, tgid: u32);

    /// The slot that a process is counted in now.
    fn slot_of(&self, tgid: u32) -> Option<Slot>;

    /// Every slot that a process was ever in since it was given out.
    fn used_slots(&self) -> Vec<UsedSlot>;

    /// Tells of the goroutines of this slot from now on, and of the one that its processes move to when they are
    /// asked to end: its program's runtime is known.
    fn describe_go(&mut self, slot: Slot, layout: GoLayout);

    /// Whether slots will soon be missing, of some kind.
    fn is_short_of_slots(&self) -> bool;

    /// Those of these slots that are of a file that is ignored by now.
    fn ignored(&self, slots: &BTreeSet<Slot>) -> Result<BTreeSet<Slot>, Error>;

    /// Decides about every later execution of a file.
    fn decide(&mut self, file: FileKey, verdict: Verdict) -> Result<(), Error>;

    /// Forgets all verdicts: what is looked for has changed.
    fn forget_verdicts(&mut self) -> Result<(), Error>;

    /// Gives slots back, to be used again by others: takes whoever is left out of them, and clears them. Who
    /// was found in one keeps it until the next time, as it may still be counting; those slots are returned, with those
    /// that could not be cleared. Of an error, none was given back.
    /// The caller has read for the last time what they hold, one poll after their last process ended.
    fn give_back(&mut self, slots: &BTreeSet<Slot>) -> Result<BTreeSet<Slot>, Error>;

    /// Sends an event at once when a target makes one of these calls, and no others.
    fn alert_on(&mut self, calls: &BTreeSet<SyscallNr>) -> Result<(), Error>;

    /// Takes the time of day anew, by which events have theirs: it may have been set, or the system been asleep.
    fn synchronize(&mut self);

    /// What the kernel says of each program.
    fn programs(&self) -> Vec<ProgramRuns>;

    /// Hands the kernel side's log lines to `tracing`.
    fn flush_log(&mut self);
}
