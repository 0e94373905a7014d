//! The architectures whose system call tables are known.

/// An architecture, and with it a native system call table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Arch {
    /// 64-bit x86 (`SCMP_ARCH_X86_64`), without its x32 and 32-bit tables.
    X86_64,
    /// 64-bit Arm (`SCMP_ARCH_AARCH64`).
    Aarch64,
}

impl Arch {
    /// The architecture this program was built for.
    #[cfg(target_arch = "x86_64")]
    pub const NATIVE: Self = Self::X86_64;
    /// The architecture this program was built for.
    #[cfg(target_arch = "aarch64")]
    pub const NATIVE: Self = Self::Aarch64;

    /// Every known architecture.
    pub const ALL: [Self; 2] = [Self::X86_64, Self::Aarch64];

    /// Its name as the kernel and Rust write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Aarch64 => "aarch64",
        }
    }

    /// The architecture with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|arch| arch.name() == name)
    }
}
