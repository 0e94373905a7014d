//! What the kernel side promises to a daemon that runs for months, shown on the real kernel.
//!
//! Needs root, and a C compiler for `../processes/odd.c`. Every execution on the machine is seen here, those of
//! others too.

mod alerts;
mod goroutines;
mod pins;
mod slots;
mod stacks;
mod support;
mod verdicts;
