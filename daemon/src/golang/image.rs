//! An ELF file as the kernel would map it: bytes at virtual addresses, and words with relocations applied.
//!
//! Comes in: the file's bytes. Goes out: slices of them. Program headers are enough; section headers and symbols are
//! shown where they are there. Addresses are those in the file: a position-independent one is seen as loaded at 0.

use std::ops::Range;

use object::elf::{
    DT_RELA, DT_RELASZ, DT_RELR, DT_RELRSZ, DynamicTag, EM_AARCH64, EM_X86_64, PF_W, PF_X, PT_LOAD,
    ProgramType, R_AARCH64_RELATIVE, R_X86_64_RELATIVE, SHT_SYMTAB,
};
use object::read::elf::{FileHeader as _, ProgramHeader as _, SectionHeader as _, Sym as _};
use thiserror::Error;

use super::bytes::{is_text_at, u64_at};
use super::elf::{self, Elf};
use super::relocations::Relocations;
use crate::model::{Arch, Linkage};

/// Why a file can't be seen as the kernel would map it.
#[derive(Debug, Error)]
pub enum Error {
    /// Not an ELF file, not a 64-bit one, or a damaged one.
    #[error(transparent)]
    Elf(#[from] elf::Error),
    /// Not for x86-64 or 64-bit Arm, or not little-endian.
    #[error("the ELF file is for an unknown machine ({machine}): only x86-64 and 64-bit Arm are known")]
    Machine {
        /// Its `e_machine`.
        machine: u16,
    },
    /// Nothing of it would be mapped.
    #[error("the ELF file has no segment that would be mapped")]
    Empty,
}

/// Linkers make 3 to 5.
const MOST_SEGMENTS: usize = 16;
/// Segments share pages where they meet. Those that show the same bytes again and again are there to keep us busy.
const MOST_TIMES_THE_FILE: usize = 2;

/// What a program may do with a part of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Constants and tables.
    ReadOnly,
    /// Variables.
    Writable,
    /// Code, whether it is writable as well or not.
    Executable,
}

/// A part of the file that the kernel maps (`PT_LOAD`).
#[derive(Debug, Clone, Copy)]
pub struct Segment<'data> {
    /// The address of its first byte.
    pub address: u64,
    /// Its part in the file. What follows in memory is zero.
    pub bytes: &'data [u8],
    /// What may be done with it.
    pub access: Access,
}

impl Segment<'_> {
    /// The addresses of the part in the file.
    pub fn range(&self) -> Range<u64> {
        self.address..self.address + self.bytes.len() as u64
    }
}

/// Size and alignment of the variables that every thread has (`PT_TLS`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ThreadLocal {
    /// In bytes, with those that begin as zero.
    pub size: u64,
    /// In bytes.
    pub alignment: u64,
}

/// An ELF file as the kernel would map it.
#[derive(Debug)]
pub struct Image<'data> {
    elf: Elf<'data, &'data [u8]>,
    arch: Arch,
    segments: Vec<Segment<'data>>,
    relocations: Relocations<'data>,
}

