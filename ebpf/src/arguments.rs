//! Learning the argument values of the watched calls.

use seccinch_common::{ARGUMENTS_PER_SLOT, ArgumentKey, Lost, Watch};

use crate::{
    atomic, kernel,
    maps::{ARGUMENTS, WATCHES},
    slots,
};

const BPF_NOEXIST: u64 = 1;

/// Counts the values of one call, and says whether they were learned just now. What can't be read is like one
/// value too many: any is possible.
#[inline(always)]
pub fn learn(slot: u16, nr: u16, regs: u64) -> bool {
    let values = WATCHES.get(u32::from(nr)).and_then(|watch| values(watch, regs));
    let Some(values) = values else {
        overflow(slot, nr);
        return false;
    };
    let key = ArgumentKey { values, slot, nr, overflow: 0 };
    if again(&key) {
        return false;
    }
    if slot_is_full(slot) {
        overflow(slot, nr);
        return false;
    }
    first(&key)
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
fn first(key: &ArgumentKey) -> bool {
    if ARGUMENTS.insert(key, 1, BPF_NOEXIST).is_err() {
        if !again(key) {
            no_room(key.slot);
        }
        return false;
    }
    if let Some(meta) = slots::meta(key.slot) {
        // SAFETY: a field of a map value.
        atomic::add(unsafe { &raw mut (*meta).arguments }, 1);
    }
    true
}

#[inline(always)]
fn overflow(slot: u16, nr: u16) {
    let key = ArgumentKey { values: [0; 3], slot, nr, overflow: 1 };
    if !again(&key) && ARGUMENTS.insert(key, 1, BPF_NOEXIST).is_err() && !again(&key) {
        no_room(slot);
    }
}

/// Notes that what is known of this slot's values is not all.
#[inline(always)]
fn no_room(slot: u16) {
    slots::lost(Lost::ArgumentsFull);
    if let Some(meta) = slots::meta(slot) {
        // SAFETY: a field of a map value; whoever writes it writes the same.
        unsafe { (&raw mut (*meta).arguments_lost).write_volatile(1) };
    }
}

#[inline(always)]
fn slot_is_full(slot: u16) -> bool {
    // SAFETY: a field of a map value; other CPUs may be one ahead, which the bound can bear.
    slots::meta(slot)
        .is_none_or(|meta| unsafe { (&raw const (*meta).arguments).read_volatile() } >= ARGUMENTS_PER_SLOT)
}
