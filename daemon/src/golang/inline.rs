//! The tree of calls that were inlined into a function.
//!
//! Format: `inlinedCall`, `src/runtime/symtab.go` (Go 1.18, 1.19) and `src/runtime/symtabinl.go` (1.20 and later). Which
//! call an instruction belongs to is said by the table `PCDATA_InlTreeIndex`; the tree is `FUNCDATA_InlTree`. Numbers:
//! `src/internal/abi/symtab.go`.

use super::bytes::u32_at;
use super::header::Layout;

/// More frames than this at one instruction are taken for damage: real programs have up to 7.
pub(super) const MOST_DEEP: usize = 64;

const PCDATA_INLINE_TREE_INDEX: u32 = 2;
const FUNCDATA_INLINE_TREE: u32 = 3;
/// `_func.npcdata`.
const TABLES: usize = 28;
/// In place of an offset: there is none.
const NONE: u32 = u32::MAX;

/// An inlined call, with its name and the address of an instruction that stands for the place of the call.
#[derive(Debug, Clone, Copy)]
pub(super) struct Inlined<'data> {
    pub(super) name: &'data str,
    pub(super) parent: u64,
}

/// The same as it is stored: offsets into the names, and from the function's entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) name: u32,
    pub(super) parent: u32,
}

/// A function's tree.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tree<'data> {
    /// Where the table lies that gives each instruction the number of its call.
    pub(super) numbers: u32,
    calls: &'data [u8],
    layout: Layout,
}

impl<'data> Tree<'data> {
    /// The tree of the function with this `_func`, if anything was inlined into it.
    pub(super) fn of(record: &[u8], layout: Layout, trees: &'data [u8]) -> Option<Self> {
        let head: usize = match layout {
            Layout::Go118 => 40,
            Layout::Go120 => 44,
        };
        let tables = u32_at(record, TABLES)?;
        let funcdata = u32::from(*record.get(head - 1)?);
        if tables <= PCDATA_INLINE_TREE_INDEX || funcdata <= FUNCDATA_INLINE_TREE {
            return None;
        }
        let word =
            |number: u32| u32_at(record, head.checked_add(usize::try_from(number).ok()?.checked_mul(4)?)?);
        let start = word(tables.checked_add(FUNCDATA_INLINE_TREE)?).filter(|&start| start != NONE)?;
        let calls = trees.get(usize::try_from(start).ok()?..)?;
        Some(Self { numbers: word(PCDATA_INLINE_TREE_INDEX)?, calls, layout })
    }

    /// The call with this number; negative ones stand for the function itself.
    pub(super) fn call(&self, number: i32) -> Option<Call> {
        let (size, name, parent) = match self.layout {
            Layout::Go118 => (20, 12, 16),
            Layout::Go120 => (16, 4, 8),
        };
        let start = usize::try_from(number).ok()?.checked_mul(size)?;
        let call = self.calls.get(start..start.checked_add(size)?)?;
        Some(Call { name: u32_at(call, name)?, parent: u32_at(call, parent)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NUMBERS: u32 = 77;

    /// A `_func` with so many tables and offsets, whose tree begins at this offset.
    fn record(layout: Layout, tables: u8, funcdata: u8, start: u32) -> Vec<u8> {
        let mut record = vec![0; if layout == Layout::Go118 { 40 } else { 44 }];
        record[TABLES] = tables;
        *record.last_mut().unwrap() = funcdata;
        let mut words = vec![0; usize::from(tables)];
        if let Some(numbers) = words.get_mut(2) {
            *numbers = NUMBERS;
        }
        words.extend([NONE, NONE, NONE, start].into_iter().take(funcdata.into()));
        record.extend(words.into_iter().flat_map(u32::to_le_bytes));
        record
    }

    /// Check that a call is found behind others, in the layout of each version.
    #[test]
    fn calls_are_found() {
        for (layout, call) in [
            // parent, funcID, file, line, func_, parentPc
            (Layout::Go118, [9, 9, 9, 5, 6].as_slice()),
            // funcID, nameOff, parentPc, startLine
            (Layout::Go120, &[9, 5, 6, 9]),
        ] {
            let calls = [&[0; 3], call, call].concat();
            let trees: Vec<u8> = calls.into_iter().flat_map(u32::to_le_bytes).collect();
            let tree = Tree::of(&record(layout, 4, 5, 12), layout, &trees).expect("a tree");
            assert_eq!(tree.numbers, NUMBERS);
            assert_eq!(tree.call(0), Some(Call { name: 5, parent: 6 }), "{layout:?}");
            assert_eq!(tree.call(1), Some(Call { name: 5, parent: 6 }), "{layout:?}");
            assert_eq!(tree.call(2), None, "{layout:?}: behind the end");
            assert_eq!(tree.call(-1), None, "{layout:?}: the function itself");
            assert_eq!(tree.call(i32::MAX), None);
        }
    }

    /// Check that a function has no tree where it has too few tables, no offset, or one that leads nowhere.
    #[test]
    fn functions_without_a_tree_are_told() {
        let trees = [0; 64];
        for (tables, funcdata, start) in [(2, 4, 0), (3, 3, 0), (3, 4, NONE), (3, 4, 65)] {
            let record = record(Layout::Go120, tables, funcdata, start);
            assert!(Tree::of(&record, Layout::Go120, &trees).is_none(), "{tables} {funcdata} {start}");
        }
        let whole = record(Layout::Go120, 3, 4, 0);
        assert!(Tree::of(&whole, Layout::Go120, &trees).is_some());
        for length in 0..whole.len() {
            assert!(Tree::of(&whole[..length], Layout::Go120, &trees).is_none(), "cut to {length}");
        }
    }
}
