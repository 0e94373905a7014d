//! What a shared object shares: its functions by name, and the places that the dynamic linker fills in for others'.
//!
//! All of it is found through the dynamic section, as the dynamic linker does: section headers may be gone.

use std::collections::BTreeMap;

use object::elf::{
    DT_JMPREL, DT_PLTRELSZ, DT_RELA, DT_RELASZ, DT_STRSZ, DT_STRTAB, PT_DYNAMIC, R_X86_64_64,
    R_X86_64_RELATIVE,
};

use super::amd64;
use crate::golang::bytes::{text_at, u32_at, u64_at};
use crate::golang::image::{Access, Image};
use crate::golang::symbols::{self, SYMBOL_BYTES};

/// Dynamic symbols and relocations. Empty where there are none.
#[derive(Debug, Default)]
pub(super) struct Dynamic<'data> {
    /// The functions that it has, by address, and their sizes.
    pub(super) defined: BTreeMap<u64, (&'data str, u64)>,
    /// What it expects of others.
    pub(super) imported: Vec<&'data str>,
    /// Places that will hold the address of something with this name.
    pub(super) slots: BTreeMap<u64, &'data str>,
    /// Addresses within the file that will be held somewhere, but for those that relative relocations tell.
    pub(super) pointers: Vec<u64>,
    /// Names of which it keeps the address in its own data.
    pub(super) pointed_to: Vec<&'data str>,
    /// Stubs through which others' functions are called: where each begins and ends.
    pub(super) stubs: BTreeMap<u64, u64>,
}

/// More symbols, with more text, than any real file has: Go programs that load plugins show a hundred thousand.
const MOST_SYMBOLS: usize = 1 << 18;
const MOST_NAME_BYTES: usize = 1 << 27;
/// What a name counts for that has no end: so much of it is looked at.
const UNENDED: usize = 1 << 13;
/// Relocations that are kept; the largest libraries have a tenth.
const MOST_RELOCATIONS: usize = 1 << 20;
/// More stubs than any real library has.
const MOST_STUBS: usize = 1 << 17;
/// `Elf64_Rela`: the place, the symbol over the type, what is added.
const RELA_BYTES: usize = 24;

impl<'data> Dynamic<'data> {
    /// Reads the tables of the file. Nothing if there are some that can't be read whole.
    pub(super) fn read(image: &Image<'data>) -> Option<Self> {
        let mut dynamic = Self::default();
        if image.part(PT_DYNAMIC).is_none() {
            return Some(dynamic);
        }
        let names = dynamic.take_in_symbols(image)?;
        for (start, size) in [(DT_RELA, DT_RELASZ), (DT_JMPREL, DT_PLTRELSZ)] {
            if image.dynamic_value(start).is_some() {
                dynamic.take_in_relocations(image.dynamic_table(start, size)?, &names)?;
            }
        }
        dynamic.find_stubs(image);
        Some(dynamic)
    }

    /// Takes in what is defined and imported, and returns the name of each symbol.
    fn take_in_symbols(&mut self, image: &Image<'data>) -> Option<Vec<Option<&'data str>>> {
        let table = image.slice(symbols::table(image)?)?;
        let strings = image.dynamic_table(DT_STRTAB, DT_STRSZ)?;
        let symbols = table.chunks_exact(usize::try_from(SYMBOL_BYTES).ok()?);
        if symbols.len() > MOST_SYMBOLS {
            return None;
        }
        let mut names = Vec::with_capacity(symbols.len());
        let mut budget = MOST_NAME_BYTES;
        for symbol in symbols {
            let name = text_at(strings, usize::try_from(u32_at(symbol, 0)?).ok()?);
            names.push(name);
            budget = budget.checked_sub(name.map_or(UNENDED, str::len))?;
            let section = u16::from_le_bytes(symbol.get(6..8)?.try_into().ok()?);
            let (Some(name), address) = (name, u64_at(symbol, 8)?) else { continue };
            // The first entry is none.
            if section == 0 && names.len() > 1 {
                self.imported.push(name);
            } else if section != 0 && address != 0 {
                self.defined.insert(address, (name, u64_at(symbol, 16)?));
            }
        }
        Some(names)
    }

    /// Nothing if there are too many.
    fn take_in_relocations(&mut self, table: &[u8], names: &[Option<&'data str>]) -> Option<()> {
        for entry in table.chunks_exact(RELA_BYTES) {
            let fields = (u64_at(entry, 0), u32_at(entry, 8), u32_at(entry, 12), u64_at(entry, 16));
            let (Some(place), Some(kind), Some(symbol), Some(addend)) = fields else { continue };
            if self.slots.len() + self.pointers.len() + self.pointed_to.len() > MOST_RELOCATIONS {
                return None;
            }
            let name = names.get(usize::try_from(symbol).unwrap_or(usize::MAX)).copied().flatten();
            match (symbol, name) {
                (0, _) if kind == R_X86_64_RELATIVE.0 => {}
                (0, _) => self.pointers.push(addend),
                (_, None) => {}
                (_, Some(name)) => {
                    self.slots.insert(place, name);
                    if kind == R_X86_64_64.0 {
                        self.pointed_to.push(name);
                    }
                }
            }
        }
        Some(())
    }

    fn find_stubs(&mut self, image: &Image<'data>) {
        if self.slots.is_empty() {
            return;
        }
        let code = image.segments().iter().filter(|segment| segment.access == Access::Executable);
        for segment in code {
            amd64::stubs(segment.bytes, segment.address, |start, end, slot| {
                if self.slots.contains_key(&slot) && self.stubs.len() < MOST_STUBS {
                    self.stubs.insert(start, end);
                }
            });
        }
    }
}
