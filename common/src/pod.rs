//! What lets aya copy these types in and out of the kernel.
#![expect(unsafe_code, reason = "`Pod` promises aya that any bytes are a valid value")]

use crate::{
    AlertEvent, ArgumentKey, Event, ExecEvent, FileKey, FileVerdict, Offsets, RoleKey, SlotMeta, StackHead,
    StackOffsets, Watch,
};

// SAFETY: integers only, `repr(C)`, and explicit padding: every bit pattern is a value.
unsafe impl aya::Pod for FileKey {}
// SAFETY: as above.
unsafe impl aya::Pod for RoleKey {}
// SAFETY: as above.
unsafe impl aya::Pod for SlotMeta {}
// SAFETY: as above.
unsafe impl aya::Pod for ArgumentKey {}
// SAFETY: as above.
unsafe impl aya::Pod for Watch {}
// SAFETY: as above.
unsafe impl aya::Pod for Offsets {}
// SAFETY: as above.
unsafe impl aya::Pod for Event {}
// SAFETY: as above.
unsafe impl aya::Pod for ExecEvent {}
// SAFETY: as above.
unsafe impl aya::Pod for AlertEvent {}
// SAFETY: as above.
unsafe impl aya::Pod for FileVerdict {}
// SAFETY: as above.
unsafe impl aya::Pod for StackOffsets {}
// SAFETY: as above.
unsafe impl aya::Pod for StackHead {}