impl<'data> Image<'data> {
    /// Reads the file's headers. Cheap: nothing else of the file is looked at.
    ///
    /// # Errors
    /// It is no 64-bit ELF file for a known machine, or nothing of it would be mapped.
    pub fn parse(file: &'data [u8]) -> Result<Self, Error> {
        let elf = Elf::parse(file)?;
        let machine = elf.header.e_machine(elf.endian);
        let arch = match machine {
            EM_X86_64 if elf.header.is_little_endian() => Arch::X86_64,
            EM_AARCH64 if elf.header.is_little_endian() => Arch::Aarch64,
            _ => return Err(Error::Machine { machine: machine.0 }),
        };
        let mut budget = file.len().saturating_mul(MOST_TIMES_THE_FILE);
        let within_budget = |segment: &Segment<'_>| {
            budget.checked_sub(segment.bytes.len()).inspect(|&rest| budget = rest).is_some()
        };
        let segments: Vec<_> = segments(&elf).take(MOST_SEGMENTS).take_while(within_budget).collect();
        if segments.is_empty() {
            return Err(Error::Empty);
        }
        let mut image = Self { elf, arch, segments, relocations: Relocations::default() };
        let table = |start, size| image.dynamic_table(start, size).unwrap_or_default();
        image.relocations = Relocations::new(
            table(DT_RELA, DT_RELASZ),
            table(DT_RELR, DT_RELRSZ),
            match arch {
                Arch::X86_64 => R_X86_64_RELATIVE.0,
                Arch::Aarch64 => R_AARCH64_RELATIVE.0,
            },
        );
        Ok(image)
    }

    /// The machine that it is for.
    pub fn arch(&self) -> Arch {
        self.arch
    }

    /// Where the kernel, or the dynamic linker, begins to execute it.
    pub fn entry(&self) -> u64 {
        self.elf.header.e_entry(self.elf.endian)
    }

    /// What it asks of the dynamic linker.
    pub fn linkage(&self) -> Linkage {
        self.elf.linkage()
    }

    /// The parts that would be mapped, in the file's order (ascending addresses, as linkers write them).
    pub fn segments(&self) -> &[Segment<'data>] {
        &self.segments
    }

    /// The variables of each thread, if it has any.
    pub fn thread_local(&self) -> Option<ThreadLocal> {
        self.elf.thread_local()
    }

    /// What lies at this address, to the end of the segment's part in the file.
    pub fn bytes_at(&self, address: u64) -> Option<&'data [u8]> {
        self.segments.iter().find_map(|segment| {
            let inside = usize::try_from(address.checked_sub(segment.address)?).ok()?;
            segment.bytes.get(inside..).filter(|bytes| !bytes.is_empty())
        })
    }

    /// What lies at these addresses, if all of it is in one segment's part in the file.
    pub fn slice(&self, range: Range<u64>) -> Option<&'data [u8]> {
        let length = usize::try_from(range.end.checked_sub(range.start)?).ok()?;
        self.bytes_at(range.start)?.get(..length)
    }

    /// Whether code lies at this address.
    pub fn is_executable(&self, address: u64) -> bool {
        let executable = |segment: &&Segment<'_>| segment.access == Access::Executable;
        self.segments.iter().filter(executable).any(|segment| segment.range().contains(&address))
    }

    /// The word at this address as the program would see it. Where the file holds zero, a relative relocation says
    /// what the dynamic linker would write (GNU ld leaves the place empty, Go's own linker does not).
    pub fn word(&self, address: u64) -> Option<u64> {
        match u64_at(self.bytes_at(address)?, 0)? {
            0 => self.relocations.target(address).or(Some(0)),
            word => Some(word),
        }
    }

    /// Every word that the dynamic linker would adjust without a symbol, as (place, what it would point to).
    pub fn relocated_words(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        // A word is named once: more than the file has words are there to keep us busy.
        let packed = self.relocations.packed().take(self.elf.file.len() / 8);
        let packed = packed.filter_map(|place| Some((place, u64_at(self.bytes_at(place)?, 0)?)));
        self.relocations.plain().chain(packed)
    }

    /// The tables that those words come from.
    pub(super) fn relocations(&self) -> &Relocations<'data> {
        &self.relocations
    }

    /// The addresses of the section with this name, if there are section headers and it would be mapped.
    pub fn section(&self, name: &[u8]) -> Option<Range<u64>> {
        let endian = self.elf.endian;
        let section = self.elf.section(name)?;
        let start = section.sh_addr(endian);
        let range = start..start.checked_add(section.sh_size(endian))?;
        (start != 0 && self.slice(range.clone()).is_some()).then_some(range)
    }

    /// The value of the symbol with this name, if the file is not stripped. An address, but for thread-local symbols.
    pub fn symbol(&self, name: &[u8]) -> Option<u64> {
        let endian = self.elf.endian;
        let sections = self.elf.sections()?;
        let symbols = sections.symbols(endian, self.elf.file, SHT_SYMTAB).ok()?;
        let names = sections.section(symbols.string_section()).ok()?.data(endian, self.elf.file).ok()?;
        let found = symbols.iter().find(|symbol| is_text_at(names, symbol.st_name(endian), name))?;
        Some(found.st_value(endian))
    }

    /// The value of the first entry of the dynamic section with this tag.
    pub(super) fn dynamic_value(&self, tag: DynamicTag) -> Option<u64> {
        self.elf.dynamic_value(tag)
    }

    /// The addresses of the first segment of this kind, one that is a table within others.
    pub(super) fn part(&self, wanted: ProgramType) -> Option<Range<u64>> {
        let segment = self.elf.of_type(wanted).next()?;
        let start = segment.p_vaddr(self.elf.endian);
        Some(start..start.checked_add(segment.p_filesz(self.elf.endian))?)
    }

    /// A table that one dynamic entry gives the address of, and another the size.
    pub(super) fn dynamic_table(&self, start: DynamicTag, size: DynamicTag) -> Option<&'data [u8]> {
        let start = self.elf.dynamic_value(start)?;
        self.slice(start..start.checked_add(self.elf.dynamic_value(size)?)?)
    }
}

