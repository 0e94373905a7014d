//! What a shared object shares: its functions by name, and the places that the dynamic linker fills in for others'.

use std::collections::BTreeMap;

use object::elf::R_X86_64_64;
use object::read::elf::ElfFile64;
use object::{
    Object as _, ObjectSection as _, ObjectSymbol as _, ObjectSymbolTable as _, RelocationFlags,
    RelocationTarget,
};

/// Dynamic symbols and relocations. Empty where there are no section headers.
#[derive(Debug, Default)]
pub(super) struct Dynamic<'data> {
    /// The functions that it has, by address, and their sizes.
    pub(super) defined: BTreeMap<u64, (&'data str, u64)>,
    /// What it expects of others.
    pub(super) imported: Vec<&'data str>,
    /// Places that will hold the address of something with this name.
    pub(super) slots: BTreeMap<u64, &'data str>,
    /// Places that will hold an address within the file, whatever the kind of relocation.
    pub(super) pointers: BTreeMap<u64, u64>,
    /// Names of which it keeps the address in its own data.
    pub(super) pointed_to: Vec<&'data str>,
    /// Stubs through which others' functions are called: where each begins and ends.
    pub(super) stubs: BTreeMap<u64, u64>,
}

/// More stubs than any real library has.
const MOST_STUBS: usize = 1 << 17;
/// Sections of stubs, each 16 bytes long or 8.
const STUBS: [(&str, usize); 3] = [(".plt", 16), (".plt.sec", 16), (".plt.got", 8)];

impl<'data> Dynamic<'data> {
    /// Reads the tables of the file; what is damaged is left out.
    pub(super) fn read(file: &'data [u8]) -> Self {
        let Ok(elf) = ElfFile64::<object::Endianness>::parse(file) else { return Self::default() };
        let mut dynamic = Self::default();
        for symbol in elf.dynamic_symbols() {
            let Ok(name) = symbol.name() else { continue };
            if symbol.is_undefined() {
                dynamic.imported.push(name);
            } else if symbol.address() != 0 {
                dynamic.defined.insert(symbol.address(), (name, symbol.size()));
            }
        }
        let symbols = elf.dynamic_symbol_table();
        for (place, relocation) in elf.dynamic_relocations().into_iter().flatten() {
            if let RelocationTarget::Symbol(index) = relocation.target() {
                let symbol = symbols.as_ref().and_then(|symbols| symbols.symbol_by_index(index).ok());
                if let Some(name) = symbol.and_then(|symbol| symbol.name().ok()) {
                    dynamic.slots.insert(place, name);
                    if relocation.flags() == (RelocationFlags::Elf { r_type: R_X86_64_64 }) {
                        dynamic.pointed_to.push(name);
                    }
                }
            } else {
                dynamic.pointers.insert(place, relocation.addend().cast_unsigned());
            }
        }
        for section in elf.sections() {
            let Some((_, size)) = STUBS.iter().find(|(name, _)| section.name() == Ok(name)) else { continue };
            if dynamic.stubs.len() >= MOST_STUBS {
                break;
            }
            let end = section.address().saturating_add(section.size().min(1 << 20));
            let starts = (section.address()..end).step_by(*size);
            dynamic.stubs.extend(starts.map(|start| (start, end.min(start.saturating_add(*size as u64)))));
        }
        dynamic
    }
}
