//! Atomic addition: the one atomic operation that every kernel we support has.

use core::arch::asm;

/// Adds to a counter that other CPUs add to as well.
///
/// `core`'s atomics have no `fetch_add` on this target, and the form that returns the old value needs
/// Linux 5.12.
#[inline(always)]
pub fn add(counter: *mut u64, value: u64) {
    // SAFETY: the verifier checks that the pointer is 8 writable bytes of a map value.
    unsafe {
        asm!(
            "lock *(u64 *)({counter} + 0) += {value}",
            counter = in(reg) counter,
            value = in(reg) value,
        );
    }
}
