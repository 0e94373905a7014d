//! Records of stacks: where in its program a call was made.

use crate::{Event, STACK_FRAMES, STACK_TOP};

/// A record of [`EventKind::Stack`](crate::EventKind::Stack). It ends behind the last frame.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct StackEvent {
    /// What comes before the frames.
    pub head: StackHead,
    /// The instruction pointer, and the return addresses from the innermost on. Only the first
    /// [`StackHead::depth`] are sent.
    pub frames: [u64; STACK_FRAMES],
}

/// The part of a [`StackEvent`] that every record has.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct StackHead {
    /// The common part.
    pub event: Event,
    /// The goroutine that called, or on whose behalf the runtime or C did; 0 if there is none, or none is known.
    pub goroutine: u64,
    /// `mm_struct.start_code`: where the executable's code was mapped.
    pub start_code: u64,
    /// [`StackFlags`].
    pub flags: u32,
    /// How many frames follow.
    pub depth: u32,
    /// The words at the stack pointer.
    pub top: [u64; STACK_TOP],
}

/// Bits of [`StackHead::flags`].
pub struct StackFlags;

impl StackFlags {
    /// Sent as the slot made this call for the first time.
    pub const FIRST: u32 = 1;
    /// Sent with an alert.
    pub const ALERT: u32 = 1 << 1;
    /// Sent as a count of this call reached a power of two.
    pub const POWER: u32 = 1 << 2;
    /// The goroutine was found by its register.
    pub const BY_REGISTER: u32 = 1 << 3;
    /// The goroutine was found by the thread pointer.
    pub const BY_THREAD: u32 = 1 << 4;
    /// C called, and Go had called C: the frames after the first are those of the goroutine's own stack.
    pub const FROM_C: u32 = 1 << 5;
}

// No implicit padding: see the other records.
const _: () = assert!(size_of::<StackHead>() == size_of::<Event>() + 2 * 8 + 2 * 4 + STACK_TOP * 8);
const _: () = assert!(size_of::<StackEvent>() == size_of::<StackHead>() + STACK_FRAMES * 8);
