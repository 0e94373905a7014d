//! `seccinch record` as its users meet it: what it says when it can't, how it ends, and what it leaves.
//!
//! Needs root, and util-linux's `setpriv` and `unshare`, and strace.

mod endings;
mod errors;
mod support;
