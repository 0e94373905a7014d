//! What can be told from machine code without decoding it.

/// Something in machine code that may be a call or a system call; whether it is one shows when it is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::golang::scan) enum Candidate {
    /// A call, or a jump out of the function, to this address.
    Target(u64),
    /// A system call.
    Syscall,
}

/// Everything in the code at `address` that can be a direct call or jump with a 32-bit distance, or a `SYSCALL`.
///
/// Every byte is looked at, whether an instruction begins there or not: nothing is missed, at a tenth of the price of
/// decoding. Calls between functions have such distances, as it is the linker that fills them in.
pub(in crate::golang::scan) fn candidates(code: &[u8], address: u64, mut found: impl FnMut(Candidate)) {
    for (position, pair) in (0_u64..).zip(code.windows(2)) {
        let length = match (pair[0], pair[1]) {
            (0xe8 | 0xe9, _) => 5,
            (0x0f, 0x05) => {
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
            0xe8, 1, 2, // cut
        ];
        let mut found = Vec::new();
        candidates(&code, 0x1000, |candidate| found.push(candidate));
        let target = Candidate::Target;
        assert_eq!(found, [target(0x1010), Candidate::Syscall, target(0x1000), target(0x1013)]);
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
