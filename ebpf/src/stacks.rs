//! Where in its program a call is made: the caller's stack, taken rarely and sent once.
//!
//! A walk costs far more than all the rest of a call. So it lies behind a gate (a first call, an alert, a count that
//! is a power of two), and behind the gate comes a cheap key: only a stack whose key is new is walked and sent.

use core::ffi::c_void;

use aya_ebpf::{
    Global,
    bindings::BPF_F_USER_STACK,
    helpers::generated::{bpf_get_stack, bpf_probe_read_user},
};
use seccinch_common::{Event, EventKind, STACK_FRAMES, STACK_TOP, StackEvent, StackFlags};

use crate::{
    counts::Call,
    events,
    goroutine::{self, Goroutine},
    keys,
    maps::STACK,
    user::{self, Registers},
};

/// 1 if stacks are taken at all.
#[unsafe(no_mangle)]
static STACKS: Global<u8> = Global::new(0);

/// How far a goroutine's own stack is followed where C calls.
const HOPS: usize = 64;

/// Sends the stack of a call that came through this gate, unless it was sent before.
#[inline(always)]
pub fn consider(call: &Call, gate: u32) {
    if STACKS.load() != 0 {
        capture(call.context, call.regs, call.slot, call.nr, gate);
    }
}

/// As [`consider`], if that was the last call before a power of two.
#[inline(always)]
pub fn consider_power(call: &Call, before: u64) {
    if before & before.wrapping_add(1) == 0 {
        consider(call, StackFlags::POWER);
    }
}

/// Kept apart, and told all by registers: the common path must not put anything on its stack for it.
#[inline(never)]
fn capture(context: *mut c_void, regs: u64, slot: u16, nr: u16, gate: u32) {
    let call = &Call { context, regs, slot, nr };
    let Some(registers) = user::registers(regs) else { return };
    let key = keys::of(call, &registers);
    if !keys::is_new(key) {
        return;
    }
    let Some(stack) = STACK.get_ptr_mut(0) else { return };
    // SAFETY: this CPU's own value, and nothing interrupts us that would use it.
    let stack = unsafe { &mut *stack };
    describe(call, gate, &registers, stack);
    if events::send_stack(stack).is_none() {
        keys::forget(key);
    }
}

#[inline(always)]
fn describe(call: &Call, gate: u32, registers: &Registers, stack: &mut StackEvent) {
    let (start, end) = user::code().unwrap_or_default();
    let is_outside = !(start..end).contains(&registers.instruction);
    let goroutine = goroutine::of_call(call.slot, registers, is_outside);
    let goroutine = goroutine.unwrap_or(Goroutine { id: 0, flags: 0, frame: 0 });
    let head = &mut stack.head;
    head.event = Event { nr: call.nr, ..events::about_current(EventKind::Stack, call.slot) };
    head.goroutine = goroutine.id;
    head.start_code = start;
    head.flags = gate | goroutine.flags;
    let top = (&raw mut head.top).cast();
    // SAFETY: the helper checks the address; what can't be read it leaves as zeros.
    unsafe { bpf_probe_read_user(top, size_of::<[u64; STACK_TOP]>() as u32, registers.stack as *const _) };
    head.depth = if goroutine.frame != 0 {
        follow(registers.instruction, goroutine.frame, &mut stack.frames)
    } else {
        walk(call, registers.instruction, &mut stack.frames)
    };
}

/// The kernel's own walk along the frame pointers.
#[inline(always)]
fn walk(call: &Call, instruction: u64, frames: &mut [u64; STACK_FRAMES]) -> u32 {
    let (to, room) = (frames.as_mut_ptr().cast(), size_of::<[u64; STACK_FRAMES]>() as u32);
    // SAFETY: the helper writes no more than the room that it is told of.
    let bytes = unsafe { bpf_get_stack(call.context, to, room, BPF_F_USER_STACK.into()) };
    if bytes >= 8 {
        return (bytes / 8) as u32;
    }
    frames[0] = instruction;
    1
}

/// Along a goroutine's frame pointers: C does not keep them, so the kernel's walk would end in C.
#[inline(always)]
fn follow(instruction: u64, mut frame: u64, frames: &mut [u64; STACK_FRAMES]) -> u32 {
    frames[0] = instruction;
    let mut depth = 1;
    while depth <= HOPS {
        let Some([next, back]) = user::read::<[u64; 2]>(frame) else { break };
        if back == 0 {
            break;
        }
        frames[depth] = back;
        depth += 1;
        // A stack grows downwards: anything else is a circle.
        if next <= frame {
            break;
        }
        frame = next;
    }
    depth as u32
}
