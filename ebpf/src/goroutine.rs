//! Which goroutine calls. A thread knows it by a register as long as Go's own code runs, and by its thread
//! pointer. Both are only words until the runtime's own structures confirm them.

use seccinch_common::StackFlags;

use crate::{
    slots,
    user::{self, Registers},
};

/// Where a Go runtime keeps what is read here: [`seccinch_common::SlotMeta::go`].
#[derive(Clone, Copy)]
struct Layout(u64);

impl Layout {
    #[inline(always)]
    fn of(slot: u16) -> Option<Self> {
        // SAFETY: a field of a map value.
        let packed = unsafe { (&raw const (*slots::meta(slot)?).go).read_volatile() };
        (packed != 0).then_some(Self(packed))
    }

    #[inline(always)]
    fn offset(self, place: u32) -> u64 {
        ((self.0 >> (8 * place)) & 0xff) * 8
    }

    /// How far below the thread pointer a thread keeps its goroutine. C has thread-local data there as well.
    #[inline(always)]
    fn below_thread_pointer(self) -> Option<u64> {
        let below = self.0 >> 32;
        (below != 0).then_some(below)
    }
}

/// A goroutine that calls, or has called what calls.
pub struct Goroutine {
    pub id: u64,
    /// Of [`StackFlags`].
    pub flags: u32,
    /// Where its own stack goes on if C calls.
    pub frame: u64,
}

/// A thread of the runtime, and what it does.
struct Machine {
    system: u64,
    running: u64,
}

/// The goroutine of the running call; nothing if there is none, or if any doubt is left.
#[inline(always)]
pub fn of_call(slot: u16, registers: &Registers, is_outside: bool) -> Option<Goroutine> {
    let layout = Layout::of(slot)?;
    let of_thread = of_thread(layout).unwrap_or_default();
    let by_register = machine(registers.goroutine, layout, registers.stack);
    let (machine, flags) = match by_register {
        Some(machine) => (machine, StackFlags::BY_REGISTER),
        None => (machine(of_thread, layout, registers.stack)?, StackFlags::BY_THREAD),
    };
    if machine.running == 0 {
        return None;
    }
    let id = user::read(machine.running + layout.offset(0))?;
    // asmcgocall (runtime/asm_amd64.s, Go 1.27) changes the thread's goroutine to the system's, not the register.
    let is_c = of_thread == machine.system && (registers.goroutine != machine.system || is_outside);
    if !is_c {
        return Some(Goroutine { id, flags, frame: 0 });
    }
    let frame = user::read(machine.running + layout.offset(3))?;
    Some(Goroutine { id, flags: flags | StackFlags::FROM_C, frame })
}

#[inline(always)]
fn of_thread(layout: Layout) -> Option<u64> {
    user::read(user::thread_pointer()?.wrapping_sub(layout.below_thread_pointer()?))
}

/// The machine of a goroutine, if it is one that this thread runs now: its machine says so, and the stack pointer
/// is on one of the machine's stacks. A new thread begins with the registers of the one that made it.
#[inline(always)]
fn machine(goroutine: u64, layout: Layout, stack: u64) -> Option<Machine> {
    let machine: u64 = user::read(goroutine.wrapping_add(layout.offset(1)))?;
    // `m.g0` is the first field: runtime/runtime2.go, Go 1.19 to 1.27.
    let system = user::read(machine)?;
    let running = user::read(machine.wrapping_add(layout.offset(2)))?;
    let is_known = goroutine == system || (goroutine == running && running != 0);
    let is_here = is_known && (is_on(system, stack) || (running != 0 && is_on(running, stack)));
    is_here.then_some(Machine { system, running })
}

/// `g.stack` (`lo`, `hi`) is the first field, as above.
#[inline(always)]
fn is_on(goroutine: u64, stack: u64) -> bool {
    user::read::<[u64; 2]>(goroutine).is_some_and(|[low, high]| (low..high).contains(&stack))
}
