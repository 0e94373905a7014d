//! What happens to a call that is not allowed.

use std::fmt;
use std::str::FromStr;

/// An error number that a filter can return, 1 to 4095 (`MAX_ERRNO` in include/linux/err.h).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Errno(u16);

/// `EPERM`: what Docker, containerd and systemd profiles return by default.
pub const EPERM: Errno = Errno(1);
/// `ENOSYS`: "this kernel has no such call", on which a libc falls back to an older one.
pub const ENOSYS: Errno = Errno(38);

/// Not an error number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no error number: write a name such as EPERM, or 1 to 4095")]
pub struct UnknownErrno(pub String);

/// What a filter answers to a call that no rule names. "Allow" is not among them: a profile lists what is
/// allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DefaultAction {
    /// The call fails with this error.
    Errno(Errno),
    /// The process is killed by `SIGSYS` (`SECCOMP_RET_KILL_PROCESS`).
    KillProcess,
    /// The call is let through and logged (`SECCOMP_RET_LOG`): to try a profile out.
    Log,
}

impl Errno {
    /// An error number, or nothing outside 1 to 4095.
    pub const fn new(number: u16) -> Option<Self> {
        if 0 < number && number <= 4095 { Some(Self(number)) } else { None }
    }

    /// The bare number.
    pub const fn get(self) -> u16 {
        self.0
    }
}

/// Its name (`EPERM`), or the number where it has none.
impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match syscalls::Errno::new(i32::from(self.0)).name() {
            Some(name) => f.write_str(name),
            None => self.0.fmt(f),
        }
    }
}

impl FromStr for Errno {
    type Err = UnknownErrno;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let by_number = text.parse().ok().and_then(Self::new);
        let by_name = || (1..=4095).filter_map(Self::new).find(|errno| errno.to_string() == text);
        by_number.or_else(by_name).ok_or_else(|| UnknownErrno(text.to_owned()))
    }
}

impl fmt::Display for DefaultAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Errno(errno) => write!(f, "errno {errno}"),
            Self::KillProcess => f.write_str("kill-process"),
            Self::Log => f.write_str("log"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Check that errors are read by name and by number, and nothing else is.
    #[test]
    fn errors_are_read_by_name_and_number() {
        assert_eq!("EPERM".parse(), Ok(EPERM));
        assert_eq!("38".parse(), Ok(ENOSYS));
        assert_eq!(ENOSYS.to_string(), "ENOSYS");
        for wrong in ["0", "4096", "-1", "EPREM", ""] {
            assert_eq!(wrong.parse::<Errno>(), Err(UnknownErrno(wrong.into())));
        }
    }
}
