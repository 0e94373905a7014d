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
    /// What pointers in variables at fixed addresses lead to, so many bytes above.
    pub(super) pointed_to: BTreeSet<(u64, i64)>,
    /// Addresses on the stack, counted from the function's entry. A number is none.
    pub(super) frames: BTreeSet<i64>,
    /// What can't be followed, by the address of the instruction where the trace ends.
    pub(super) lost: BTreeSet<(u64, Lost)>,
}

impl Origins {
    /// A number in the code, and nothing else.
    pub(super) fn constant(constant: u64) -> Self {
        Self { constants: [constant].into(), ..Self::default() }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        let addresses = self.globals.len() + self.pointed_to.len() + self.frames.len();
        self.constants.len() + self.arguments.len() + addresses + self.lost.len()
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

/// What it takes to look at a step, where to decode a byte takes 1.
const VISIT: u64 = 4;

/// Follows `place` backwards from just before `step`. The calls in `endless` never return.
pub(super) fn origins(
    flow: &Flow,
    convention: &Convention,
    (step, place): (u32, Place),
    endless: &BTreeSet<u32>,
    budget: &mut Budget,
) -> Origins {
    let mut found = traced(flow, convention, (step, place), endless, budget);
    if !std::mem::take(&mut found.frames).is_empty() {
        found.lost.insert((flow.address(step), Lost::Address));
    }
    found
}

/// The same for a value that may be an address on the stack.
fn traced(
    flow: &Flow,
    convention: &Convention,
    (step, place): (u32, Place),
    endless: &BTreeSet<u32>,
    budget: &mut Budget,
) -> Origins {
    let (found, seen, pending) = (Origins::default(), HashSet::new(), Vec::new());
    let mut trace = Trace { flow, convention, endless, found, seen, pending, shown: BTreeSet::new() };
    match place {
        Place::Behind { pointer, offset } => trace.behind(step, pointer.into(), offset, budget),
        _ => trace.go_on(step, place),
    }
    while let Some((step, place)) = trace.pending.pop() {
        let is_enough = trace.seen.len() <= MOST_VISITED && trace.found.len() <= MOST_VISITED;
        if !is_enough || !budget.take(VISIT + flow.before(step).len() as u64) {
            trace.found.lost.insert((flow.address(step), Lost::TooMuch));
            break;
        }
        trace.visit(step, place, budget);
    }
    if trace.found == Origins::default() {
        trace.found.lost.insert((flow.address(step), Lost::Unreached));
    }
    trace.found
}

struct Trace<'a> {
    flow: &'a Flow,
    convention: &'a Convention,
    endless: &'a BTreeSet<u32>,
    found: Origins,
    seen: HashSet<(u32, Place)>,
    /// Where the value is looked for before which step.
    pending: Vec<(u32, Place)>,
    /// Places on the stack whose address others were shown: a call may change what lies there.
    shown: BTreeSet<i64>,
}

impl Trace<'_> {
    fn go_on(&mut self, step: u32, place: Place) {
        if self.seen.insert((step, place)) {
            self.pending.push((step, place));
        }
    }

    fn visit(&mut self, step: u32, place: Place, budget: &mut Budget) {
        if step == 0 {
            match place {
                // Below its arguments, the stack is the function's own, and not written yet.
                Place::Slot(slot) if slot < self.convention.return_address => self.lose(step, Lost::Memory),
                _ => drop(self.found.arguments.insert(place)),
            }
        }
        let flow = self.flow;
        for &before in flow.before(step) {
            self.across(before, place, budget);
        }
    }

    /// Goes on with what lies so many bytes above where a pointer leads to. A caller's own stack is looked at where the
    /// caller hands out its address. Between there and here it is taken to be as it was, unless this function writes to
    /// such a place by any pointer.
    fn behind(&mut self, step: u32, pointer: Place, offset: i64, budget: &mut Budget) {
        let is_part =
            |at: i64, size: u8| at < offset.saturating_add(4) && offset < at.saturating_add(size.into());
        let is_written =
            |step| matches!(self.flow.op(step), Op::Store { offset, size } if is_part(offset, size));
        // Pointers behind pointers are not followed.
        let is_nested = matches!(pointer, Place::Behind { .. });
        if !self.convention.has_pointers || is_nested {
            return self.lose(step, Lost::Memory);
        }
        let Some(leading) = self.flow.leading_to(step, |before| budget.take(VISIT + before as u64)) else {
            return self.lose(step, Lost::TooMuch);
        };
        if leading.into_iter().any(is_written) {
            return self.lose(step, Lost::Memory);
        }
        let plain = Convention { has_pointers: false, ..*self.convention };
        let pointers = traced(self.flow, &plain, (step, pointer), self.endless, budget);
        // Nothing lies where a pointer of zero leads to.
        if !pointers.lost.is_empty() || pointers.constants.iter().any(|&constant| constant != 0) {
            self.lose(step, Lost::Memory);
        }
        self.found.arguments.extend(pointers.arguments.iter().filter_map(|place| place.behind(offset)));
        self.found.pointed_to.extend(pointers.globals.iter().map(|&global| (global, offset)));
        for slot in pointers.frames.iter().filter_map(|frame| frame.checked_add(offset)) {
            self.shown.insert(slot);
            self.go_on(step, Place::Slot(slot));
        }
    }

