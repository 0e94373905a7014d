//! The reader of Go programs, on real ones: our own, built by every version of Go from 1.19 to 1.27, with and without
//! C, stripped and position-independent, and Debian's.

mod damage;
mod dwarf;
#[path = "../real/support/fixtures.rs"]
#[expect(dead_code, reason = "shared with the tests of recordings, which use more of it")]
mod fixtures;
mod layout;
mod programs;
#[path = "../real/support/random.rs"]
mod random;
mod sites;
mod table;
