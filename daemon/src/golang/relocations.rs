//! The words that the dynamic linker would write: the parts of `.rela.dyn` and `.relr.dyn` that need no symbol.
//!
//! Formats: System V gABI, "Relocation" and `DT_RELR`. Addresses are those in the file, as if it were loaded at 0.

use std::sync::OnceLock;

use super::bytes::{u32_at, u64_at};

/// `Elf64_Rela`: `r_offset`, `r_info` (the type in its lower half), `r_addend`.
const RELA_BYTES: usize = 24;
/// One bit of an entry of the RELR table tells an address from a bitmap, the others stand for words.
const BITMAP_WORDS: u64 = 63;

/// The relocation tables of an image.
#[derive(Debug, Default)]
pub(super) struct Relocations<'data> {
    /// RELA.
    plain: &'data [u8],
    /// RELR.
    packed: &'data [u8],
    /// `R_*_RELATIVE` of the architecture.
    relative: u32,
    by_place: OnceLock<Vec<u32>>,
}

impl<'data> Relocations<'data> {
    pub(super) fn new(plain: &'data [u8], packed: &'data [u8], relative: u32) -> Self {
        Self { plain, packed, relative, by_place: OnceLock::new() }
    }

    /// What the dynamic linker would write at this place, if a RELA entry says so.
    pub(super) fn target(&self, place: u64) -> Option<u64> {
        let order = self.by_place.get_or_init(|| self.order());
        let entry = |index: u32| self.entry(usize::try_from(index).ok()?);
        let found = order.binary_search_by_key(&Some(place), |&index| entry(index).map(|(place, _)| place));
        entry(order[found.ok()?]).map(|(_, target)| target)
    }

    /// Places and targets of all RELA entries that need no symbol, in the table's order.
    pub(super) fn plain(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        (0..self.plain.len() / RELA_BYTES).filter_map(|index| self.entry(index))
    }

    /// The places that the RELR table names. What they point to stands at the place itself.
    pub(super) fn packed(&self) -> impl Iterator<Item = u64> + 'data {
        let mut next = 0_u64;
        let entries = self.packed.chunks_exact(8).filter_map(|entry| u64_at(entry, 0));
        entries.flat_map(move |entry| {
            let (start, bitmap) = if entry & 1 == 0 { (entry, 1) } else { (next, entry >> 1) };
            let words = if entry & 1 == 0 { 1 } else { BITMAP_WORDS };
            next = start.wrapping_add(8 * words);
            (0..words).filter(move |bit| bitmap >> bit & 1 != 0).map(move |bit| start.wrapping_add(8 * bit))
        })
    }

    fn entry(&self, index: usize) -> Option<(u64, u64)> {
        let start = index.checked_mul(RELA_BYTES)?;
        if u32_at(self.plain, start + 8)? != self.relative {
            return None;
        }
        Some((u64_at(self.plain, start)?, u64_at(self.plain, start + 16)?))
    }

    /// The indexes of the relative entries in the order of their places. Linkers sort them, but need not.
    fn order(&self) -> Vec<u32> {
        let entries = u32::try_from(self.plain.len() / RELA_BYTES).unwrap_or(u32::MAX);
        let entry = |index: u32| self.entry(usize::try_from(index).ok()?);
        let mut order: Vec<u32> = (0..entries).filter(|&index| entry(index).is_some()).collect();
        order.sort_by_key(|&index| entry(index).map(|(place, _)| place));
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RELATIVE: u32 = 8;

    fn rela(entries: &[(u64, u64, u64)]) -> Vec<u8> {
        entries
            .iter()
            .flat_map(|&(place, info, target)| [place, info, target])
            .flat_map(u64::to_le_bytes)
            .collect()
    }

    /// Check that a relative entry is found in an unsorted table, and that no other kind is.
    #[test]
    fn relative_entries_are_found() {
        let table = rela(&[(0x30, 8, 0x1000), (0x10, 8, 0x2000), (0x20, 6 | 5 << 32, 0x3000)]);
        let relocations = Relocations::new(&table, &[], RELATIVE);
        assert_eq!(relocations.target(0x10), Some(0x2000));
        assert_eq!(relocations.target(0x30), Some(0x1000));
        assert_eq!(relocations.target(0x20), None, "it needs a symbol");
        assert_eq!(relocations.target(0x18), None);
        assert_eq!(relocations.plain().collect::<Vec<_>>(), [(0x30, 0x1000), (0x10, 0x2000)]);
    }

    /// Check the packed form against the example of its specification: an address, then bitmaps of 63 words each.
    #[test]
    fn packed_places_are_unpacked() {
        let table: Vec<u8> =
            [0x1000_u64, 0b1011, 1 | 1 << 63, 0x9000].iter().flat_map(|e| e.to_le_bytes()).collect();
        let relocations = Relocations::new(&[], &table, RELATIVE);
        let second = 0x1008 + 63 * 8;
        assert_eq!(
            relocations.packed().collect::<Vec<_>>(),
            [0x1000, 0x1008, 0x1018, second + 62 * 8, 0x9000]
        );
    }

    /// Check that tables of odd sizes and addresses at the end of memory do not panic.
    #[test]
    fn damaged_tables_do_not_panic() {
        let table = vec![0xff_u8; 100];
        let relocations = Relocations::new(&table, &table, RELATIVE);
        assert_eq!(relocations.target(u64::MAX), None);
        assert_eq!(relocations.packed().count(), 12 * 63);
    }
}
