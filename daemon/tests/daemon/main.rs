//! `seccinch daemon` as its users meet it: what it says when it can't begin, and what it leaves alone.
//!
//! Needs root, and util-linux's `setpriv` and `unshare`.

#![expect(clippy::expect_used, reason = "a helper that fails is a failed test")]

#[path = "../real/support/bpf_fs.rs"]
mod bpf_fs;
mod errors;
mod hand_over;
