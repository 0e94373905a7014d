//! Where the tables of functions begin, and how each version of Go lays them out.

use super::bytes::{u32_at, u64_at};
use super::image::{Access, Image};

/// The two layouts of Go 1.18 to 1.27, by the magic number that a table begins with.
///
/// Source: `src/debug/gosym/pclntab.go` (1.18), `src/internal/abi/symtab.go` (1.27).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// `Go118PCLnTabMagic`: Go 1.18 and 1.19.
    Go118,
    /// `Go120PCLnTabMagic`: Go 1.20 and later, which put a start line into `_func`.
    Go120,
}

const MAGICS: [(u32, Layout); 2] = [(0xffff_fff0, Layout::Go118), (0xffff_fff1, Layout::Go120)];
/// `Go12PCLnTabMagic` and `Go116PCLnTabMagic`: Go 1.2 to 1.17.
const OLD_MAGICS: [u32; 2] = [0xffff_fffb, 0xffff_fffa];

/// By section: executables and Go 1.26 or later; position-independent ones up to 1.25; and before 1.18 or by other
/// linkers. Source: `src/cmd/link/internal/ld/data.go` (1.19: `.data.rel.ro` is the relocatable prefix).
const SECTIONS: [&[u8]; 2] = [b".gopclntab", b".data.rel.ro.gopclntab"];

/// The linker aligns the table to this at least.
const ALIGNMENT: usize = 8;
/// Header bytes before the first table: `pcHeader` of Go 1.26 and later.
const HEADER_BYTES: u64 = 72;

/// `pcHeader` of `src/runtime/symtab.go`, the same fields from 1.18 to 1.27 (the text start reads 0 from 1.26 on).
#[derive(Debug, Clone, Copy)]
pub(super) struct Header {
    /// Its own address.
    pub(super) address: u64,
    pub(super) layout: Layout,
    /// The size of the smallest instruction: 1 on x86-64, 4 on 64-bit Arm.
    pub(super) quantum: u8,
    pub(super) functions: u64,
    /// Addresses of the tables, in the order in which they lie.
    pub(super) names: u64,
    pub(super) compile_units: u64,
    pub(super) files: u64,
    pub(super) values: u64,
    pub(super) records: u64,
}

/// What lies at an address where a table could begin.
#[derive(Debug, Clone, Copy)]
pub(super) enum Found {
    Header(Header),
    /// One of Go 1.2 to 1.17.
    Old,
}

impl Header {
    /// Reads the header at this address, if there is one whose offsets make sense.
    pub(super) fn read(image: &Image<'_>, address: u64) -> Option<Found> {
        let bytes = image.bytes_at(address)?;
        let magic = u32_at(bytes, 0)?;
        let &[0, 0, quantum @ (1 | 4), 8] = bytes.get(4..8)? else { return None };
        if OLD_MAGICS.contains(&magic) {
            return Some(Found::Old);
        }
        let layout = MAGICS.into_iter().find(|&(known, _)| known == magic)?.1;
        let offset = |field: usize| u64_at(bytes, 8 + 8 * field);
        let offsets = [offset(3)?, offset(4)?, offset(5)?, offset(6)?, offset(7)?];
        let inside = offsets[4] < bytes.len() as u64 && offsets[0] >= HEADER_BYTES;
        if !inside || !offsets.is_sorted() {
            return None;
        }
        let [names, compile_units, files, values, records] = offsets.map(|offset| address + offset);
        let functions = offset(0)?;
        Some(Found::Header(Self {
            address,
            layout,
            quantum,
            functions,
            names,
            compile_units,
            files,
            values,
            records,
        }))
    }

    /// The address of the text, if the header holds it: up to Go 1.25.
    pub(super) fn text(&self, image: &Image<'_>) -> Option<u64> {
        image.word(self.address + 24).filter(|&text| text != 0)
    }
}

/// Where a table could begin: by section, else wherever a magic number stands, constants first.
pub(super) fn candidates<'image>(image: &'image Image<'_>) -> impl Iterator<Item = u64> + 'image {
    let named = SECTIONS.into_iter().filter_map(|name| image.section(name)).map(|section| section.start);
    let order = [Access::ReadOnly, Access::Writable, Access::Executable];
    let segments = order
        .into_iter()
        .flat_map(|access| image.segments().iter().filter(move |segment| segment.access == access));
    let scanned = segments.flat_map(|segment| {
        let words = segment.bytes.chunks_exact(ALIGNMENT).enumerate();
        let begins = words.filter(|(_, word)| is_start(word));
        begins.map(|(index, _)| segment.address.wrapping_add((index * ALIGNMENT) as u64))
    });
    named.chain(scanned)
}

fn is_start(word: &[u8]) -> bool {
    let magic = u32_at(word, 0).unwrap_or_default();
    word[4..6] == [0, 0]
        && word[7] == 8
        && (MAGICS.iter().any(|known| known.0 == magic) || OLD_MAGICS.contains(&magic))
}
