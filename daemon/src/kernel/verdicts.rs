//! What the kernel side does by itself: files that are decided about, and calls that are told of at once.

use std::collections::BTreeSet;

use seccinch_common::{
    ALERTED, FileKey, FileVerdict, IGNORED, MAX_SYSCALLS, TARGET, WATCHED, WATCHED_ALERTED,
};

use super::counters::index;
use super::error::Error;
use super::load::Kernel;
use super::slot::Slot;
use super::targets::Verdict;
use crate::model::{Arch, SyscallNr};
use crate::syscalls;

impl Kernel {
    pub(super) fn set_verdict(&mut self, file: FileKey, verdict: Verdict) -> Result<(), Error> {
        let (verdict, go) = match verdict {
            Verdict::Ignored => (IGNORED, 0),
            Verdict::Target => (TARGET, 0),
            Verdict::GoTarget(layout) => (TARGET, layout.packed()),
        };
        self.verdicts.insert(file, FileVerdict { verdict: u64::from(verdict), go })
    }

    pub(super) fn clear_verdicts(&mut self) -> Result<(), Error> {
        for (file, _) in self.verdicts.entries()? {
            self.verdicts.remove(&file)?;
        }
        Ok(())
    }

    /// Those of these slots that began with a file that is ignored by now.
    pub(super) fn slots_of_ignored(&self, slots: &BTreeSet<Slot>) -> Result<BTreeSet<Slot>, Error> {
        let verdicts = self.verdicts.entries()?.into_iter();
        let ignored: BTreeSet<FileKey> =
            verdicts.filter(|(_, said)| said.verdict == u64::from(IGNORED)).map(|(file, _)| file).collect();
        let roles = self.roles.entries()?.into_iter().filter(|(role, _)| ignored.contains(&role.file));
        Ok(roles.filter_map(|(_, slot)| Slot::new(slot)).filter(|slot| slots.contains(slot)).collect())
    }

    /// Marks the calls whose arguments are learned in the row of slot 0, which nobody is ever in: it is what
    /// the row of every slot that is given out begins as.
    pub(super) fn watch_arguments(&mut self) {
        for (nr, _) in syscalls::watched(Arch::NATIVE) {
            self.columns.set(nr.index(), WATCHED);
        }
    }

    /// Lets every number of a slot be counted where it is in a new one.
    pub(super) fn reset_columns(&mut self, slot: Slot) {
        for nr in (0..).map_while(SyscallNr::new) {
            let blank = self.columns.get(nr.index());
            self.columns.set(index(slot, nr), blank);
        }
    }

    /// Marks these calls in every slot, and no others. Where one has a column already it stays there.
    pub(super) fn mark_alerts(&mut self, calls: &BTreeSet<SyscallNr>) {
        for row in 0..usize::from(self.sizes.slots) {
            for nr in (0..).map_while(SyscallNr::new) {
                let at = row * MAX_SYSCALLS + nr.index();
                let present = self.columns.get(at);
                let wanted = marker(present, calls.contains(&nr));
                if wanted != present {
                    self.columns.set(at, wanted);
                }
            }
        }
    }
}

fn marker(present: u8, is_alerted: bool) -> u8 {
    match (present, is_alerted) {
        (WATCHED | WATCHED_ALERTED, true) => WATCHED_ALERTED,
        (WATCHED | WATCHED_ALERTED, false) => WATCHED,
        (0 | ALERTED, true) => ALERTED,
        (0 | ALERTED, false) => 0,
        (column, _) => column,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Check that alerts come and go without touching what is learned, nor columns.
    #[test]
    fn markers_keep_what_else_they_say() {
        assert_eq!([0, ALERTED].map(|present| marker(present, true)), [ALERTED; 2]);
        assert_eq!([0, ALERTED].map(|present| marker(present, false)), [0; 2]);
        assert_eq!([WATCHED, WATCHED_ALERTED].map(|present| marker(present, true)), [WATCHED_ALERTED; 2]);
        assert_eq!([WATCHED, WATCHED_ALERTED].map(|present| marker(present, false)), [WATCHED; 2]);
        assert_eq!([true, false].map(|is_alerted| marker(7, is_alerted)), [7; 2]);
    }
}