    /// Looks at one step that comes before.
    fn across(&mut self, step: u32, place: Place, budget: &mut Budget) {
        let is_in = |to| place == Place::Register(to);
        let changes = |registers: Registers| match place {
            Place::Register(register) => registers.contains(register),
            Place::Slot(_) | Place::Behind { .. } => false,
        };
        let is_shown = matches!(place, Place::Slot(slot) if self.shown.contains(&slot));
        let is_part = |offset: i64, size: u8| match place {
            Place::Register(_) | Place::Behind { .. } => false,
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
            Op::StackAddress { to, offset, .. } if is_in(to) => drop(self.found.frames.insert(offset)),
            Op::Load { to, from, offset } if is_in(to) => {
                self.behind(step, Place::Register(from), offset, budget);
            }
            Op::Call { .. } if is_shown || changes(self.convention.changed_by_call) => {
                if !self.endless.contains(&step) {
                    self.lose(step, Lost::AfterCall);
                }
            }
            Op::Syscall | Op::ForeignSyscall if changes(self.convention.changed_by_kernel) => {
                self.lose(step, Lost::AfterCall);
            }
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
    use super::super::ir::{Pointer, Register};
    use super::*;

    /// Where `eax` comes from at the `SYSCALL` of this code, which lies at 0x1000.
    fn at_syscall(code: &[u8]) -> Origins {
        traced_in(code, &amd64::GO, &[])
    }

    /// The same by any convention, with the numbers of steps that are calls without end.
    fn traced_in(code: &[u8], convention: &Convention, endless: &[u32]) -> Origins {
        let flow = Flow::new(amd64::decode(code, 0x1000, 100).unwrap(), 0x1000, convention);
        let step = flow.ops().find(|(_, op)| *op == Op::Syscall).expect("a SYSCALL").0;
        let number = Place::Register(convention.number);
        let endless = endless.iter().copied().collect();
        origins(&flow, convention, (step, number), &endless, &mut Budget::new(10_000))
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

    /// Check that a number is found where an argument points to, and in the function's own stack by its address, but not
    /// where it may have been changed, and not in Go code.
    #[test]
    fn pointers_are_followed() {
        let in_c = |code: &[u8]| traced_in(code, &amd64::C, &[]);
        // mov eax, [rdi+8]; syscall; mov [rdx+8], ecx
        let load = [0x8b, 0x47, 8, 0x0f, 0x05, 0x89, 0x4a, 8];
        let place = Place::Behind { pointer: Pointer::Register(Register(7)), offset: 8 };
        assert_eq!(in_c(&load), Origins { arguments: [place].into(), ..Origins::default() });
        assert_eq!(at_syscall(&load), lost(0x1000, Lost::Memory));
        // mov [rdx+10], cx: perhaps into it, by another pointer
        assert_eq!(in_c(&[&[0x66, 0x89, 0x4a, 10], &load[..]].concat()), lost(0x1004, Lost::Memory));
        // mov rax, [rip]; mov eax, [rax+4]; syscall
        let global = [0x48, 0x8b, 0x05, 0, 0, 0, 0, 0x8b, 0x40, 4, 0x0f, 0x05];
        assert_eq!(in_c(&global), Origins { pointed_to: [(0x1007, 4)].into(), ..Origins::default() });
        // mov dword [rsp-8], 39; mov rdi, rsp; mov eax, [rdi-8]; syscall
        let own = [0xc7, 0x44, 0x24, 0xf8, 39, 0, 0, 0, 0x48, 0x89, 0xe7, 0x8b, 0x47, 0xf8, 0x0f, 0x05];
        assert_eq!(in_c(&own), Origins::constant(39));
        // ... and a call in between, which was shown the address
        let call = [0xe8, 0, 0, 0, 0];
        let shown = [&own[..8], &call, &[0x48, 0x8d, 0x44, 0x24, 0xf8, 0x8b, 0, 0x0f, 0x05]].concat();
        assert_eq!(in_c(&shown), lost(0x1008, Lost::AfterCall));
    }

    /// Check that a number is nothing that comes from behind a call that never returns.
    #[test]
    fn calls_without_end_are_left_out() {
        // mov eax, 39; je +5; call +0; syscall
        let code = [0xb8, 39, 0, 0, 0, 0x74, 5, 0xe8, 0, 0, 0, 0, 0x0f, 0x05];
        let both = Origins { constants: [39].into(), ..lost(0x1007, Lost::AfterCall) };
        assert_eq!(traced_in(&code, &amd64::C, &[]), both);
        assert_eq!(traced_in(&code, &amd64::C, &[2]), Origins::constant(39));
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
