//! `seccinch gate` and `seccinch scan --diff` on real Go programs and on images made of them.

mod binaries;
mod command;
mod diff;
#[path = "../real/support/fixtures.rs"]
#[expect(dead_code, reason = "shared with the tests of recordings, which use more of it")]
mod fixtures;
mod images;
mod sarif;
#[path = "../../src/image/testing.rs"]
#[expect(dead_code, clippy::unwrap_used, reason = "shared with the module's own tests, which use more of it")]
mod testing;
