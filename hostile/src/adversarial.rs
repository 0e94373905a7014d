//! Programs made to keep who reads them busy, or to fill its memory: everything in them is as it has to be, but there
//! is far too much of it.

mod library;

use crate::seeds::elf::{PROGBITS, Part, READ};
use crate::seeds::go::{Form, assemble};
use crate::seeds::table::{Functions, HEADER, Version};

/// Go 1.20 to 1.25.
const VERSION: Version = Version { inline_trees: 320, has_text: true };
const MAGIC: u32 = 0xffff_fff1;
const TEXT: u64 = 0x40_0000;
const NAMES: u64 = 0x2000_0000;
const RECORD: usize = 44;
/// `SYSCALL`, and a call whose distance follows.
const SYSCALL: [u8; 2] = [0x0f, 0x05];
const CALL: u8 = 0xe8;
/// The longest name that is read.
const LONG: usize = 8000;

/// What there is too much of, and what makes the program: only one of them has to be in memory.
pub type Program = (&'static str, Box<dyn Fn() -> Vec<u8>>);

/// One program each, by what there is too much of; `size` is that of the largest part, in MiB.
pub fn programs(size: usize) -> Vec<Program> {
    let bytes = size << 20;
    let mut programs: Vec<Program> = vec![
        ("symbols whose names have no end", Box::new(move || symbols(bytes))),
        ("sections whose names have no end", Box::new(move || sections(bytes))),
        ("steps of one function", Box::new(move || plain(&[0xc9], 1 << 20))),
        ("pushes in one function", Box::new(move || plain(&[0x50], 1 << 20))),
        ("calls", Box::new(move || plain(&[CALL, 0, 0, 0, 0], bytes))),
        ("calls of the kernel", Box::new(move || plain(&SYSCALL, 1 << 20))),
        ("small functions", Box::new(move || functions(bytes / 160, 2, |_, code| code.extend(SYSCALL)))),
        ("functions with long names", Box::new(move || functions(bytes / 160, LONG, wrapped))),
        ("variables", Box::new(move || one(variables(16 * size, 1000 * size)))),
        ("stores", Box::new(move || stores(50 * size))),
        ("wrappers of wrappers", Box::new(move || functions(2000, 20, next))),
        ("callers of a wrapper", Box::new(move || functions(bytes / 160, 20, wrapped))),
        ("values of one instruction", Box::new(move || values(bytes))),
    ];
    programs.extend(library::programs(bytes));
    programs
}

/// One function of the same bytes again and again, and a call of the kernel at its end.
fn plain(unit: &[u8], length: usize) -> Vec<u8> {
    let mut code = unit.repeat(length / unit.len() - 1);
    code.extend(SYSCALL);
    one(code)
}

fn one(code: Vec<u8>) -> Vec<u8> {
    assemble(table(code, vec![(0, b"main.main\0".to_vec())], &[]), VERSION, Form::Fixed, Vec::new())
}

/// So many functions with code by number. Their names all end in the same long text.
fn functions(count: usize, name: usize, body: impl Fn(usize, &mut Vec<u8>)) -> Vec<u8> {
    let (mut code, mut all) = (Vec::new(), Vec::new());
    for number in 0..count {
        all.push((code.len(), Vec::new()));
        body(number, &mut code);
        code.push(0xc3);
        code.resize(code.len().next_multiple_of(16), 0xcc);
    }
    let names: Vec<u8> = (0..name.max(2)).map(|at| b"abcdefgh/"[at % 9]).chain(*b".F\0").collect();
    assemble(table(code, all, &names), VERSION, Form::Fixed, Vec::new())
}

/// The first function calls the kernel with what it is given; all others call it, each with a number of its own.
fn wrapped(number: usize, code: &mut Vec<u8>) {
    if number == 0 {
        return code.extend(SYSCALL);
    }
    code.push(0xb8);
    code.extend(u32::try_from(number % 500).unwrap_or(0).to_le_bytes());
    call(code, 0);
}

/// Each function hands its number on to the one before.
fn next(number: usize, code: &mut Vec<u8>) {
    if number == 0 {
        return code.extend(SYSCALL);
    }
    call(code, 16 * (number - 1));
}

fn call(code: &mut Vec<u8>, target: usize) {
    let end = code.len() + 5;
    let distance = i32::try_from(target).unwrap_or(0) - i32::try_from(end).unwrap_or(0);
    code.push(CALL);
    code.extend(distance.to_le_bytes());
}

/// A number of calls of the kernel, each with a value of any of so many variables.
fn variables(calls: usize, variables: usize) -> Vec<u8> {
    let mut code = Vec::new();
    for number in 0..variables {
        // mov eax, [rip+number]; je +0
        code.extend([0x8b, 0x05]);
        code.extend(u32::try_from(8 * number).unwrap_or(0).to_le_bytes());
        code.extend([0x74, 0]);
        // Each one is lost at the next but for a branch over it: jump to the calls.
        code.extend([0x0f, 0x84]);
        let left = 14 * (variables - number - 1);
        code.extend(u32::try_from(left).unwrap_or(0).to_le_bytes());
    }
    for _ in 0..calls {
        // The register is kept in r15, as the kernel changes it: mov r15, rax; syscall; mov rax, r15
        code.extend([0x49, 0x89, 0xc7, 0x0f, 0x05, 0x4c, 0x89, 0xf8]);
    }
    code
}

/// A call of the kernel with a variable, that many functions store to: any of as many numbers.
fn stores(count: usize) -> Vec<u8> {
    let mut code = Vec::new();
    for number in 0..count {
        // mov eax, number; je to the stores
        code.push(0xb8);
        code.extend(u32::try_from(number).unwrap_or(0).to_le_bytes());
        code.extend([0x0f, 0x84]);
        code.extend(u32::try_from(11 * (count - number - 1)).unwrap_or(0).to_le_bytes());
    }
    for number in 0..count {
        // mov [rip+distance], eax
        code.extend([0x89, 0x05]);
        code.extend(u32::try_from(0x10_0000 - 6 * number).unwrap_or(0).to_le_bytes());
    }
    // mov eax, [rip+distance]; syscall
    code.extend([0x8b, 0x05]);
    code.extend(u32::try_from(0x10_0000 - 6 * count).unwrap_or(0).to_le_bytes());
    code.extend(SYSCALL);
    one(code)
}

/// A table of symbols that all have the same name, which goes on to the end of the file.
fn symbols(bytes: usize) -> Vec<u8> {
    let part =
        |name, kind, link, bytes, entry_size| Part { name, kind, bytes, link, entry_size, ..Part::default() };
    let more = vec![
        part(".symtab", 2, ".strtab", vec![1; bytes / 2 / 24 * 24], 24),
        part(".strtab", 3, "", vec![b'x'; bytes / 2], 0),
    ];
    // The version whose module is found by symbol.
    assemble(small(), VERSION, Form::Fixed, more)
}

/// As many sections as are looked at, all of one name without an end.
fn sections(bytes: usize) -> Vec<u8> {
    let section = || Part { name: "", kind: PROGBITS, ..Part::default() };
    let mut more: Vec<Part> = std::iter::repeat_with(section).take(16_000).collect();
    more.push(Part { name: ".x", kind: PROGBITS, bytes: vec![b'x'; bytes], ..Part::default() });
    let mut file = assemble(small(), VERSION, Form::Fixed, more);
    // The names are those of the large section: the last but what the program itself has.
    file[62..64].copy_from_slice(&16_001_u16.to_le_bytes());
    file
}

/// A function whose table of files and lines has as many steps as fit.
fn values(bytes: usize) -> Vec<u8> {
    let mut functions = small();
    let [.., values, records] = &mut functions.parts;
    let place = usize::try_from(*values).unwrap_or(0) - HEADER;
    let steps = [2, 0].repeat(bytes.min(1 << 22) / 2);
    let moved = steps.len() as u64;
    functions.table.splice(place + 8..place + 8, steps);
    *records += moved;
    functions.inline_trees += moved;
    let record = usize::try_from(*records).unwrap_or(0) - HEADER + 12;
    for field in [16, 20, 24] {
        functions.table[record + field..record + field + 4].copy_from_slice(&8_u32.to_le_bytes());
    }
    let names = Part {
        name: ".more",
        kind: PROGBITS,
        flags: READ,
        address: NAMES,
        bytes: vec![0; 8],
        ..Part::default()
    };
    assemble(functions, VERSION, Form::Fixed, vec![names])
}

fn small() -> Functions {
    table(SYSCALL.to_vec(), vec![(0, b"main.main\0".to_vec())], &[])
}

/// A table of these functions, by where they begin and their names; where one has none, it is a part of `names`.
fn table(code: Vec<u8>, functions: Vec<(usize, Vec<u8>)>, names: &[u8]) -> Functions {
    let count = functions.len();
    let mut all_names = names.to_vec();
    let (mut index, mut records) = (Vec::new(), Vec::new());
    for (number, (entry, name)) in functions.into_iter().enumerate() {
        let place =
            if name.is_empty() { number % names.len().saturating_sub(3).max(1) } else { all_names.len() };
        all_names.extend(name);
        let mut record = vec![0; RECORD];
        record[4..8].copy_from_slice(&u32::try_from(place).unwrap_or(0).to_le_bytes());
        let at = 8 * count + 4 + records.len();
        index.extend(
            [entry, at].into_iter().flat_map(|number| u32::try_from(number).unwrap_or(0).to_le_bytes()),
        );
        records.extend(record);
    }
    index.extend(u32::try_from(code.len()).unwrap_or(0).to_le_bytes());
    all_names.resize(all_names.len().next_multiple_of(8), 0);
    let names = all_names.len() as u64;
    let start = HEADER as u64;
    let parts = [start, start + names, start + names + 8, start + names + 16, start + names + 24];
    let table = [all_names, vec![0; 24], index, records].concat();
    let inline_trees = (HEADER + table.len()) as u64;
    Functions { address: TEXT, code, table, parts, inline_trees, count: count as u64, magic: MAGIC }
}
