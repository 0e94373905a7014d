//! Telling user space at once of calls that it wants to know of.

use aya_ebpf::{Global, helpers::generated::bpf_ktime_get_ns};
use seccinch_common::{ALERT_INTERVAL, Event, EventKind, StackFlags};

use crate::{counts::Call, events, kernel, slots, stacks};

/// Where in `struct pt_regs` the arguments of a call lie, in their order.
#[unsafe(no_mangle)]
static ARGUMENT_REGISTERS: Global<[u16; 6]> = Global::new([0; 6]);

/// Sends an alert if the call is new, or if the slot's last alert is long enough ago: a loop must not flood
/// who is to act on it.
#[inline(always)]
pub fn raise(call: &Call, is_new: bool) {
    if !is_due(call.slot) && !is_new {
        return;
    }
    let event = Event { nr: call.nr, ..events::about_current(EventKind::Alert, call.slot) };
    events::send_alert(event, arguments(call.regs));
    stacks::consider(call, StackFlags::ALERT);
}

/// Whether it is time for another alert; if so, the next one has to wait.
#[inline(always)]
fn is_due(slot: u16) -> bool {
    let Some(meta) = slots::meta(slot) else { return false };
    // SAFETY: the helper has no preconditions.
    let now = unsafe { bpf_ktime_get_ns() };
    // SAFETY: a field of a map value. Two CPUs at once send one alert too many.
    unsafe {
        let last = &raw mut (*meta).alerted;
        let due = now.saturating_sub(last.read_volatile()) >= ALERT_INTERVAL;
        if due {
            last.write_volatile(now);
        }
        due
    }
}

/// Those that can't be read are 0, and counted as lost.
#[inline(always)]
fn arguments(regs: u64) -> [u64; 6] {
    let registers = ARGUMENT_REGISTERS.load();
    let mut arguments = [0; 6];
    for (argument, register) in arguments.iter_mut().zip(registers) {
        *argument = kernel::field(regs, u32::from(register)).unwrap_or_default();
    }
    arguments
}
