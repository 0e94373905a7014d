//! What the runtime knows of the program as a whole, of which two fields are needed: where the text begins, and where
//! the inline trees lie.

use std::iter;

use super::header::{Header, Layout};
use super::image::{Access, Image};

/// Offsets in `moduledata`, `src/runtime/symtab.go`. These are the same from Go 1.18 to 1.27.
const FUNCTION_NAMES: u64 = 8;
const FUNCTION_COUNT: u64 = 136;
const TEXT: u64 = 176;

/// The offset of `gofunc`: Go 1.18 and 1.19.
const GOFUNC_118: u64 = 304;
/// Go 1.20 to 1.26, which have `covctrs` and `ecovctrs` before it.
const GOFUNC_120: u64 = 320;
/// Go 1.27, which has `typedesclen`, `itaboffset` and `itabsize` before it as well.
const GOFUNC_127: u64 = 344;

/// The section that holds it and nothing else, from Go 1.26 on: `src/cmd/link/internal/ld/data.go`.
const SECTION: &[u8] = b".go.module";
const SYMBOL: &[u8] = b"runtime.firstmoduledata";

/// The fields that are needed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Module {
    /// What entries of functions are relative to.
    pub(super) text: u64,
    /// What the inline trees' offsets are relative to (`go:func.*`).
    pub(super) inline_trees: Option<u64>,
}

impl Module {
    /// Finds the program's, which points to its table of functions: by section, by symbol, else by its pointers.
    pub(super) fn find(image: &Image<'_>, header: &Header) -> Option<Self> {
        let section = image.section(SECTION).map(|section| section.start);
        let symbol = iter::once_with(|| image.symbol(SYMBOL)).flatten();
        let named = section.into_iter().chain(symbol);
        let mut all = named.chain(stored(image, header.address)).chain(relocated(image, header.address));
        let address = all.find(|&address| is_module(image, header, address).unwrap_or(false))?;
        Some(Self {
            text: image.word(address + TEXT)?,
            inline_trees: inline_trees(image, header, address)
                .filter(|&start| image.bytes_at(start).is_some()),
        })
    }
}

/// Places that hold a pointer to the table.
fn stored<'image>(image: &'image Image<'_>, table: u64) -> impl Iterator<Item = u64> + 'image {
    let writable = image.segments().iter().filter(|segment| segment.access == Access::Writable);
    writable.flat_map(move |segment| {
        let words = segment.bytes.chunks_exact(8).enumerate();
        let pointers = words.filter(move |(_, word)| *word == table.to_le_bytes());
        pointers.map(|(index, _)| segment.address.wrapping_add(index as u64 * 8))
    })
}

/// Places that would hold a pointer to the table: what a foreign linker makes of position-independent programs.
fn relocated<'image>(image: &'image Image<'_>, table: u64) -> impl Iterator<Item = u64> + 'image {
    image.relocations().plain().filter(move |&(_, target)| target == table).map(|(place, _)| place)
}

fn is_module(image: &Image<'_>, header: &Header, address: u64) -> Option<bool> {
    let field = |offset: u64| image.word(address.checked_add(offset)?);
    Some(
        field(0)? == header.address
            && field(FUNCTION_NAMES)? == header.names
            && field(FUNCTION_COUNT)? == header.functions.checked_add(1)?,
    )
}

/// From Go 1.26 on the inline trees are the last part of the section that begins with the table's header, and
/// `epclntab`, the end of that section, follows `gofunc`: that tells the later layouts apart.
fn inline_trees(image: &Image<'_>, header: &Header, address: u64) -> Option<u64> {
    let field = |offset: u64| image.word(address.checked_add(offset)?);
    if header.layout == Layout::Go118 {
        return field(GOFUNC_118);
    }
    let is_last_part = |offset: &u64| {
        let (start, end) = (field(*offset).unwrap_or_default(), field(*offset + 8).unwrap_or_default());
        header.records < start && start <= end && image.slice(start..end).is_some()
    };
    let late = [GOFUNC_127, GOFUNC_120].into_iter().find(is_last_part);
    match (late, header.text(image)) {
        (Some(offset), _) => field(offset),
        (None, Some(_)) => field(GOFUNC_120),
        (None, None) => None,
    }
}
