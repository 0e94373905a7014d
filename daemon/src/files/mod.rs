//! Reading and writing files whole: a read is bounded, a write is all or nothing.
//!
//! Imports nothing of the crate. What a file means is decided by the module that asked for it.

mod digest;
mod document;
mod folder;
mod held;
mod json;
mod links;
mod output;
mod read;
mod root;
mod write;

pub use digest::{Digest, Digesting};
pub use document::{Document, DocumentError, Position, check_document, locate};
pub use folder::{NewFolder, create_folder, remove_folder, remove_unfinished};
pub use held::Held;
pub use json::{to_compact_json, to_json, unique_map};
pub use links::follow_links;
pub use output::Output;
pub use read::{Input, MAX_FILE_BYTES, ReadError, read_bounded};
pub use root::{Place, Root};
pub use write::{WriteError, check_writable, is_temporary, write_atomic};
