//! The front end for x86-64: machine code in, [`Step`]s out.

use iced_x86::{
    Code, Decoder, DecoderOptions, FlowControl, Instruction, InstructionInfoFactory, InstructionInfoOptions,
    Mnemonic, OpAccess, OpKind, Register as Native,
};

mod bytes;
mod convention;

pub(super) use bytes::{Candidate, candidates, is_shared_stub, references, stubs};
pub(super) use convention::{C, GO};

use convention::{NONE, RAX, RBP, RSP};

use super::ir::{Base, Op, Operand, Register, Registers, Step};

/// Decodes a function's code, which lies at `address`. Bytes that are no instruction become [`Op::Trap`]. Nothing if
/// there are more than `most` steps.
pub(super) fn decode(code: &[u8], address: u64, most: usize) -> Option<Vec<Step>> {
    let mut decoder = Decoder::with_ip(64, code, address, DecoderOptions::NONE);
    let mut front = FrontEnd { factory: InstructionInfoFactory::new(), steps: Vec::new(), offset: 0 };
    let mut instruction = Instruction::default();
    while decoder.can_decode() {
        front.offset = u32::try_from(decoder.position()).unwrap_or(u32::MAX);
        decoder.decode_out(&mut instruction);
        front.instruction(&instruction);
        if front.steps.len() > most {
            return None;
        }
    }
    Some(front.steps)
}

struct FrontEnd {
    factory: InstructionInfoFactory,
    steps: Vec<Step>,
    offset: u32,
}

impl FrontEnd {
    fn push(&mut self, op: Op) {
        self.steps.push(Step { offset: self.offset, op });
    }

    fn instruction(&mut self, instruction: &Instruction) {
        if instruction.is_invalid() {
            return self.push(Op::Trap);
        }
        if let Some(op) = flow(instruction) {
            if let (Op::Call { target: None, .. } | Op::Jump { target: None, .. }, Some(address)) =
                (op, fixed_address(instruction))
            {
                self.push(Op::LoadGlobal { to: NONE, address });
            }
            return self.push(op);
        }
        match instruction.mnemonic() {
            Mnemonic::Push => self.push_stack(instruction),
            Mnemonic::Pop => self.pop_stack(instruction),
            Mnemonic::Leave => {
                self.push(Op::SetStack { base: Base::Frame, offset: 0 });
                self.push(Op::LoadStack { to: RBP, base: Base::Stack, offset: 0 });
                self.push(Op::MoveStack { by: 8 });
            }
            _ => match value(instruction) {
                Some(op) => self.push(op),
                None => self.other(instruction),
            },
        }
    }

    fn push_stack(&mut self, instruction: &Instruction) {
        let by = i64::from(instruction.stack_pointer_increment());
        self.push(Op::MoveStack { by });
        let value = operand(instruction, 0);
        self.push(Op::StoreStack { base: Base::Stack, offset: 0, size: 8, value });
    }

    fn pop_stack(&mut self, instruction: &Instruction) {
        let to = whole_register(instruction, 0);
        match to {
            Some(to) => self.push(Op::LoadStack { to, base: Base::Stack, offset: 0 }),
            None => self.clobbers(instruction),
        }
        self.push(Op::MoveStack { by: i64::from(instruction.stack_pointer_increment()) });
    }

    /// Anything else: what it writes is not known any more.
    fn other(&mut self, instruction: &Instruction) {
        if let Some(op) = store(instruction) {
            self.push(op);
        }
        self.clobbers(instruction);
        let moved = instruction.stack_pointer_increment();
        if moved != 0 {
            self.push(Op::MoveStack { by: i64::from(moved) });
        }
    }

    fn clobbers(&mut self, instruction: &Instruction) {
        let moves_stack = instruction.stack_pointer_increment() != 0;
        let info = self.factory.info_options(instruction, InstructionInfoOptions::NO_MEMORY_USAGE);
        let mut registers = Registers::default();
        for used in info.used_registers() {
            let written = matches!(
                used.access(),
                OpAccess::Write | OpAccess::ReadWrite | OpAccess::CondWrite | OpAccess::ReadCondWrite
            );
            if let Some(register) = general(used.register())
                && written
                && !(register == RSP && moves_stack)
            {
                registers.insert(register);
            }
        }
        if !registers.is_empty() {
            self.push(Op::Clobber { registers });
        }
    }
}

