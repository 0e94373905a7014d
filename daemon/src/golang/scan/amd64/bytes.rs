//! What can be told from machine code without decoding it.

/// Something in machine code that may be a call or a system call; whether it is one shows when it is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::golang::scan) enum Candidate {
    /// A call, or a jump out of the function, to this address.
    Target(u64),
    /// A system call, by whichever entry of the kernel.
    Syscall,
}

/// Everything in the code at `address` that can be a direct call or jump with a 32-bit distance, or a `SYSCALL`,
/// `INT 0x80` or `SYSENTER`.
///
/// Every byte is looked at, whether an instruction begins there or not: nothing is missed, at a tenth of the price of
/// decoding. Calls between functions have such distances, as it is the linker that fills them in.
pub(in crate::golang::scan) fn candidates(code: &[u8], address: u64, mut found: impl FnMut(Candidate)) {
    for (position, pair) in (0_u64..).zip(code.windows(2)) {
        let length = match (pair[0], pair[1]) {
            (0xe8 | 0xe9, _) => 5,
            (0x0f, 0x05 | 0x34) | (0xcd, 0x80) => {
                found(Candidate::Syscall);
                continue;
            }
            (0x0f, 0x80..=0x8f) => 6,
            _ => continue,
        };
        let end = position + length;
        if let Some(distance) = distance(code, end) {
            found(Candidate::Target(address.wrapping_add(end).wrapping_add_signed(distance)));
        }
    }
}

/// Every address that the code at `address` can refer to relative to itself.
pub(in crate::golang::scan) fn references(code: &[u8], address: u64, mut found: impl FnMut(u64)) {
    for (position, byte) in (0_u64..).zip(code) {
        // ModR/M with an address relative to the next instruction; an immediate value may stand in between.
        if byte & 0xc7 == 0x05
            && let Some(distance) = distance(code, position + 5)
        {
            let next = address.wrapping_add(position + 5).wrapping_add_signed(distance);
            for immediate in [0, 1, 2, 4] {
                found(next.wrapping_add(immediate));
            }
        }
    }
}

/// `ENDBR64`, with which functions and stubs begin where indirect jumps are checked.
const LANDING: [u8; 4] = [0xf3, 0x0f, 0x1e, 0xfa];
/// Stubs have this size, or half of it, and begin at multiples of that.
const STUB_BYTES: usize = 16;

/// The stubs in the code at `address` that jump to what stands at a place of the file, as (begin, end, place): the
/// forms of `.plt`, `.plt.sec` and `.plt.got` by GNU ld, gold, lld, mold and Go's own linker.
pub(in crate::golang::scan) fn stubs(code: &[u8], address: u64, mut found: impl FnMut(u64, u64, u64)) {
    let misaligned = usize::try_from(address.wrapping_neg() % 8).unwrap_or_default();
    for start in (misaligned..code.len()).step_by(STUB_BYTES / 2) {
        let stub = &code[start..code.len().min(start + STUB_BYTES)];
        let Some(end) = jump_of_stub(stub) else { continue };
        if let Some(distance) = distance(stub, end as u64) {
            let begin = address.wrapping_add(start as u64);
            let is_long = end > 6 || stub.get(6) == Some(&0x68);
            let length = if is_long { STUB_BYTES } else { STUB_BYTES / 2 };
            let place = begin.wrapping_add(end as u64).wrapping_add_signed(distance);
            found(begin, begin.wrapping_add(length as u64), place);
        }
    }
}

/// Where the jump of a stub ends, if these bytes are one.
fn jump_of_stub(stub: &[u8]) -> Option<usize> {
    let (mut rest, is_landing) = (stub, stub.starts_with(&LANDING));
    if is_landing {
        rest = &rest[LANDING.len()..];
        // mold: MOV R11D with the number of the function.
        rest = if rest.starts_with(&[0x41, 0xbb]) { rest.get(6..)? } else { rest };
        rest = rest.strip_prefix(&[0xf2]).unwrap_or(rest);
    }
    let after = rest.strip_prefix(&[0xff, 0x25])?.get(4..)?;
    // PUSH the number of the function, or a NOP of two bytes: else it is the end of an ordinary function.
    (is_landing || after.first() == Some(&0x68) || after.starts_with(&[0x66, 0x90]))
        .then_some(stub.len() - after.len())
}

/// Whether code begins as the part that all stubs share: PUSH of a place of the file.
pub(in crate::golang::scan) fn is_shared_stub(code: &[u8]) -> bool {
    let code = code.strip_prefix(&LANDING).unwrap_or(code);
    code.strip_prefix(&[0x41, 0x53]).unwrap_or(code).starts_with(&[0xff, 0x35])
}

/// The signed 32-bit number that ends here.
fn distance(code: &[u8], end: u64) -> Option<i64> {
    let end = usize::try_from(end).ok()?;
    let bytes = code.get(end.checked_sub(4)?..end)?.try_into().ok()?;
    Some(i32::from_le_bytes(bytes).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Check that calls, jumps, conditional jumps and system calls are found wherever they begin.
    #[test]
    fn candidates_are_found() {
        let code = [
            0x90, 0xe8, 0x0a, 0, 0, 0, // call 0x1010
            0x0f, 0x05, // syscall
            0x0f, 0x84, 0xf2, 0xff, 0xff, 0xff, // je 0x1000
            0xe9, 0, 0, 0, 0, // jmp 0x1013
            0xcd, 0x80, 0x0f, 0x34, // int 0x80; sysenter
            0xe8, 1, 2, // cut
        ];
        let mut found = Vec::new();
        candidates(&code, 0x1000, |candidate| found.push(candidate));
        let target = Candidate::Target;
        let calls = [target(0x1010), Candidate::Syscall, target(0x1000), target(0x1013)];
        assert_eq!(found, [&calls[..], &[Candidate::Syscall; 2]].concat());
    }

    /// Check that each form of a stub is found with its size and its place, and that a jump at the end of a function is
    /// none.
    #[test]
    fn stubs_are_found() {
        let code = [
            0xff, 0x25, 0x0a, 0, 0, 0, 0x68, 0, 0, 0, 0, 0xe9, 0, 0, 0, 0, // jmp [0x1010]; push 0; jmp
            0xf3, 0x0f, 0x1e, 0xfa, 0xf2, 0xff, 0x25, 0x05, 0, 0, 0, 0x0f, 0x1f, 0x44, 0, 0, // [0x1020]
            0xff, 0x25, 0x0a, 0, 0, 0, 0x66, 0x90, // jmp [0x1030]; nop
            0xff, 0x25, 0x0a, 0, 0, 0, 0x90, 0x90, // jmp [0x1038], and something else
        ];
        let mut found = Vec::new();
        stubs(&code, 0x1000, |begin, end, place| found.push((begin, end, place)));
        assert_eq!(found, [(0x1000, 0x1010, 0x1010), (0x1010, 0x1020, 0x1020), (0x1020, 0x1028, 0x1030)]);
        assert!(is_shared_stub(&[0xff, 0x35, 0, 0, 0, 0]) && !is_shared_stub(&code));
    }

    /// Check that an address relative to the next instruction is found, with and without an immediate value.
    #[test]
    fn references_are_found() {
        let code = [0x48, 0x8b, 0x05, 0x10, 0, 0, 0]; // mov rax, [rip+0x10]
        let mut found = Vec::new();
        references(&code, 0x1000, |address| found.push(address));
        assert_eq!(found, [0x1017, 0x1018, 0x1019, 0x101b]);
    }
}
