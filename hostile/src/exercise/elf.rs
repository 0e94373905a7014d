//! ELF files: everything that is asked of one.
#![expect(clippy::missing_panics_doc, reason = "a promise that is broken has to end the fuzzer")]

use std::hint::black_box;
use std::io::Cursor;

use object::ReadCache;
use seccinch::app;
use seccinch::golang::image::Image;
use seccinch::golang::pclntab::Table;
use seccinch::golang::scan::{Library, Part};
use seccinch::golang::{self, GoLayout, MOST_FRAMES, Stack, scan};

/// What an ELF file begins with.
pub(crate) const MAGIC: &[u8; 4] = b"\x7fELF";
/// Functions that are looked at in one file, and addresses that are taken from it.
const MOST_FUNCTIONS: usize = 64;
const MOST_ADDRESSES: usize = 32;

/// The file as it would be mapped: headers, sections, symbols, relocations.
pub fn image(bytes: &[u8]) {
    let Ok(image) = Image::parse(bytes) else { return };
    black_box((image.entry(), image.linkage(), image.thread_local(), image.arch()));
    black_box((image.section(b".text"), image.section(b".dynsym"), image.symbol(b"main.main")));
    for range in image.segments().iter().map(golang::image::Segment::range) {
        for address in [range.start, range.start.wrapping_add(1), range.end.saturating_sub(8), range.end] {
            black_box((image.word(address), image.is_executable(address), image.slice(address..range.end)));
        }
    }
    black_box(image.relocated_words().filter(|&(place, target)| image.word(place) == Some(target)).count());
}

/// What the worker tells of a file, read from memory and through a cache.
pub fn inspect(bytes: &[u8]) {
    let whole = golang::inspect(String::new(), bytes);
    if let Ok(build) = &whole {
        black_box(build.go.as_ref().map(|go| (go.version(), GoLayout::of(go))));
    }
    let cache = ReadCache::new(Cursor::new(bytes));
    let cached = golang::inspect(String::new(), &cache);
    assert_eq!(whole.ok(), cached.ok(), "it matters how the file is read");
}

/// The table of functions: those at its ends and in between, and addresses that the file itself ends with.
pub fn pclntab(bytes: &[u8]) {
    let Ok(image) = Image::parse(bytes) else { return };
    let Ok(table) = Table::find(&image) else { return };
    for function in table.functions().step_by(table.len() / MOST_FUNCTIONS + 1) {
        let middle = u64::midpoint(function.entry, function.end);
        for pc in [function.entry, middle, function.end.wrapping_sub(1)] {
            black_box((table.frames(pc), table.stack_delta(&function, pc)));
        }
        black_box((golang::package_of(function.name), golang::name_for_print(function.name)));
    }
    let (addresses, top) = addresses(bytes);
    for &pc in &addresses {
        black_box(table.frames(pc));
    }
    let stack = Stack {
        addresses: &addresses,
        top: &top,
        start_code: top.first().copied().unwrap_or(0),
        from_c: bytes.len().is_multiple_of(2),
    };
    assert!(golang::frames(&image, &table, &stack).len() <= MOST_FRAMES, "more frames than are told of");
}

/// The last words of a file as a stack: return addresses, and what lies at the stack pointer.
fn addresses(bytes: &[u8]) -> (Vec<u64>, Vec<u64>) {
    let words = bytes.as_rchunks::<8>().1;
    let last = &words[words.len().saturating_sub(2 * MOST_ADDRESSES)..];
    let words: Vec<u64> = last.iter().map(|word| u64::from_le_bytes(*word)).collect();
    let (top, addresses) = words.split_at(words.len() / 2);
    (addresses.to_vec(), top.to_vec())
}

/// A whole scan with its reports. Where a second ELF file begins within the first, that is a library which the first
/// one loads.
pub fn scan(bytes: &[u8]) {
    let second = bytes.windows(MAGIC.len()).skip(1).position(|window| window == MAGIC);
    let (program, library) = bytes.split_at(second.map_or(bytes.len(), |at| at + 1));
    let part = |part, name: &str| Library { name: name.to_owned(), part, bytes: Some(library.to_vec()) };
    let libraries = match library.len() {
        0 => Vec::new(),
        // Whether it is the dynamic linker decides whether all of it counts.
        length if length % 2 == 0 => vec![part(Part::Library, "libc.so.6")],
        _ => vec![part(Part::Loader, "ld.so"), part(Part::Library, "libc.so.6")],
    };
    if let Ok(scan) = scan::scan(program, &libraries) {
        black_box((app::scan::table(&scan), app::scan::json(&scan).is_ok()));
    }
}
