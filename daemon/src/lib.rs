//! seccinch learns what a Go service asks of the kernel and makes a minimal seccomp profile of it.
//!
//! Data moves one way through these modules, and each imports only from those before it:
//! `kernel` (counters) → `collect` (samples) → `learn` (observations) → `policy` (profile) → `emit`
//! (files) → `export` (metrics, HTTP) → `app` (commands). `model`, `syscalls`, `golang`, `inspect`, `image` and `files`
//! serve them all.

pub mod app;
pub mod cli;
pub mod collect;
pub mod emit;
pub mod export;
pub mod files;
pub mod golang;
pub mod image;
pub mod inspect;
#[expect(unsafe_code, reason = "maps the counters into memory and reads records as plain values")]
pub mod kernel;
pub mod learn;
pub mod model;
pub mod policy;
pub mod syscalls;

mod sys;
