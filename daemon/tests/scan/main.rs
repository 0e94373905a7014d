//! `seccinch scan` on real Go programs: what it finds, what it says of what it can't find, and damaged files.
//!
//! That nothing is missing is checked where programs are recorded: `tests/real/recall.rs`.

mod command;
mod damaged;
mod errors;
#[path = "../real/support/fixtures.rs"]
#[expect(dead_code, reason = "shared with the tests of recordings, which use more of it")]
mod fixtures;
mod graph;
mod headers;
mod large;
mod libraries;
mod programs;
mod unresolved;
