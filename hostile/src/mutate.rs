//! Changes to ELF files where they hurt: headers, tables and what leads to them, not the many bytes of code.

use crate::exercise::elf::MAGIC;

/// Numbers that look random and are the same in every run (Knuth, MMIX).
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or(0) % end.max(1)
    }
}

const FILE_HEADER: usize = 64;
const PROGRAM_HEADER: usize = 56;
const SECTION_HEADER: usize = 64;
/// What a part's beginning is: enough for a table's header.
const BEGINNING: usize = 128;

/// Changes the first `size` bytes of `data` by the will of `seed`, and says how many count then. `otherwise` does so in
/// every fourth case, and where there is no ELF file.
pub fn elf(data: &mut [u8], size: usize, seed: u32, otherwise: impl FnOnce(&mut [u8]) -> usize) -> usize {
    let mut random = Random(u64::from(seed));
    if size < 2 * FILE_HEADER || !data.starts_with(MAGIC) || random.below(4) == 0 {
        return otherwise(data);
    }
    for _ in 0..=random.below(4) {
        match random.below(24) {
            0 => return FILE_HEADER + random.below(size - FILE_HEADER),
            1..=3 => copy_header(data, size, &mut random),
            4 => copy_piece(data, size, &mut random),
            _ => change_word(data, size, &mut random),
        }
    }
    size
}

/// A place to change something at: in a header, at the beginning of what a header leads to, or anywhere.
fn place(data: &[u8], size: usize, random: &mut Random) -> usize {
    let (program, section) = headers(data, random);
    match random.below(8) {
        0 => random.below(FILE_HEADER),
        1 | 2 => program + random.below(PROGRAM_HEADER),
        3 | 4 => section + random.below(SECTION_HEADER),
        5 => word(data, program + 8) + random.below(BEGINNING),
        6 => word(data, section + 24) + random.below(BEGINNING),
        _ => random.below(size),
    }
}

/// Where one of the program headers and one of the section headers stand.
fn headers(data: &[u8], random: &mut Random) -> (usize, usize) {
    let count = |at: usize| usize::from(data[at]);
    let program = word(data, 32).wrapping_add(PROGRAM_HEADER * random.below(count(56)));
    let section = word(data, 40).wrapping_add(SECTION_HEADER * random.below(count(60)));
    (program, section)
}

fn change_word(data: &mut [u8], size: usize, random: &mut Random) {
    let width = [1, 2, 4, 8][random.below(4)];
    let place = place(data, size, random) / width * width;
    let Some(field) = place.checked_add(width).filter(|&end| end <= size).map(|end| place..end) else {
        return;
    };
    let old = word(data, place) as u64;
    let other = word(data, random.below(size / 8) * 8) as u64;
    let new = match random.below(10) {
        0 => 0,
        1 => u64::MAX,
        2 => u64::MAX >> 1,
        3 => u64::from(u32::MAX) >> random.below(2),
        4 => size as u64,
        5 => other,
        6 => old.wrapping_add(random.below(17) as u64).wrapping_sub(8),
        7 => old ^ 1 << random.below(64),
        8 => 1 << random.below(64),
        _ => random.below(256) as u64,
    };
    data[field].copy_from_slice(&new.to_le_bytes()[..width]);
}

/// Lets a header say what another one says.
fn copy_header(data: &mut [u8], size: usize, random: &mut Random) {
    let (from, to) = (headers(data, random), headers(data, random));
    let (from, to, length) = match random.below(2) {
        0 => (from.0, to.0, PROGRAM_HEADER),
        _ => (from.1, to.1, SECTION_HEADER),
    };
    let field = [length, 8][random.below(2)];
    let inside = if field == 8 { 8 * random.below(length / 8) } else { 0 };
    copy(data, size, (from.wrapping_add(inside), to.wrapping_add(inside)), field);
}

fn copy_piece(data: &mut [u8], size: usize, random: &mut Random) {
    let length = 1 + random.below(64);
    let places = (place(data, size, random), place(data, size, random));
    copy(data, size, places, length);
}

fn copy(data: &mut [u8], size: usize, (from, to): (usize, usize), length: usize) {
    let fits = |start: usize| start.checked_add(length).is_some_and(|end| end <= size);
    if fits(from) && fits(to) {
        data.copy_within(from..from + length, to);
    }
}

fn word(data: &[u8], place: usize) -> usize {
    let field = place.checked_add(8).and_then(|end| data.get(place..end));
    let word = field.and_then(|field| field.try_into().ok()).map_or(0, u64::from_le_bytes);
    // A place that is added to must not overflow.
    usize::try_from(word & u64::MAX >> 1).unwrap_or_default()
}
