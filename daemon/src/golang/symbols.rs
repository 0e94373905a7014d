//! Where the table of dynamic symbols lies and ends, told by the dynamic section alone: section headers may be gone.
//!
//! Formats: System V gABI, "Dynamic Section" and "Hash Table"; of `DT_GNU_HASH`, `elf/dl-lookup.c`, glibc 2.36.

use std::ops::Range;

use object::elf::{
    DT_FINI_ARRAY, DT_GNU_HASH, DT_HASH, DT_INIT_ARRAY, DT_JMPREL, DT_RELA, DT_RELR, DT_STRTAB, DT_SYMTAB,
    DT_VERDEF, DT_VERNEED, DT_VERSYM, DynamicTag,
};

use super::bytes::u32_at;
use super::image::Image;

/// `Elf64_Sym`.
pub(super) const SYMBOL_BYTES: u64 = 24;
/// The other tables, one of which lies behind that of the symbols.
const TABLES: [DynamicTag; 11] = [
    DT_STRTAB,
    DT_HASH,
    DT_GNU_HASH,
    DT_VERSYM,
    DT_VERNEED,
    DT_VERDEF,
    DT_RELA,
    DT_JMPREL,
    DT_RELR,
    DT_INIT_ARRAY,
    DT_FINI_ARRAY,
];

/// The addresses of the table. Its length is that of the hash tables, which hold everything that others may look up;
/// where that is nothing, as in most programs, the table ends where the next one begins.
pub(super) fn table(image: &Image<'_>) -> Option<Range<u64>> {
    let start = image.dynamic_value(DT_SYMTAB)?;
    let counted = hashed(image).or_else(|| gnu_hashed(image)).filter(|&count| count > 0);
    let end = if let Some(count) = counted {
        start.checked_add(u64::from(count).checked_mul(SYMBOL_BYTES)?)?
    } else {
        let tables = TABLES.into_iter().filter_map(|tag| image.dynamic_value(tag));
        let next = tables.filter(|&table| table > start).min()?;
        next - (next - start) % SYMBOL_BYTES
    };
    image.slice(start..end).map(|_| start..end)
}

/// The number of symbols by the table of `DT_HASH`: that of chains.
fn hashed(image: &Image<'_>) -> Option<u32> {
    u32_at(image.bytes_at(image.dynamic_value(DT_HASH)?)?, 4)
}

/// The number of symbols by the table of `DT_GNU_HASH`: behind the last chain there are none.
fn gnu_hashed(image: &Image<'_>) -> Option<u32> {
    let table = image.bytes_at(image.dynamic_value(DT_GNU_HASH)?)?;
    let [buckets, first, blooms] = [u32_at(table, 0)?, u32_at(table, 4)?, u32_at(table, 8)?];
    let word = |number: u64| u32_at(table, usize::try_from(number.checked_mul(4)?).ok()?);
    // The header has four words, and a word of the filter is as long as two of the others.
    let start = 4 + 2 * u64::from(blooms);
    let mut last = 0;
    for number in 0..u64::from(buckets) {
        last = last.max(word(start + number)?);
    }
    let chains = start + u64::from(buckets);
    let mut place = chains + u64::from(last.checked_sub(first)?);
    while word(place)? & 1 == 0 {
        (place, last) = (place + 1, last.checked_add(1)?);
    }
    last.checked_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Check that the end of the table is that of its section, in a program and in the C library.
    #[test]
    fn the_table_ends_where_its_section_does() {
        for path in ["/proc/self/exe", "/lib64/ld-linux-x86-64.so.2", "/bin/sh"] {
            let bytes = std::fs::read(path).unwrap();
            let image = Image::parse(&bytes).unwrap();
            assert_eq!(table(&image), image.section(b".dynsym"), "of {path}");
        }
    }
}
