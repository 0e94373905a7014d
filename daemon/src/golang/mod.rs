//! What an executable says of itself: ELF in, facts out. No I/O of its own.
//!
//! The build information survives `-s -w` and stripping. Format: `src/debug/buildinfo/buildinfo.go` and
//! `src/cmd/link/internal/ld/data.go` (`buildinfo`), Go 1.27; the inline form exists since Go 1.18.

mod buildinfo;
mod elf;

pub use elf::{Error, inspect};
