//! What can be wrong with the parts of a file.

use crate::files::Position;
use crate::syscalls::UnknownSyscall;

/// Why a part of a file can't be.
#[derive(Debug, thiserror::Error)]
pub enum PartError {
    /// An architecture without a table here.
    #[error("recorded on `{0}`, whose system calls are not known here: use x86_64 or aarch64")]
    UnknownArch(String),
    /// A name that the recording's architecture does not have.
    #[error("unknown name at {position}: correct it, or upgrade seccinch if the kernel is newer")]
    UnknownSyscall {
        /// Where it stands.
        position: Position,
        /// The name and its nearest.
        #[source]
        source: UnknownSyscall,
    },
    /// A time that is not RFC 3339, or before 1970.
    #[error("`{text}` at {position} is no time: write it as 2026-01-31T12:00:00.000000000Z")]
    BadTime {
        /// Where it stands.
        position: Position,
        /// What stands there.
        text: String,
    },
    /// A caller that names a place which its role does not have.
    #[error("a caller of `{syscall}` at {position} names a frame that is not there")]
    NoSuchFrame {
        /// Where the call stands.
        position: Position,
        /// The call.
        syscall: String,
    },
    /// Argument values that do not fit the call.
    #[error("the arguments of `{syscall}` at {position} {problem}")]
    BadArguments {
        /// Where the call stands.
        position: Position,
        /// The call.
        syscall: String,
        /// What is wrong with them.
        problem: &'static str,
    },
}