/// What changes where execution goes on.
fn flow(instruction: &Instruction) -> Option<Op> {
    let depth = None;
    let is_direct = matches!(instruction.op0_kind(), OpKind::NearBranch64 | OpKind::NearBranch32);
    let target = is_direct.then(|| instruction.near_branch_target());
    match instruction.flow_control() {
        FlowControl::Next => None,
        FlowControl::Call | FlowControl::IndirectCall if instruction.code() == Code::Syscall => {
            Some(Op::Syscall)
        }
        FlowControl::Call | FlowControl::IndirectCall if instruction.code() == Code::Sysenter => {
            Some(Op::ForeignSyscall)
        }
        FlowControl::Call | FlowControl::IndirectCall => Some(Op::Call { target, depth }),
        FlowControl::UnconditionalBranch | FlowControl::IndirectBranch => Some(Op::Jump { target, depth }),
        FlowControl::ConditionalBranch | FlowControl::XbeginXabortXend => {
            Some(target.map_or(Op::Nothing, |target| Op::Branch { target, depth }))
        }
        FlowControl::Return => Some(Op::Return),
        FlowControl::Interrupt if instruction.mnemonic() == Mnemonic::Int => {
            let is_call = constant(instruction, 0) == Some(0x80);
            Some(if is_call { Op::ForeignSyscall } else { Op::Clobber { registers: Registers::of(&[RAX]) } })
        }
        // `int3` and `ud2` end it.
        FlowControl::Exception | FlowControl::Interrupt => Some(Op::Trap),
    }
}

/// What sets one register, or moves the stack, in a way that is traced.
fn value(instruction: &Instruction) -> Option<Op> {
    match instruction.mnemonic() {
        Mnemonic::Mov | Mnemonic::Movsxd => moved(instruction),
        Mnemonic::Lea => address(instruction),
        Mnemonic::Xor | Mnemonic::Sub
            if instruction.op1_kind() == OpKind::Register
                && instruction.op0_register() == instruction.op1_register() =>
        {
            Some(Op::Set { to: whole_register(instruction, 0)?, value: Operand::Constant(0) })
        }
        Mnemonic::Sub | Mnemonic::Add if instruction.op0_register() == Native::RSP => {
            let by = constant(instruction, 1)?.cast_signed();
            let by = if instruction.mnemonic() == Mnemonic::Sub { by.checked_neg()? } else { by };
            Some(Op::MoveStack { by })
        }
        Mnemonic::Or if constant(instruction, 1) == Some(u64::MAX) => {
            Some(Op::Set { to: whole_register(instruction, 0)?, value: Operand::Constant(u64::MAX) })
        }
        mnemonic if is_conditional_move(mnemonic) => {
            Some(Op::MaybeSet { to: whole_register(instruction, 0)?, value: operand(instruction, 1) })
        }
        _ => None,
    }
}

fn moved(instruction: &Instruction) -> Option<Op> {
    if instruction.op0_kind() == OpKind::Memory {
        return store(instruction);
    }
    let to = whole_register(instruction, 0)?;
    match (to, instruction.op1_kind()) {
        (RSP, OpKind::Register) if instruction.op1_register() == Native::RBP => {
            Some(Op::SetStack { base: Base::Frame, offset: 0 })
        }
        (RBP, OpKind::Register) if instruction.op1_register() == Native::RSP => {
            Some(Op::SetFrame { base: Base::Stack, offset: 0 })
        }
        (RSP, _) => None,
        (_, OpKind::Memory) => Some(load(instruction, to)),
        _ => match operand(instruction, 1) {
            Operand::Unknown => None,
            value => Some(Op::Set { to, value }),
        },
    }
}

fn load(instruction: &Instruction, to: Register) -> Op {
    match (stack_address(instruction), fixed_address(instruction)) {
        (Some((base, offset)), _) => Op::LoadStack { to, base, offset },
        (None, Some(address)) => Op::LoadGlobal { to, address },
        (None, None) => match pointed_to(instruction) {
            Some((from, offset)) if instruction.memory_size().size() >= 4 => Op::Load { to, from, offset },
            _ => Op::Set { to, value: Operand::Unknown },
        },
    }
}

