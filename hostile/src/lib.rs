//! Input that others made: what the program does with it, seeds for a fuzzer, and a way to spoil them where it hurts.
//!
//! `cargo xtask fuzz` runs each [`Target`] under libFuzzer; an ordinary test tries every input that was ever too much.

pub mod adversarial;
pub mod exercise;
pub mod mutate;
pub mod seeds;

pub use exercise::{TARGETS, Target, target};
