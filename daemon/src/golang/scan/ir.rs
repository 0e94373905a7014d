//! The few things that matter of an instruction when a register's value is traced backwards.
//!
//! A front end per architecture turns machine code into these; nothing behind it knows an architecture. One
//! instruction becomes one or several [`Op`]s, in the order in which they take effect.

/// A general register by its number in the architecture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Register(pub(super) u8);

/// A set of general registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Registers(u32);

impl Registers {
    /// The set of these.
    pub(super) const fn of(registers: &[Register]) -> Self {
        let (mut bits, mut at) = (0, 0);
        while at < registers.len() {
            bits |= 1 << (registers[at].0 & 31);
            at += 1;
        }
        Self(bits)
    }

    pub(super) fn insert(&mut self, register: Register) {
        self.0 |= 1 << (register.0 & 31);
    }

    pub(super) fn contains(self, register: Register) -> bool {
        self.0 >> (register.0 & 31) & 1 == 1
    }

    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// What an instruction reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operand {
    /// A number in the instruction.
    Constant(u64),
    /// A register's value.
    Register(Register),
    /// Anything else.
    Unknown,
}

/// Where a value that is traced lies at some point of a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Place {
    /// In a register.
    Register(Register),
    /// On the stack, so many bytes above the stack pointer as it was at the function's entry.
    Slot(i64),
    /// In memory, so many bytes above what a pointer leads to.
    Behind { pointer: Pointer, offset: i64 },
}

/// Where a pointer lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Pointer {
    /// In a register.
    Register(Register),
    /// On the stack, counted as [`Place::Slot`].
    Slot(i64),
}

impl From<Pointer> for Place {
    fn from(pointer: Pointer) -> Self {
        match pointer {
            Pointer::Register(register) => Self::Register(register),
            Pointer::Slot(slot) => Self::Slot(slot),
        }
    }
}

impl Place {
    /// The place so many bytes above where this one, which holds a pointer, leads to. Pointers behind pointers are not
    /// followed.
    pub(super) fn behind(self, offset: i64) -> Option<Self> {
        let pointer = match self {
            Self::Register(register) => Pointer::Register(register),
            Self::Slot(slot) => Pointer::Slot(slot),
            Self::Behind { .. } => return None,
        };
        Some(Self::Behind { pointer, offset })
    }
}

/// What an address on the stack is counted from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Base {
    /// The stack pointer as it is now.
    Stack,
    /// The frame pointer as it is now.
    Frame,
    /// The stack pointer at the function's entry: what the others become once they are known.
    Entry,
}

/// One effect of an instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Op {
    /// Nothing of interest.
    Nothing,
    /// A register is set.
    Set { to: Register, value: Operand },
    /// A register is set on a condition.
    MaybeSet { to: Register, value: Operand },
    /// A register is read from the stack.
    LoadStack { to: Register, base: Base, offset: i64 },
    /// So many bytes of the stack are written.
    StoreStack { base: Base, offset: i64, size: u8, value: Operand },
    /// A register is read from a variable at a fixed address.
    LoadGlobal { to: Register, address: u64 },
    /// So many bytes are written at a fixed address.
    StoreGlobal { address: u64, size: u8, value: Operand },
    /// A register is set to a fixed address.
    Address { to: Register, address: u64 },
    /// A register is set to an address on the stack.
    StackAddress { to: Register, base: Base, offset: i64 },
    /// A register is read from memory, so many bytes above where another one leads to.
    Load { to: Register, from: Register, offset: i64 },
    /// So many bytes are written above where a register leads to.
    Store { offset: i64, size: u8 },
    /// The stack pointer is moved by so many bytes.
    MoveStack { by: i64 },
    /// The frame pointer is set to an address on the stack.
    SetFrame { base: Base, offset: i64 },
    /// The stack pointer is set from the frame pointer.
    SetStack { base: Base, offset: i64 },
    /// A function is called. `depth` is the stack pointer before it, counted from the entry.
    Call { target: Option<u64>, depth: Option<i64> },
    /// Execution goes on elsewhere. Without a target, it is computed.
    Jump { target: Option<u64>, depth: Option<i64> },
    /// Execution may go on elsewhere.
    Branch { target: u64, depth: Option<i64> },
    /// The kernel is called.
    Syscall,
    /// The kernel is called by the entry of another ABI, which has other numbers.
    ForeignSyscall,
    /// Back to the caller.
    Return,
    /// Execution ends here.
    Trap,
    /// Registers are changed in a way that is not traced.
    Clobber { registers: Registers },
}

/// An effect and where its instruction lies, counted from the function's entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) offset: u32,
    pub(super) op: Op,
}

/// How an architecture and its calling conventions use registers.
#[derive(Debug)]
pub(super) struct Convention {
    /// Holds the number when the kernel is called.
    pub(super) number: Register,
    /// Holds a function's first argument.
    pub(super) first_argument: Register,
    /// What the kernel changes.
    pub(super) changed_by_kernel: Registers,
    /// What a called function may change.
    pub(super) changed_by_call: Registers,
    pub(super) stack: Register,
    pub(super) frame: Register,
    /// What a call itself puts on the stack, in bytes.
    pub(super) return_address: i64,
    /// Whether a function may find its number where an argument points to.
    pub(super) has_pointers: bool,
}
