//! Reading the counters and the events.

use std::collections::BTreeMap;
use std::mem::offset_of;

use seccinch_common::{HOT_COLUMNS, Lost, MAX_SYSCALLS, SlotMeta};

use super::attach::Attached;
use super::error::Error;
use super::happening::Happening;
use super::load::Kernel;
use super::slot::Slot;
use super::source::{ArgumentCount, CountRow, SlotState, Source};
use crate::model::{SyscallNr, Timestamp};

impl Source for Kernel {
    fn counts(&self, slot: Slot) -> Result<CountRow, Error> {
        let mut row = CountRow::default();
        let columns = match self.columns_used.get(&slot) {
            Some(_) => Some(self.hot.get(&slot.get().into(), 0).map_err(Error::map("HOT"))?),
            None => None,
        };
        for nr in (0..).map_while(SyscallNr::new) {
            row.add(nr, self.wide.get(index(slot, nr)));
            let column = usize::from(self.columns.get(index(slot, nr)));
            if let Some(columns) = columns.as_ref().filter(|_| (1..HOT_COLUMNS).contains(&column)) {
                row.add(nr, columns.iter().map(|cpu| cpu[column]).sum());
            }
        }
        Ok(row)
    }

    fn state(&self, slot: Slot) -> SlotState {
        let field = |offset| self.meta.get(meta(slot, offset));
        SlotState {
            live: field(offset_of!(SlotMeta, live)),
            processes: field(offset_of!(SlotMeta, processes)),
            foreign: field(offset_of!(SlotMeta, foreign)),
        }
    }

    fn arguments(&self) -> Result<Vec<ArgumentCount>, Error> {
        let mut counts = Vec::new();
        for (key, count) in self.arguments.entries()? {
            if let (Some(slot), Some(nr)) = (Slot::new(key.slot), SyscallNr::new(key.nr)) {
                let values = (key.overflow == 0).then_some(key.values);
                counts.push(ArgumentCount { slot, nr, values, count });
            }
        }
        Ok(counts)
    }

    fn arguments_lost(&self) -> Vec<Slot> {
        let is_lost = |slot: &Slot| self.meta.get(meta(*slot, offset_of!(SlotMeta, arguments_lost))) != 0;
        self.all_slots().filter(is_lost).collect()
    }

    fn losses(&self) -> BTreeMap<&'static str, u64> {
        let mut losses: BTreeMap<_, _> =
            Lost::ALL.into_iter().map(|reason| (reason.name(), self.lost.get(reason as usize))).collect();
        losses.insert("program_skipped", self.attached.iter().map(Attached::skipped).sum());
        losses
    }

    fn give_column(&mut self, slot: Slot, nr: SyscallNr) -> bool {
        let used = self.columns_used.entry(slot).or_insert(0);
        let next = *used + 1;
        if usize::from(next) >= HOT_COLUMNS || self.columns.get(index(slot, nr)) != 0 {
            return false;
        }
        *used = next;
        self.columns.set(index(slot, nr), next);
        true
    }

    fn next_event(&mut self) -> Option<Happening> {
        let offset = self.clock_offset;
        let clock = |monotonic| Timestamp::from_unix_nanos(offset.saturating_add(monotonic));
        loop {
            let record = self.events.next()?;
            if let Some(happening) = Happening::from_record(&record, clock) {
                return Some(happening);
            }
        }
    }
}

/// Where in `IDX` and `WIDE` a call of a slot is.
pub(super) fn index(slot: Slot, nr: SyscallNr) -> usize {
    usize::from(slot.get()) * MAX_SYSCALLS + nr.index()
}

/// Where in `META` a field of a slot is; `offset` in bytes.
pub(super) fn meta(slot: Slot, offset: usize) -> usize {
    (usize::from(slot.get()) * size_of::<SlotMeta>() + offset) / 8
}
