//! Where a thread keeps the goroutine that it runs: how far below its thread pointer.
//!
//! The linker decides, as `runtime.tlsg` is one of the variables that each thread has (`PT_TLS`), which end where the
//! thread pointer points. Go's own linker knows no other one (`src/cmd/link/internal/ld/sym.go`, `Tlsoffset`, Go 1.27).
//! With C the others' order and sizes count, and a stripped file does not name them; but the runtime's assembly
//! addresses its own in a fixed way (`get_tls`, `src/runtime/go_tls.h`), which the linker has filled in.

use iced_x86::{Code, Decoder, DecoderOptions, Instruction, OpKind, Register};
use object::elf::{EM_X86_64, Machine};

use super::image::{Image, ThreadLocal};
use super::pclntab::Table;
use crate::model::Arch;

/// Assembly of every version that has nothing else at the thread pointer: `src/runtime/asm_amd64.s`.
const READERS: [&str; 2] = ["runtime.mcall", "runtime.asmcgocall"];
/// Each has a wrapper of its name.
const MOST_READERS: usize = 4;
/// Real ones have a quarter of it.
const MOST_CODE: usize = 2048;
const WORD: u64 = 8;

/// The answer where the goroutine is the only variable that threads have: most programs. Nothing on other machines than
/// x86-64, where the kernel side has no use for it.
pub(super) fn usual(machine: Machine, variables: Option<ThreadLocal>) -> Option<u32> {
    let is_alone = variables.is_none_or(|all| all.size == WORD && all.alignment <= WORD);
    (machine == EM_X86_64 && is_alone).then_some(8)
}

/// The answer as the runtime's own code has it, in bytes. Nothing if that code is not as it is known, or not at one.
pub fn goroutine_below(image: &Image<'_>) -> Option<u32> {
    if image.arch() != Arch::X86_64 {
        return None;
    }
    let table = Table::find(image).ok()?;
    let readers = table.functions().filter(|function| READERS.contains(&function.name)).take(MOST_READERS);
    let code = readers.filter_map(|reader| Some((image.slice(reader.entry..reader.end)?, reader.entry)));
    let mut all = code.flat_map(|(code, entry)| places(&code[..code.len().min(MOST_CODE)], entry));
    let first = all.next()?;
    let is_one = all.all(|place| place == first);
    let below = u32::try_from(first.checked_neg()?).ok()?;
    (is_one && below >= 8 && below.is_multiple_of(8)).then_some(below)
}

/// The places, relative to the thread pointer, that this code reads or writes and names at once.
fn places(code: &[u8], address: u64) -> Vec<i64> {
    let mut decoder = Decoder::with_ip(64, code, address, DecoderOptions::NONE);
    // What the last instruction put into a register: position-independent code loads the distance first. It may use it
    // again much later, but that is nothing new.
    let mut loaded = None;
    let mut places = Vec::new();
    for instruction in &mut decoder {
        let uses_thread = instruction.segment_prefix() == Register::FS;
        if uses_thread && instruction.op_kinds().any(|kind| kind == OpKind::Memory) {
            places.extend(place(&instruction, loaded));
        }
        loaded = constant(&instruction);
    }
    places
}

/// `mov %fs:-8, %r14`, or `mov %fs:(%rcx), %r14` behind `mov $-8, %rcx`.
fn place(instruction: &Instruction, loaded: Option<(Register, i64)>) -> Option<i64> {
    let displacement = instruction.memory_displacement64().cast_signed();
    match (instruction.memory_base(), instruction.memory_index()) {
        (Register::None, Register::None) => Some(displacement),
        (base, Register::None) => {
            let (_, value) = loaded.filter(|(register, _)| *register == base)?;
            value.checked_add(displacement)
        }
        _ => None,
    }
}

/// The register that becomes a constant.
fn constant(instruction: &Instruction) -> Option<(Register, i64)> {
    let is_constant =
        instruction.code() == Code::Mov_rm64_imm32 && instruction.op0_kind() == OpKind::Register;
    is_constant.then(|| (instruction.op0_register(), instruction.immediate32to64()))
}
