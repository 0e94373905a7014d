//! What the kernel side promises to a daemon that runs for months, shown on the real kernel.
//!
//! Needs root, and a C compiler for `../processes/odd.c`. Every execution on the machine is seen here, those of
//! others too.

mod alerts;
#[path = "../real/support/bpf_fs.rs"]
mod bpf_fs;
mod every_version;
#[path = "../real/support/fixtures.rs"]
#[expect(dead_code, reason = "shared with the tests of recordings, which use more of it")]
mod fixtures;
mod go_program;
mod names;
mod pins;
mod slots;
mod stacks;
mod support;
mod verdicts;
