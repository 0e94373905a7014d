//! The worker that reads executables: what it can't do, and what is left when it ends.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends where its machine fails it"
)]

mod confined;
#[path = "../real/support/fixtures.rs"]
#[expect(dead_code, reason = "shared with the tests of recordings, which use more of it")]
mod fixtures;
mod hostile;
mod lost;
mod scanned;
mod support;