/// The parts that the kernel maps. Those that are longer than the file end with it, those at impossible addresses are
/// left out.
fn segments<'data>(elf: &Elf<'data, &'data [u8]>) -> impl Iterator<Item = Segment<'data>> {
    elf.of_type(PT_LOAD).filter_map(|segment| {
        let (offset, size) = segment.file_range(elf.endian);
        let rest = elf.file.get(usize::try_from(offset).ok()?..)?;
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let flags = segment.p_flags(elf.endian);
        let has = |flag: object::elf::ProgramFlags| flags.0 & flag.0 != 0;
        let access = match (has(PF_X), has(PF_W)) {
            (true, _) => Access::Executable,
            (false, true) => Access::Writable,
            (false, false) => Access::ReadOnly,
        };
        let bytes = &rest[..size.min(rest.len())];
        let address = segment.p_vaddr(elf.endian);
        address.checked_add(bytes.len() as u64).map(|_| Segment { address, bytes, access })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Check that our own file is seen as the kernel maps it, and that pointers in it are relocated.
    #[test]
    fn our_own_file_is_seen() {
        let file = std::fs::read("/proc/self/exe").unwrap();
        let image = Image::parse(&file).unwrap();
        assert_eq!(image.arch(), Arch::NATIVE);
        assert!(image.is_executable(image.entry()));
        let text = image.section(b".text").expect("section headers");
        assert_eq!(
            image.slice(text.clone()).map(<[u8]>::len),
            Some(usize::try_from(text.end - text.start).unwrap())
        );
        assert!(image.section(b".bss").is_none(), "it has no bytes");
        assert!(image.linkage().interpreter.is_some());

        let constants = image.section(b".data.rel.ro").expect("a position-independent program");
        let (place, target) =
            image.relocated_words().find(|(place, _)| constants.contains(place)).expect("relocations");
        assert_ne!(target, 0);
        assert_eq!(image.word(place), Some(target));
        assert_eq!(image.bytes_at(u64::MAX), None);
        assert_eq!(image.slice(image.entry()..image.entry() - 1), None);
    }

    /// Check that headers for other machines, and those that map the same bytes again and again, are refused.
    #[test]
    fn odd_headers_are_refused() {
        let file = std::fs::read("/proc/self/exe").unwrap();
        let mut other = file.clone();
        other[18] = 243;
        assert!(matches!(Image::parse(&other), Err(Error::Machine { machine: 243 })));
        // Every program header becomes a segment of the whole file.
        let mut heavy = file.clone();
        let count = usize::from(heavy[56]);
        for header in 0..count {
            let start = 64 + 56 * header;
            heavy[start..start + 16].copy_from_slice(&[1, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
            heavy[start + 32..start + 40].copy_from_slice(&(file.len() as u64).to_le_bytes());
        }
        assert!(count > MOST_TIMES_THE_FILE);
        assert_eq!(Image::parse(&heavy).unwrap().segments().len(), MOST_TIMES_THE_FILE);
    }
}
