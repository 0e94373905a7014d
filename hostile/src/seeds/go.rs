//! Small Go programs: a few functions of real ones, with all that makes a file a Go program.

use anyhow::Result;

use super::elf::{EXECUTE, PROGBITS, Part, READ, Sections, WRITE, write};
use super::table::{Functions, HEADER, Version, around_syscall};

/// How a program is linked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// At fixed addresses.
    Fixed,
    /// Without section headers.
    Stripped,
    /// Position-independent, and with a C library.
    Shared,
}

const TABLE: u64 = 0x1000_0000;
const MODULE: u64 = 0x1100_0000;
const INFO: u64 = 0x1200_0000;
const DYNAMIC: u64 = 0x1300_0000;
const SYMBOLS: u64 = 0x1400_0000;
const STRINGS: u64 = 0x1500_0000;
const RELOCATIONS: u64 = 0x1600_0000;
const STUBS: u64 = 0x1700_0000;
const SLOTS: u64 = 0x1800_0000;
const HASH: u64 = 0x1900_0000;
const MODULE_BYTES: usize = 400;
const R_X86_64_JUMP_SLOT: u64 = 7;
const R_X86_64_RELATIVE: u64 = 8;

/// A small program made of this one.
pub(crate) fn program(file: &[u8], version: Version, around: usize, form: Form) -> Result<Vec<u8>> {
    Ok(assemble(around_syscall(file, version, around)?, version, form, Vec::new()))
}

/// The file of a program with these functions, and more parts.
pub(crate) fn assemble(functions: Functions, version: Version, form: Form, more: Vec<Part>) -> Vec<u8> {
    let mut module = module(&functions, version);
    let mut parts = more;
    if form == Form::Shared {
        parts.extend(shared(&mut module));
    }
    let part =
        |name, flags, address, bytes| Part { name, kind: PROGBITS, flags, address, bytes, ..Part::default() };
    let table = table(&functions, version);
    parts.extend([
        part(".text", READ | EXECUTE, functions.address, functions.code),
        part(".gopclntab", READ, TABLE, table),
        part(if version.has_text { ".data" } else { ".go.module" }, READ | WRITE, MODULE, module),
        part(".go.buildinfo", READ | WRITE, INFO, information()),
        part(".note.go.buildid", READ, INFO + 0x1000, b"\x04\0\0\0\x04\0\0\0\x04\0\0\0Go\0\0a/b/".to_vec()),
        part(".tbss", READ, INFO + 0x2000, Vec::new()),
    ]);
    let (kind, sections) = match form {
        Form::Fixed => (2, Sections::Named),
        Form::Stripped => (2, Sections::None),
        Form::Shared => (3, Sections::Named),
    };
    write(kind, parts, sections)
}

fn table(functions: &Functions, version: Version) -> Vec<u8> {
    let text = if version.has_text { functions.address } else { 0 };
    let [names, units, files, values, records] = functions.parts;
    let words = [functions.count, 4, text, names, units, files, values, records];
    let mut table = functions.magic.to_le_bytes().to_vec();
    table.extend([0, 0, 1, 8]);
    table.extend(words.into_iter().flat_map(u64::to_le_bytes));
    table.resize(HEADER, 0);
    table.extend(&functions.table);
    table
}

fn module(functions: &Functions, version: Version) -> Vec<u8> {
    let mut module = vec![0; MODULE_BYTES];
    let trees = TABLE + functions.inline_trees;
    let end = TABLE + (HEADER + functions.table.len()) as u64;
    let fields = [
        (0, TABLE),
        (8, TABLE + functions.parts[0]),
        (136, functions.count + 1),
        (176, functions.address),
        (version.inline_trees, trees),
        (version.inline_trees + 8, end),
    ];
    for (place, value) in fields {
        module[place..place + 8].copy_from_slice(&value.to_le_bytes());
    }
    module
}

/// What a dynamic linker needs: it fills in the module's pointers, and a place through which `syscall(3)` is called.
fn shared(module: &mut [u8]) -> Vec<Part> {
    let mut relocations = Vec::new();
    for place in (0..MODULE_BYTES).step_by(8) {
        let field: [u8; 8] = module[place..place + 8].try_into().unwrap_or_default();
        let value = u64::from_le_bytes(field);
        if value >= TABLE {
            relocations.extend([MODULE + place as u64, R_X86_64_RELATIVE, value]);
            module[place..place + 8].fill(0);
        }
    }
    relocations.extend([SLOTS, 1 << 32 | R_X86_64_JUMP_SLOT, 0]);
    let relocations: Vec<u8> = relocations.into_iter().flat_map(u64::to_le_bytes).collect();
    let strings = b"\0syscall\0libc.so.6\0".to_vec();
    // jmp [rip+distance]; push 0; jmp
    let mut stub = vec![0xff, 0x25];
    stub.extend(u32::try_from(SLOTS - STUBS - 6).unwrap_or_default().to_le_bytes());
    stub.extend([0x68, 0, 0, 0, 0, 0xe9, 0, 0, 0, 0]);
    let (size, text) = (relocations.len() as u64, strings.len() as u64);
    // DT_NEEDED, DT_HASH, DT_STRTAB, DT_STRSZ, DT_SYMTAB
    let mut dynamic = vec![1, 9, 4, HASH, 5, STRINGS, 10, text, 6, SYMBOLS];
    // DT_RELA, DT_RELASZ, DT_RELR, DT_RELRSZ, DT_NULL
    dynamic.extend([7, RELOCATIONS, 8, size, 36, SLOTS + 16, 35, 16, 0, 0]);
    let symbol = [0_u64, 0, 0, 1 | 0x12 << 32, 0, 0];
    let part =
        |name, kind, flags, address, bytes| Part { name, kind, flags, address, bytes, ..Part::default() };
    let words = |words: &[u64]| words.iter().copied().flat_map(u64::to_le_bytes).collect::<Vec<u8>>();
    vec![
        part(".interp", PROGBITS, READ, DYNAMIC + 0x1000, b"/lib64/ld-linux-x86-64.so.2\0".to_vec()),
        Part {
            link: ".dynstr",
            entry_size: 16,
            ..part(".dynamic", 6, READ | WRITE, DYNAMIC, words(&dynamic))
        },
        Part { link: ".dynstr", entry_size: 24, ..part(".dynsym", 11, READ, SYMBOLS, words(&symbol)) },
        part(".dynstr", 3, READ, STRINGS, strings),
        // One bucket, and a chain for each of two symbols.
        part(".hash", 5, READ, HASH, words(&[1 | 2 << 32, 1, 0])),
        Part { link: ".dynsym", entry_size: 24, ..part(".rela.dyn", 4, READ, RELOCATIONS, relocations) },
        part(".plt", PROGBITS, READ | EXECUTE, STUBS, stub),
        // The place, and behind it the packed relocations: the place itself once more, and a bitmap.
        part(".got", PROGBITS, READ | WRITE, SLOTS, words(&[0, 0, SLOTS, 0b101])),
    ]
}

/// A blob of build information.
fn information() -> Vec<u8> {
    let modules = "path\tcommand-line-arguments\nmod\texample.com/a\tv1.0.0\t\nbuild\tCGO_ENABLED=1\n";
    let mut blob = b"\xff Go buildinf:\x08\x02".to_vec();
    blob.resize(32, 0);
    blob.extend(b"\x08go1.27.3");
    blob.push(u8::try_from(modules.len() + 32).unwrap_or_default());
    blob.extend([b'0'; 16]);
    blob.extend(modules.bytes());
    blob.extend([b'1'; 16]);
    blob
}
