//! Which values a register can hold at a point of a function: traced backwards over every way there.

use std::collections::{BTreeSet, HashSet};

use super::flow::Flow;
use super::ir::{Convention, Op, Operand, Place, Registers};

/// Everything that a value can come from.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Origins {
    /// Numbers in the code.
    pub(super) constants: BTreeSet<u64>,
    /// What the function's callers put there.
    pub(super) arguments: BTreeSet<Place>,
    /// Variables at fixed addresses.
    pub(super) globals: BTreeSet<u64>,
    /// What can't be followed, by the address of the instruction where the trace ends.
    pub(super) lost: BTreeSet<(u64, Lost)>,
}

impl Origins {
    /// A number in the code, and nothing else.
    pub(super) fn constant(constant: u64) -> Self {
        Self { constants: [constant].into(), ..Self::default() }
    }
}

/// Why a trace ends without a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lost {
    /// It is the result of a call, or a call may have changed it.
    AfterCall,
    /// It is read from memory that is not at a fixed address, such as an element of an array.
    Memory,
    /// It is computed.
    Computed,
    /// It is an address.
    Address,
    /// Nothing leads to the code.
    Unreached,
    /// The function is too large, or the program too intricate, to be followed to the end.
    TooMuch,
}

/// How much may still be followed: hostile programs must not keep us busy.
#[derive(Debug)]
pub(super) struct Budget(u64);

impl Budget {
    pub(super) const fn new(steps: u64) -> Self {
        Self(steps)
    }

    /// Takes so much of it, if it is still there.
    pub(super) fn take(&mut self, steps: u64) -> bool {
        let enough = self.0 >= steps;
        self.0 = self.0.saturating_sub(steps);
        enough
    }
}

/// Steps that one value is followed over; the longest trace of real programs has some thousand.
const MOST_VISITED: usize = 500_000;

/// Follows `place` backwards from just before `step`.
pub(super) fn origins(
    flow: &Flow,
    convention: &Convention,
    (step, place): (u32, Place),
    budget: &mut Budget,
) -> Origins {
    let mut trace =
        Trace { flow, convention, found: Origins::default(), seen: HashSet::new(), pending: Vec::new() };
    trace.go_on(step, place);
    while let Some((step, place)) = trace.pending.pop() {
        if !budget.take(1) || trace.seen.len() > MOST_VISITED {
            trace.found.lost.insert((flow.address(step), Lost::TooMuch));
            break;
        }
        trace.visit(step, place);
    }
    if trace.found == Origins::default() {
        trace.found.lost.insert((flow.address(step), Lost::Unreached));
    }
    trace.found
}

struct Trace<'a> {
    flow: &'a Flow,
    convention: &'a Convention,
    found: Origins,
    seen: HashSet<(u32, Place)>,
    /// Where the value is looked for before which step.
    pending: Vec<(u32, Place)>,
}

impl Trace<'_> {
    fn go_on(&mut self, step: u32, place: Place) {
        if self.seen.insert((step, place)) {
            self.pending.push((step, place));
        }
    }

    fn visit(&mut self, step: u32, place: Place) {
        if step == 0 {
            match place {
                // Below its arguments, the stack is the function's own, and not written yet.
                Place::Slot(slot) if slot < self.convention.return_address => self.lose(step, Lost::Memory),
                _ => drop(self.found.arguments.insert(place)),
            }
        }
        let flow = self.flow;
        for &before in flow.before(step) {
            self.across(before, place);
        }
    }

    /// Looks at one step that comes before.
    fn across(&mut self, step: u32, place: Place) {
        let is_in = |to| place == Place::Register(to);
        let changes = |registers: Registers| match place {
            Place::Register(register) => registers.contains(register),
            Place::Slot(_) => false,
        };
        let is_part = |offset: i64, size: u8| match place {
            Place::Register(_) => false,
            Place::Slot(slot) => {
                slot.checked_sub(offset).is_some_and(|into| (0..size.into()).contains(&into))
            }
        };
        match self.flow.op(step) {
            Op::Set { to, value } if is_in(to) => self.operand(step, value),
            Op::MaybeSet { to, value } if is_in(to) => {
                self.operand(step, value);
                self.go_on(step, place);
            }
            Op::LoadStack { to, offset, .. } if is_in(to) => self.go_on(step, Place::Slot(offset)),
            Op::StoreStack { offset, value, .. } if place == Place::Slot(offset) => self.operand(step, value),
            Op::StoreStack { offset, size, .. } if is_part(offset, size) => self.lose(step, Lost::Memory),
            Op::LoadGlobal { to, address } if is_in(to) => drop(self.found.globals.insert(address)),
            Op::Address { to, .. } if is_in(to) => self.lose(step, Lost::Address),
            Op::Call { .. } if changes(self.convention.changed_by_call) => self.lose(step, Lost::AfterCall),
            Op::Syscall if changes(self.convention.changed_by_kernel) => self.lose(step, Lost::AfterCall),
            Op::Clobber { registers } if changes(registers) => self.lose(step, Lost::Computed),
            _ => self.go_on(step, place),
        }
    }

    fn operand(&mut self, step: u32, value: Operand) {
        match value {
            Operand::Constant(constant) => drop(self.found.constants.insert(constant)),
            Operand::Register(register) => self.go_on(step, Place::Register(register)),
            Operand::Unknown => self.lose(step, Lost::Memory),
        }
    }

    fn lose(&mut self, step: u32, why: Lost) {
        self.found.lost.insert((self.flow.address(step), why));
    }
}

