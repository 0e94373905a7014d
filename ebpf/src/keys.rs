//! Stacks that were sent already, told by a hash of where the call came from.

use seccinch_common::Lost;

use crate::{
    counts::Call,
    maps::STACKS_SENT,
    slots,
    user::{self, Registers},
};

const BPF_NOEXIST: u64 = 1;
const EEXIST: i32 = -17;

/// Return addresses that make the difference.
const HOPS: usize = 6;

/// 2^64 by the golden ratio: Knuth, The Art of Computer Programming, volume 3, 6.4.
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

/// The key of a call: the same for the same way through the same program, whichever goroutine takes it.
#[inline(always)]
pub fn of(call: &Call, registers: &Registers) -> u64 {
    // SAFETY: a field of a map value.
    let generation =
        slots::meta(call.slot).map(|meta| unsafe { (&raw const (*meta).generation).read_volatile() });
    let mut key = mixed(u64::from(call.slot) << 16 | u64::from(call.nr), generation.unwrap_or_default());
    key = mixed(key, registers.instruction);
    key = mixed(key, user::read(registers.stack).unwrap_or_default());
    let mut frame = registers.frame;
    for _ in 0..HOPS {
        let Some([next, back]) = user::read::<[u64; 2]>(frame) else { break };
        key = mixed(key, back);
        frame = next;
    }
    key
}

#[inline(always)]
fn mixed(key: u64, word: u64) -> u64 {
    let product = (key ^ word).wrapping_mul(MULTIPLIER);
    product ^ product >> 32
}

/// Whether nobody has sent this stack yet; from now on somebody has.
#[inline(always)]
pub fn is_new(key: u64) -> bool {
    // Asked first: an insertion makes room before it looks whether the key is there.
    if STACKS_SENT.get_ptr(key).is_some() {
        return false;
    }
    match STACKS_SENT.insert(key, 1, BPF_NOEXIST) {
        Ok(()) => true,
        Err(EEXIST) => false,
        Err(_) => {
            slots::lost(Lost::StacksFull);
            false
        }
    }
}

/// Lets it be sent again: it was not.
#[inline(always)]
pub fn forget(key: u64) {
    slots::lost(Lost::StacksFull);
    let _ = STACKS_SENT.remove(key);
}
