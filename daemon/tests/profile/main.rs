//! Profiles from the outside: the `seccinch profile` commands, what they print, and whether the filters do
//! in the kernel what the profile says. Root is needed for live filters only.

#![expect(clippy::expect_used, clippy::panic, reason = "a test ends where its machine fails it")]

mod commands;
mod errors;
mod exec;
mod filters;
mod go_source;
mod golden;
mod kubernetes;
mod support;
mod sys;
mod verify;