/// An instruction that writes memory at a place that is known; its other effects are not told.
fn store(instruction: &Instruction) -> Option<Op> {
    if instruction.op_count() == 0 || instruction.op0_kind() != OpKind::Memory {
        return None;
    }
    if matches!(instruction.mnemonic(), Mnemonic::Cmp | Mnemonic::Test | Mnemonic::Nop) {
        return None;
    }
    let is_plain = instruction.mnemonic() == Mnemonic::Mov && instruction.memory_size().size() >= 4;
    let value = if is_plain { operand(instruction, 1) } else { Operand::Unknown };
    let size = u8::try_from(instruction.memory_size().size()).unwrap_or(u8::MAX);
    match stack_address(instruction) {
        Some((base, offset)) => Some(Op::StoreStack { base, offset, size, value }),
        None => match (fixed_address(instruction), pointed_to(instruction)) {
            (Some(address), _) => Some(Op::StoreGlobal { address, size, value }),
            (None, Some((_, offset))) => Some(Op::Store { offset, size }),
            (None, None) => None,
        },
    }
}

fn address(instruction: &Instruction) -> Option<Op> {
    let to = whole_register(instruction, 0)?;
    match (to, stack_address(instruction)) {
        (RSP, Some((base, offset))) => Some(Op::SetStack { base, offset }),
        (RBP, Some((base, offset))) => Some(Op::SetFrame { base, offset }),
        (_, Some((base, offset))) => Some(Op::StackAddress { to, base, offset }),
        _ => Some(Op::Address { to, address: fixed_address(instruction)? }),
    }
}

/// An address at a fixed distance from the stack or frame pointer.
fn stack_address(instruction: &Instruction) -> Option<(Base, i64)> {
    let base = match instruction.memory_base() {
        Native::RSP => Base::Stack,
        Native::RBP => Base::Frame,
        _ => return None,
    };
    let plain = instruction.memory_index() == Native::None && !is_thread_local(instruction);
    plain.then(|| (base, instruction.memory_displacement64().cast_signed()))
}

/// An address at a fixed distance from where another register leads to.
fn pointed_to(instruction: &Instruction) -> Option<(Register, i64)> {
    let plain = instruction.memory_index() == Native::None && !is_thread_local(instruction);
    let base = instruction.memory_base();
    let from = general(base).filter(|_| plain && base.is_gpr64())?;
    Some((from, instruction.memory_displacement64().cast_signed()))
}

/// An address that is the same whenever the instruction is executed.
fn fixed_address(instruction: &Instruction) -> Option<u64> {
    let is_memory = (0..instruction.op_count()).any(|number| instruction.op_kind(number) == OpKind::Memory);
    if !is_memory || is_thread_local(instruction) || instruction.memory_index() != Native::None {
        return None;
    }
    match instruction.memory_base() {
        Native::RIP | Native::EIP | Native::None => Some(instruction.memory_displacement64()),
        _ => None,
    }
}

fn is_thread_local(instruction: &Instruction) -> bool {
    matches!(instruction.segment_prefix(), Native::FS | Native::GS)
}

fn operand(instruction: &Instruction, number: u32) -> Operand {
    if let Some(constant) = constant(instruction, number) {
        return Operand::Constant(constant);
    }
    whole_register(instruction, number).map_or(Operand::Unknown, Operand::Register)
}

/// A number in the instruction. One for a 32-bit operand is extended with zeros, as the register is.
fn constant(instruction: &Instruction, number: u32) -> Option<u64> {
    let is_constant = !matches!(
        instruction.op_kind(number),
        OpKind::Register
            | OpKind::Memory
            | OpKind::NearBranch16
            | OpKind::NearBranch32
            | OpKind::NearBranch64
    );
    is_constant.then(|| instruction.try_immediate(number).ok()).flatten()
}

/// An operand that is a general register of 64 bits, or of 32, whose upper half is then zero.
fn whole_register(instruction: &Instruction, number: u32) -> Option<Register> {
    if instruction.op_count() <= number || instruction.op_kind(number) != OpKind::Register {
        return None;
    }
    let register = instruction.op_register(number);
    (register.size() >= 4).then(|| general(register)).flatten()
}

fn general(register: Native) -> Option<Register> {
    register.is_gpr().then(|| u8::try_from(register.full_register().number()).ok().map(Register)).flatten()
}

fn is_conditional_move(mnemonic: Mnemonic) -> bool {
    use Mnemonic::{
        Cmova, Cmovae, Cmovb, Cmovbe, Cmove, Cmovg, Cmovge, Cmovl, Cmovle, Cmovne, Cmovno, Cmovnp, Cmovns,
        Cmovo, Cmovp, Cmovs,
    };
    matches!(
        mnemonic,
        Cmova
            | Cmovae
            | Cmovb
            | Cmovbe
            | Cmove
            | Cmovg
            | Cmovge
            | Cmovl
            | Cmovle
            | Cmovne
            | Cmovno
            | Cmovnp
            | Cmovns
            | Cmovo
            | Cmovp
            | Cmovs
    )
}
