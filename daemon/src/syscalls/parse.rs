//! Names as they stand in files and arguments.

use std::fmt;

use crate::model::{Arch, SyscallNr};

/// A name that the architecture does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownSyscall {
    arch: Arch,
    name: String,
}

impl UnknownSyscall {
    /// The name as it was written.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The known name that is most like it, if any is near.
    pub fn nearest(&self) -> Option<&'static str> {
        super::nearest(self.arch, &self.name)
    }
}

impl fmt::Display for UnknownSyscall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} has no system call `{}`", self.arch.name(), self.name)?;
        match self.nearest() {
            Some(nearest) => write!(f, "; the nearest name is `{nearest}`"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for UnknownSyscall {}

/// The number of a name as [`super::display_name`] writes it: a known name, or `syscall_N` for a number that
/// has none.
pub fn parse(arch: Arch, name: &str) -> Result<SyscallNr, UnknownSyscall> {
    super::number(arch, name)
        .or_else(|| unnamed(arch, name))
        .ok_or_else(|| UnknownSyscall { arch, name: name.to_owned() })
}

/// One spelling per number: `syscall_0` for `read`, or `syscall_0500`, is refused.
fn unnamed(arch: Arch, name: &str) -> Option<SyscallNr> {
    let nr = SyscallNr::new(name.strip_prefix("syscall_")?.parse().ok()?)?;
    (super::display_name(arch, nr) == name).then_some(nr)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::MAX_SYSCALLS;

    /// Check that whatever is written is read back, for every number.
    #[test]
    fn every_written_name_is_read_back() {
        for arch in Arch::ALL {
            for nr in (0..MAX_SYSCALLS).filter_map(SyscallNr::new) {
                assert_eq!(parse(arch, &super::super::display_name(arch, nr)), Ok(nr));
            }
        }
    }

    /// Check that unknown names are refused with the nearest known one.
    #[test]
    fn unknown_names_are_refused() {
        let error = |name| parse(Arch::X86_64, name).unwrap_err().to_string();
        assert_eq!(error("opneat"), "x86_64 has no system call `opneat`; the nearest name is `openat`");
        assert_eq!(error("nothing_like_it_at_all"), "x86_64 has no system call `nothing_like_it_at_all`");
        for alias in ["syscall_0", "syscall_0500", "syscall_512", "syscall_+500"] {
            assert!(parse(Arch::X86_64, alias).is_err(), "{alias}");
        }
    }
}
