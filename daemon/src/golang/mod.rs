//! What an executable says of itself: ELF in, facts out. No I/O of its own.
//!
//! The build information survives `-s -w` and stripping. Format: `src/debug/buildinfo/buildinfo.go` and
//! `src/cmd/link/internal/ld/data.go` (`buildinfo`), Go 1.27; the inline form exists since Go 1.18. So does the table
//! of functions: see [`pclntab`].

mod buildinfo;
mod bytes;
mod elf;
mod header;
pub mod image;
mod inline;
mod layout;
mod moduledata;
mod package;
pub mod pclntab;
mod pcvalue;
mod relocations;
pub mod scan;
mod stack;
mod symbols;
mod thread;

pub use elf::{Error, inspect, needs};
pub use layout::GoLayout;
pub use package::{is_standard_library, name_for_print, package_of};
pub use stack::{MOST_FRAMES, Stack, essence, frames, is_scheduler, one_line, site, telling};
pub use thread::goroutine_below;
