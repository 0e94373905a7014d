//! Ring three: what is shipped, on a machine of its own: systemd as process 1, Debian 12's packages, and Debian 12's
//! kernel (6.1), in QEMU. The processor is emulated in software, so that durations are those of a slow machine, and
//! nothing is lent by the host but time.
//!
//! Needs `cargo xtask setup`, and nothing of the host's kernel.

mod emulator;
mod host;
mod image;
mod kernel;
#[path = "../real/support/mod.rs"]
#[expect(dead_code, reason = "shared with the tests of recordings, which use more of it")]
mod support;
mod unit;
