//! Writes a small ELF file: each part is a segment of its own, and a section.
//!
//! Format: `elf(5)`. Numbers: `elf.h` of glibc 2.36.

/// A piece of memory that the file describes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Part {
    pub(crate) name: &'static str,
    /// `sh_type`.
    pub(crate) kind: u32,
    /// `p_flags`; where there are none, it is no part of memory.
    pub(crate) flags: u32,
    pub(crate) address: u64,
    pub(crate) bytes: Vec<u8>,
    /// The section that its numbers lead into.
    pub(crate) link: &'static str,
    pub(crate) entry_size: u64,
}

pub(crate) const READ: u32 = 4;
pub(crate) const WRITE: u32 = 2;
pub(crate) const EXECUTE: u32 = 1;

pub(crate) const PROGBITS: u32 = 1;
const STRTAB: u32 = 3;
const FILE_HEADER: usize = 64;
const PROGRAM_HEADER: usize = 56;
const SECTION_HEADER: usize = 64;
const EM_X86_64: u16 = 62;
/// Parts that are segments of another kind as well, by `p_type`.
const SPECIAL: [(&str, u32); 4] = [(".dynamic", 2), (".interp", 3), (".note.go.buildid", 4), (".tbss", 7)];

/// Whether the file says by name what lies where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sections {
    Named,
    /// As by `strip --strip-section-headers`.
    None,
}

/// A file for x86-64 of this type (`e_type`) with these parts.
pub(crate) fn write(kind: u16, mut parts: Vec<Part>, sections: Sections) -> Vec<u8> {
    let mut names = vec![0];
    let mut numbers: Vec<u32> = parts.iter().map(|part| name(&mut names, part.name)).collect();
    numbers.push(name(&mut names, ".shstrtab"));
    parts.push(Part { name: ".shstrtab", kind: STRTAB, bytes: names, ..Part::default() });
    let segments = segments(&parts);
    let mut file = vec![0; FILE_HEADER + PROGRAM_HEADER * segments.len()];
    let mut offsets = Vec::new();
    for part in &parts {
        file.resize(file.len().next_multiple_of(16), 0);
        offsets.push(file.len() as u64);
        file.extend(&part.bytes);
    }
    file.resize(file.len().next_multiple_of(16), 0);
    let at = file.len() as u64;
    let entry = parts.iter().find(|part| part.flags & EXECUTE != 0).map_or(0, |part| part.address);
    let count = if sections == Sections::Named { parts.len() + 1 } else { 0 };
    header(&mut file, kind, entry, (segments.len(), count, at));
    for (number, (kind, part)) in segments.into_iter().enumerate() {
        let place = FILE_HEADER + PROGRAM_HEADER * number;
        file[place..place + PROGRAM_HEADER].copy_from_slice(&program_header(
            kind,
            &parts[part],
            offsets[part],
        ));
    }
    if sections == Sections::Named {
        file.extend([0; SECTION_HEADER]);
        for ((part, name), offset) in parts.iter().zip(numbers).zip(offsets) {
            let link = parts.iter().position(|other| other.name == part.link).map_or(0, |at| at + 1);
            file.extend(section_header(part, name, offset, link as u64));
        }
    }
    file
}

/// What is mapped, and what of it is special, as `p_type` and the part's number.
fn segments(parts: &[Part]) -> Vec<(u32, usize)> {
    let mapped = parts.iter().enumerate().filter(|(_, part)| part.flags != 0);
    let loaded: Vec<(u32, usize)> = mapped.map(|(number, _)| (1, number)).collect();
    let special = SPECIAL.iter().filter_map(|&(name, kind)| {
        parts.iter().position(|part| part.name == name).map(|number| (kind, number))
    });
    loaded.iter().copied().chain(special).collect()
}

fn header(file: &mut [u8], kind: u16, entry: u64, (segments, sections, at): (usize, usize, u64)) {
    let mut put = |place: usize, bytes: &[u8]| file[place..place + bytes.len()].copy_from_slice(bytes);
    put(0, b"\x7fELF\x02\x01\x01");
    put(16, &kind.to_le_bytes());
    put(18, &EM_X86_64.to_le_bytes());
    put(20, &[1]);
    put(24, &entry.to_le_bytes());
    put(32, &(FILE_HEADER as u64).to_le_bytes());
    put(52, &[64, 0, 56, 0]);
    put(56, &short(segments));
    put(58, &[64, 0]);
    if sections > 0 {
        put(40, &at.to_le_bytes());
        put(60, &short(sections));
        put(62, &short(sections - 1));
    }
}

fn short(number: usize) -> [u8; 2] {
    u16::try_from(number).unwrap_or(u16::MAX).to_le_bytes()
}

fn program_header(kind: u32, part: &Part, offset: u64) -> [u8; PROGRAM_HEADER] {
    let size = part.bytes.len() as u64;
    let mut bytes = [0; PROGRAM_HEADER];
    bytes[..4].copy_from_slice(&kind.to_le_bytes());
    bytes[4..8].copy_from_slice(&part.flags.to_le_bytes());
    for (field, value) in (1_usize..).zip([offset, part.address, part.address, size, size, 8]) {
        bytes[8 * field..8 * field + 8].copy_from_slice(&value.to_le_bytes());
    }
    bytes
}

fn section_header(part: &Part, name: u32, offset: u64, link: u64) -> [u8; SECTION_HEADER] {
    let mut bytes = [0; SECTION_HEADER];
    bytes[..4].copy_from_slice(&name.to_le_bytes());
    bytes[4..8].copy_from_slice(&part.kind.to_le_bytes());
    let flags = if part.flags == 0 { 0 } else { 2 };
    let words = [flags, part.address, offset, part.bytes.len() as u64, link, 8, part.entry_size];
    for (field, value) in (1_usize..).zip(words) {
        bytes[8 * field..8 * field + 8].copy_from_slice(&value.to_le_bytes());
    }
    bytes
}

/// Adds a name, and says where it stands.
pub(crate) fn name(names: &mut Vec<u8>, name: &str) -> u32 {
    let place = u32::try_from(names.len()).unwrap_or_default();
    names.extend(name.bytes());
    names.push(0);
    place
}
