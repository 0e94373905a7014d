//! Ring-buffer records in the words of the user side.

use seccinch_common::{AlertEvent, Event, EventKind, ExecEvent, FileKey};

use super::slot::Slot;
use crate::model::{SyscallNr, Timestamp};

/// Something that happened to a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happening {
    /// A slot made a call for the first time.
    FirstSeen {
        /// When.
        time: Timestamp,
        /// Which slot.
        slot: Slot,
        /// Which call.
        nr: SyscallNr,
    },
    /// A call that is watched for, or a combination of arguments that is new for it: not every time, but the
    /// first one always, and then one in so many milliseconds.
    Alert {
        /// When.
        time: Timestamp,
        /// Which slot.
        slot: Slot,
        /// Which process.
        tgid: u32,
        /// Which call.
        nr: SyscallNr,
        /// Its argument registers, in their order.
        arguments: [u64; 6],
    },
    /// A process executed a file.
    Exec {
        /// When.
        time: Timestamp,
        /// Which process.
        tgid: u32,
        /// The slot it is in now.
        slot: Slot,
        /// The slot it was in; nothing for a process that was not a target.
        previous: Option<Slot>,
        /// Whether the slot now holds a role that was not there before.
        fresh: bool,
        /// The file.
        file: FileKey,
        /// The control group of version 2 that the process is in, by its folder's inode.
        group: u64,
        /// The file's name as it was executed, for a script that of its interpreter.
        name: String,
    },
    /// The last thread of a process ended.
    Exit {
        /// When.
        time: Timestamp,
        /// Which process.
        tgid: u32,
        /// The slot it was in.
        slot: Slot,
        /// Its wait status, as `wait(2)` has it.
        status: u32,
    },
    /// A signal that asks a program to end reached a process.
    Signal {
        /// When.
        time: Timestamp,
        /// Which process.
        tgid: u32,
        /// The slot it is in from now on, if one was free.
        slot: Slot,
        /// The slot it was in.
        previous: Slot,
        /// The signal's number.
        signal: u16,
    },
}

impl Happening {
    /// Reads a record; `clock` turns the kernel's monotonic time into a [`Timestamp`]. Nothing for a
    /// record that this version does not know.
    pub(super) fn from_record(bytes: &[u8], clock: impl Fn(u64) -> Timestamp) -> Option<Self> {
        if let Some(exec) = plain::<ExecEvent>(bytes) {
            return Self::from_exec(&exec, clock(exec.event.time));
        }
        if let Some(alert) = plain::<AlertEvent>(bytes) {
            return Self::from_alert(&alert, clock(alert.event.time));
        }
        let event = plain::<Event>(bytes)?;
        let (time, tgid, slot) = (clock(event.time), event.tgid, Slot::new(event.slot)?);
        match kind(event.kind)? {
            EventKind::FirstSeen => Some(Self::FirstSeen { time, slot, nr: SyscallNr::new(event.nr)? }),
            EventKind::Exit => Some(Self::Exit { time, tgid, slot, status: event.code }),
            EventKind::Signal => {
                let previous = Slot::new(event.previous)?;
                Some(Self::Signal { time, tgid, slot, previous, signal: event.nr })
            }
            EventKind::Exec | EventKind::Alert => None,
        }
    }

    fn from_alert(alert: &AlertEvent, time: Timestamp) -> Option<Self> {
        Some(Self::Alert {
            time,
            slot: Slot::new(alert.event.slot)?,
            tgid: alert.event.tgid,
            nr: SyscallNr::new(alert.event.nr)?,
            arguments: alert.arguments,
        })
    }

    fn from_exec(exec: &ExecEvent, time: Timestamp) -> Option<Self> {
        let name = exec.name.split(|byte| *byte == 0).next().unwrap_or_default();
        Some(Self::Exec {
            time,
            tgid: exec.event.tgid,
            slot: Slot::new(exec.event.slot)?,
            previous: Slot::new(exec.event.previous),
            fresh: exec.event.fresh != 0,
            file: exec.file,
            group: exec.group,
            name: String::from_utf8_lossy(name).into_owned(),
        })
    }
}

fn kind(number: u32) -> Option<EventKind> {
    [EventKind::FirstSeen, EventKind::Exec, EventKind::Exit, EventKind::Signal, EventKind::Alert]
        .into_iter()
        .find(|kind| *kind as u32 == number)
}

/// A plain value from exactly its bytes.
fn plain<T: aya::Pod>(bytes: &[u8]) -> Option<T> {
    // SAFETY: the length matches, and any bytes are a value of a `Pod` type.
    (bytes.len() == size_of::<T>()).then(|| unsafe { bytes.as_ptr().cast::<T>().read_unaligned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Check that records of unknown length, kind or slot are passed over.
    #[test]
    fn unknown_records_are_passed_over() {
        let clock = Timestamp::from_unix_nanos;
        assert_eq!(Happening::from_record(&[], clock), None);
        assert_eq!(Happening::from_record(&[0xff; size_of::<Event>()], clock), None);
        assert_eq!(Happening::from_record(&[0; size_of::<Event>()], clock), None);
        assert_eq!(Happening::from_record(&[0xff; size_of::<Event>() + 1], clock), None);
    }
}