#[cfg(test)]
mod tests {
    use super::super::amd64;
    use super::super::ir::Register;
    use super::*;

    /// Where `eax` comes from at the `SYSCALL` of this code, which lies at 0x1000.
    fn at_syscall(code: &[u8]) -> Origins {
        let flow = Flow::new(amd64::decode(code, 0x1000), 0x1000, &amd64::GO);
        let step = flow.ops().find(|(_, op)| *op == Op::Syscall).expect("a SYSCALL").0;
        origins(&flow, &amd64::GO, (step, Place::Register(amd64::GO.number)), &mut Budget::new(1000))
    }

    fn lost(address: u64, why: Lost) -> Origins {
        Origins { lost: [(address, why)].into(), ..Origins::default() }
    }

    /// Check that numbers are found in registers, over the stack, and on all ways of a branch.
    #[test]
    fn constants_are_found() {
        for (code, numbers) in [
            // mov eax, 39; syscall
            (&[0xb8, 39, 0, 0, 0, 0x0f, 0x05][..], &[39][..]),
            // xor eax, eax; syscall
            (&[0x31, 0xc0, 0x0f, 0x05], &[0]),
            // push 39; pop rax; syscall
            (&[0x6a, 39, 0x58, 0x0f, 0x05], &[39]),
            // mov eax, 1; mov ecx, 2; cmove eax, ecx; syscall
            (&[0xb8, 1, 0, 0, 0, 0xb9, 2, 0, 0, 0, 0x0f, 0x44, 0xc1, 0x0f, 0x05], &[1, 2]),
            // mov eax, 1; je +5; mov eax, 2; syscall
            (&[0xb8, 1, 0, 0, 0, 0x74, 5, 0xb8, 2, 0, 0, 0, 0x0f, 0x05], &[1, 2]),
            // sub rsp, 16; mov qword [rsp+8], 39; call +0; mov rax, [rsp+8]; syscall
            (
                &[
                    0x48, 0x83, 0xec, 16, 0x48, 0xc7, 0x44, 0x24, 8, 39, 0, 0, 0, 0xe8, 0, 0, 0, 0, 0x48,
                    0x8b, 0x44, 0x24, 8, 0x0f, 0x05,
                ],
                &[39],
            ),
        ] {
            let constants = numbers.iter().copied().collect();
            assert_eq!(at_syscall(code), Origins { constants, ..Origins::default() }, "of {code:x?}");
        }
    }

    /// Check that arguments in a register and on the stack are told, also behind a jump back to the start.
    #[test]
    fn arguments_are_found() {
        let of = |place| Origins { arguments: [place].into(), ..Origins::default() };
        assert_eq!(at_syscall(&[0x0f, 0x05]), of(Place::Register(Register(0))));
        // mov rax, [rsp+8]; syscall
        assert_eq!(at_syscall(&[0x48, 0x8b, 0x44, 0x24, 8, 0x0f, 0x05]), of(Place::Slot(8)));
        // je +2; syscall; mov [rsp+8], rax; call +0; mov rax, [rsp+8]; jmp to the start
        let code = [
            0x74, 2, 0x0f, 0x05, 0x48, 0x89, 0x44, 0x24, 8, 0xe8, 0, 0, 0, 0, 0x48, 0x8b, 0x44, 0x24, 8,
            0xeb, 0xeb,
        ];
        assert!(at_syscall(&code).arguments.contains(&Place::Register(Register(0))));
    }

    /// Check that a trace that ends says where and why.
    #[test]
    fn what_cannot_be_followed_is_told() {
        // call +0; syscall
        assert_eq!(at_syscall(&[0xe8, 0, 0, 0, 0, 0x0f, 0x05]), lost(0x1000, Lost::AfterCall));
        // mov rax, [rcx+rdx*8]; syscall
        assert_eq!(at_syscall(&[0x48, 0x8b, 0x04, 0xd1, 0x0f, 0x05]), lost(0x1000, Lost::Memory));
        // add eax, ecx; syscall
        assert_eq!(at_syscall(&[0x01, 0xc8, 0x0f, 0x05]), lost(0x1000, Lost::Computed));
        // ret; syscall
        assert_eq!(at_syscall(&[0xc3, 0x0f, 0x05]), lost(0x1001, Lost::Unreached));
        // mov rax, [rsp-8]; syscall: never written
        assert_eq!(at_syscall(&[0x48, 0x8b, 0x44, 0x24, 0xf8, 0x0f, 0x05]), lost(0x1000, Lost::Memory));
    }

    /// Check that a call that never returns does not lead into the code behind it, whose stack is another.
    #[test]
    fn calls_that_never_return_lead_nowhere() {
        // je +9; sub rsp, 8; call +0; syscall: reached by the branch only
        let code = [0x74, 9, 0x48, 0x83, 0xec, 8, 0xe8, 0, 0, 0, 0, 0x0f, 0x05];
        let expected = Origins { arguments: [Place::Register(Register(0))].into(), ..Origins::default() };
        assert_eq!(at_syscall(&code), expected);
    }
}
