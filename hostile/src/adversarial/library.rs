//! Programs with a library of C that is made to be too much. It is found in the same file, behind the program.

use super::{CALL, LONG, Program, SYSCALL, VERSION, small};
use crate::seeds::elf::{EXECUTE, PROGBITS, Part, READ, Sections, write};
use crate::seeds::go::{Form, assemble};

const TEXT: u64 = 0x1000_0000;
const DYNAMIC: u64 = 0x2000_0000;
const SYMBOLS: u64 = 0x3000_0000;
const STRINGS: u64 = 0x4000_0000;
const RELOCATIONS: u64 = 0x5000_0000;
const HASH: u64 = 0x6000_0000;
/// Functions that each end in the next one.
const NESTED: usize = 17;
const RETURN: u8 = 0xc3;
const R_X86_64_64: u64 = 1;

/// One program each, by what there is too much of.
pub(super) fn programs(bytes: usize) -> Vec<Program> {
    let code = 1 << 20;
    vec![
        // mov eax, [rdi+8]
        ("pointers", Box::new(move || calls(code, &[0x8b, 0x47, 8]))),
        ("calls before calls of the kernel", Box::new(move || calls(code, &[CALL, 0xf9, 0xff, 0xff, 0xff]))),
        ("functions that never return", Box::new(move || nested(bytes.min(64 << 20) / 64))),
        ("dynamic symbols whose names have no end", Box::new(move || symbols(bytes))),
        ("relocations", Box::new(move || relocations(bytes))),
    ]
}

/// One function with calls of the kernel, before each of which lies the same.
fn calls(bytes: usize, before: &[u8]) -> Vec<u8> {
    with(Library {
        code: [before, &SYSCALL].concat().repeat(bytes / (before.len() + 2) - 1),
        ..Library::default()
    })
}

/// Large functions that end in a jump to the next one, and at last in themselves. The first is called before a call of
/// the kernel.
fn nested(bytes: usize) -> Vec<u8> {
    let mut library = Library { strings: b"\0f\0".to_vec(), symbols: vec![0; 24], ..Library::default() };
    library.code = [CALL, 11, 0, 0, 0, SYSCALL[0], SYSCALL[1], RETURN].to_vec();
    library.code.resize(16, RETURN);
    for number in 0..NESTED {
        library.symbol(1, 16 + (number * bytes) as u64, bytes as u64);
        // push rax
        library.code.resize(16 + (number + 1) * bytes - 5, 0x50);
        let distance: i32 = if number + 1 == NESTED { -5 } else { 0 };
        library.code.push(0xe9);
        library.code.extend(distance.to_le_bytes());
    }
    with(library)
}

/// Symbols that all have the same name, which goes on to the end of its table.
fn symbols(bytes: usize) -> Vec<u8> {
    let mut library =
        Library { strings: vec![b'x'; bytes / 2], code: SYSCALL.to_vec(), ..Library::default() };
    for number in 0..bytes / 2 / 24 {
        library.symbol(1, TEXT + number as u64, 1);
    }
    with(library)
}

/// Places that all hold the address of the same function, which has a long name.
fn relocations(bytes: usize) -> Vec<u8> {
    let mut library = Library { symbols: vec![0; 24], code: SYSCALL.to_vec(), ..Library::default() };
    library.strings = [&b"\0"[..], &vec![b'x'; LONG], b"\0"].concat();
    library.symbol(1, 0, 2);
    let entries = (0..bytes / 24).flat_map(|number| [8 * number as u64, 1 << 32 | R_X86_64_64, 0]);
    library.relocations = entries.flat_map(u64::to_le_bytes).collect();
    with(library)
}

#[derive(Default)]
struct Library {
    code: Vec<u8>,
    symbols: Vec<u8>,
    strings: Vec<u8>,
    relocations: Vec<u8>,
}

impl Library {
    /// A function, by its name's place and its own in the code.
    fn symbol(&mut self, name: u64, place: u64, size: u64) {
        let words = [name | 0x12 << 32 | 1 << 48, TEXT + place, size];
        self.symbols.extend(words.into_iter().flat_map(u64::to_le_bytes));
    }
}

/// A small program and such a library.
fn with(library: Library) -> Vec<u8> {
    let part =
        |name, kind, flags, address, bytes| Part { name, kind, flags, address, bytes, ..Part::default() };
    let count = library.symbols.len() as u64 / 24;
    let (strings, relocations) = (library.strings.len() as u64, library.relocations.len() as u64);
    // DT_HASH, DT_STRTAB, DT_SYMTAB, DT_RELA, DT_RELASZ, DT_STRSZ, DT_NULL
    let dynamic = [4, HASH, 5, STRINGS, 6, SYMBOLS, 7, RELOCATIONS, 8, relocations, 10, strings, 0, 0];
    let words = |words: &[u64]| words.iter().copied().flat_map(u64::to_le_bytes).collect::<Vec<u8>>();
    let mut parts = vec![part(".text", PROGBITS, READ | EXECUTE, TEXT, library.code)];
    if count > 0 {
        parts.extend([
            part(".dynamic", PROGBITS, READ, DYNAMIC, words(&dynamic)),
            part(".hash", PROGBITS, READ, HASH, words(&[1 | count << 32])),
            part(".dynsym", PROGBITS, READ, SYMBOLS, library.symbols),
            part(".dynstr", PROGBITS, READ, STRINGS, library.strings),
            part(".rela.dyn", PROGBITS, READ, RELOCATIONS, [library.relocations, vec![0; 8]].concat()),
        ]);
    }
    let program = assemble(small(), VERSION, Form::Fixed, Vec::new());
    [program, write(3, parts, Sections::None)].concat()
}
