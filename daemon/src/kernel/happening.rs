//! Ring-buffer records in the words of the user side.

use seccinch_common::{AlertEvent, Event, EventKind, ExecEvent, FileKey, STACK_TOP, StackFlags, StackHead};

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
    /// Where in its program a call was made. Each stack comes once, as long as it is remembered: at the first call, at
    /// an alert, or when a count of the call reaches a power of two.
    Stack {
        /// When.
        time: Timestamp,
        /// Which process.
        tgid: u32,
        /// Which thread.
        tid: u32,
        /// Which slot.
        slot: Slot,
        /// Which call.
        nr: SyscallNr,
        /// The goroutine that called, or on whose behalf the runtime or C did, if that is known without a doubt.
        goroutine: Option<u64>,
        /// Where the executable's code was mapped, so that its addresses are known when it is gone.
        start_code: u64,
        /// C made the call, and Go had called C: the frames after the first are Go's.
        from_c: bool,
        /// The address of the call, and the return addresses, from the innermost on.
        frames: Vec<u64>,
        /// The words at the stack pointer: a function without a frame of its own has its return address there, which
        /// is in no frame.
        top: [u64; STACK_TOP],
    },
}

impl Happening {
    /// Reads a record; `clock` turns the kernel's monotonic time into a [`Timestamp`]. Nothing for a
    /// record that this version does not know.
    pub(super) fn from_record(bytes: &[u8], clock: impl Fn(u64) -> Timestamp) -> Option<Self> {
        // Lengths tell nothing: a stack may be as long as any of the others.
        let event = leading::<Event>(bytes)?.0;
        let (time, tgid, slot) = (clock(event.time), event.tgid, Slot::new(event.slot)?);
        match kind(event.kind)? {
            EventKind::Exec => Self::from_exec(&plain(bytes)?, time),
            EventKind::Alert => Self::from_alert(&plain(bytes)?, time),
            EventKind::Stack => Self::from_stack(bytes, time),
            _ if bytes.len() != size_of::<Event>() => None,
            EventKind::FirstSeen => Some(Self::FirstSeen { time, slot, nr: SyscallNr::new(event.nr)? }),
            EventKind::Exit => Some(Self::Exit { time, tgid, slot, status: event.code }),
            EventKind::Signal => {
                let previous = Slot::new(event.previous)?;
                Some(Self::Signal { time, tgid, slot, previous, signal: event.nr })
            }
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

    fn from_stack(bytes: &[u8], time: Timestamp) -> Option<Self> {
        let (head, frames) = leading::<StackHead>(bytes)?;
        let (frames, rest) = frames.as_chunks::<{ size_of::<u64>() }>();
        if !rest.is_empty() || frames.len() != usize::try_from(head.depth).ok()? {
            return None;
        }
        Some(Self::Stack {
            time,
            tgid: head.event.tgid,
            tid: head.event.tid,
            slot: Slot::new(head.event.slot)?,
            nr: SyscallNr::new(head.event.nr)?,
            goroutine: Some(head.goroutine).filter(|goroutine| *goroutine != 0),
            start_code: head.start_code,
            from_c: head.flags & StackFlags::FROM_C != 0,
            frames: frames.iter().map(|frame| u64::from_ne_bytes(*frame)).collect(),
            top: head.top,
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
    use EventKind::{Alert, Exec, Exit, FirstSeen, Signal, Stack};
    [FirstSeen, Exec, Exit, Signal, Alert, Stack].into_iter().find(|kind| *kind as u32 == number)
}

/// A plain value from exactly its bytes.
fn plain<T: aya::Pod>(bytes: &[u8]) -> Option<T> {
    leading(bytes).filter(|(_, rest)| rest.is_empty()).map(|(value, _)| value)
}

/// A plain value that the bytes begin with, and what follows it.
fn leading<T: aya::Pod>(bytes: &[u8]) -> Option<(T, &[u8])> {
    let (value, rest) = bytes.split_at_checked(size_of::<T>())?;
    // SAFETY: the length matches, and any bytes are a value of a `Pod` type.
    Some((unsafe { value.as_ptr().cast::<T>().read_unaligned() }, rest))
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

    /// Check that a stack is told from other records whatever its length, and is passed over if it does not have as
    /// many frames as it says.
    #[test]
    fn stacks_are_as_long_as_they_say() {
        let stack = |depth: u32, frames: u64| {
            let event = Event {
                time: 1,
                kind: EventKind::Stack as u32,
                tgid: 2,
                tid: 3,
                code: 0,
                slot: 4,
                nr: 5,
                previous: 0,
                fresh: 0,
            };
            let flags = StackFlags::FROM_C;
            let head = StackHead { event, goroutine: 6, start_code: 7, flags, depth, top: [8; STACK_TOP] };
            // SAFETY: integers without padding.
            let head = unsafe { std::mem::transmute::<StackHead, [u8; size_of::<StackHead>()]>(head) };
            let bytes: Vec<u8> = head.into_iter().chain((0..frames).flat_map(u64::to_ne_bytes)).collect();
            Happening::from_record(&bytes, Timestamp::from_unix_nanos)
        };
        for depth in 0..=127 {
            let read = stack(depth, depth.into());
            let Some(Happening::Stack { frames, goroutine, start_code, from_c, .. }) = read else {
                panic!("{depth}: {read:?}")
            };
            assert_eq!(frames, (0..depth.into()).collect::<Vec<u64>>());
            assert_eq!((goroutine, start_code, from_c), (Some(6), 7, true));
        }
        assert_eq!((stack(3, 4), stack(4, 3)), (None, None));
    }
}
