//! How Go and C use the registers of x86-64.

use crate::golang::scan::ir::{Convention, Register, Registers};

pub(super) const RAX: Register = Register(0);
const RCX: Register = Register(1);
const RDX: Register = Register(2);
pub(super) const RSP: Register = Register(4);
pub(super) const RBP: Register = Register(5);
const RSI: Register = Register(6);
const RDI: Register = Register(7);
const R8: Register = Register(8);
const R9: Register = Register(9);
const R10: Register = Register(10);
/// What a call through memory reads its target into: no register that is traced.
pub(super) const NONE: Register = Register(31);
const R11: Register = Register(11);

/// Go code. Every register but the frame pointer may be changed by a call
/// (`src/cmd/compile/abi-internal.md`, Go 1.27), and nothing survives a switch of goroutines.
pub(in crate::golang::scan) const GO: Convention = Convention {
    number: RAX,
    first_argument: RAX,
    changed_by_kernel: Registers::of(&[RAX, RCX, R11]),
    changed_by_call: Registers::of(&[
        RAX,
        RCX,
        RDX,
        Register(3),
        RSI,
        RDI,
        R8,
        R9,
        R10,
        R11,
        Register(12),
        Register(13),
        Register(14),
        Register(15),
    ]),
    stack: RSP,
    frame: RBP,
    return_address: 8,
    has_pointers: false,
};

/// C code: `rbx`, `rbp` and `r12` to `r15` survive a call (System V ABI for AMD64, 3.2.1).
pub(in crate::golang::scan) const C: Convention = Convention {
    changed_by_call: Registers::of(&[RAX, RCX, RDX, RSI, RDI, R8, R9, R10, R11]),
    changed_by_kernel: Registers::of(&[RAX, RCX, R11]),
    number: RAX,
    first_argument: RDI,
    stack: RSP,
    frame: RBP,
    return_address: 8,
    has_pointers: true,
};
