//! Learning the argument values of the watched calls.

use seccinch_common::{ARGUMENTS_PER_SLOT, ArgumentKey, Lost, Watch};

use crate::{
    atomic, kernel,
    maps::{ARGUMENTS, WATCHES},
    slots,
};

const BPF_NOEXIST: u64 = 1;

/// Counts the values of one call. What can't be read is like one value too many: any is possible.
#[inline(always)]
pub fn learn(slot: u16, nr: u16, regs: u64) {
    let Some(watch) = WATCHES.get(u32::from(nr)) else { return };
    let Some(values) = values(watch, regs) else { return overflow(slot, nr) };
    let key = ArgumentKey { values, slot, nr, overflow: 0 };
    if again(&key) {
        return;
    }
    if slot_is_full(slot) { overflow(slot, nr) } else { first(&key) }
}

#[inline(always)]
fn values(watch: &Watch, regs: u64) -> Option<[u64; 3]> {
    let mut values = [0; 3];
    for (n, value) in values.iter_mut().enumerate() {
        if n < watch.count as usize {
            *value = kernel::field(regs, u32::from(watch.registers[n]))?;
        }
    }
    Some(values)
}

/// Counts values that were seen before; says whether they were.
#[inline(always)]
fn again(key: &ArgumentKey) -> bool {
    let Some(count) = ARGUMENTS.get_ptr_mut(key) else { return false };
    atomic::add(count, 1);
    true
}

#[inline(always)]
fn first(key: &ArgumentKey) {
    if ARGUMENTS.insert(key, 1, BPF_NOEXIST).is_ok() {
        if let Some(meta) = slots::meta(key.slot) {
            // SAFETY: a field of a map value.
            atomic::add(unsafe { &raw mut (*meta).arguments }, 1);
        }
    } else if !again(key) {
        slots::lost(Lost::ArgumentsFull);
    }
}

#[inline(always)]
fn overflow(slot: u16, nr: u16) {
    let key = ArgumentKey { values: [0; 3], slot, nr, overflow: 1 };
    if !again(&key) && ARGUMENTS.insert(key, 1, BPF_NOEXIST).is_err() && !again(&key) {
        slots::lost(Lost::ArgumentsFull);
    }
}

#[inline(always)]
fn slot_is_full(slot: u16) -> bool {
    // SAFETY: a field of a map value; other CPUs may be one ahead, which the bound can bear.
    slots::meta(slot)
        .is_none_or(|meta| unsafe { (&raw const (*meta).arguments).read_volatile() } >= ARGUMENTS_PER_SLOT)
}
