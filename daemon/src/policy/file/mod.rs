//! The profile file of our own: every rule with its reasons, and where the profile comes from.
//!
//! JSON, `{"format":"seccinch.profile","version":4,…}`. It is the only format that loses nothing.

mod decode;
mod encode;
mod format;
#[cfg(test)]
mod tests;

pub use format::{DOCUMENT, ProvenanceFile};

use super::{ConditionError, Profile, ProfileError, Provenance, UnknownErrno};
use crate::files::{DocumentError, Position, WriteError, check_document, to_json};
use crate::syscalls::UnknownSyscall;

/// Why bytes are no profile of ours.
#[derive(Debug, thiserror::Error)]
pub enum ProfileFileError {
    /// Another kind of file, or a newer version.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// A field is missing, unknown or of the wrong kind. The source has line and column.
    #[error("not a whole profile: build it again, or undo what was edited")]
    Invalid(#[source] serde_json::Error),
    /// An architecture without a table here.
    #[error("made for `{0}`, whose system calls are not known here: use x86_64 or aarch64")]
    UnknownArch(String),
    /// A name that the profile's architecture does not have.
    #[error("unknown name at {position}: correct it, or upgrade seccinch if the kernel is newer")]
    UnknownSyscall {
        /// Where it stands.
        position: Position,
        /// The name and its nearest.
        #[source]
        source: UnknownSyscall,
    },
    /// A rule that says nothing, or what can't be.
    #[error("the rule for `{syscall}` at {position} can't be")]
    Rule {
        /// Where it stands.
        position: Position,
        /// The call.
        syscall: String,
        /// What is wrong with it.
        #[source]
        source: RuleFileError,
    },
    /// A word with a fixed meaning that has none.
    #[error("`{text}` at {position} is no {what}")]
    Word {
        /// Where it stands.
        position: Position,
        /// The word.
        text: String,
        /// What it was taken for.
        what: &'static str,
    },
    /// The rules are no profile.
    #[error("not a usable profile")]
    Profile(#[source] ProfileError),
}

/// What can be wrong with one rule.
#[derive(Debug, thiserror::Error)]
pub enum RuleFileError {
    /// Nobody would know why it is there.
    #[error("it has no reason: add one, such as {{\"guard\": \"why\"}}")]
    NoReason,
    /// A condition that can't be.
    #[error(transparent)]
    Condition(#[from] ConditionError),
    /// No such error number.
    #[error(transparent)]
    Errno(#[from] UnknownErrno),
    /// A time that is not RFC 3339.
    #[error("`{0}` is no time: write it as 2026-01-31T12:00:00.000000000Z")]
    Time(String),
}

/// The bytes of a file with this profile.
pub fn render(profile: &Profile) -> Result<Vec<u8>, WriteError> {
    to_json(&encode::encode(profile))
}

/// Where a profile comes from, in the form that this file has for it.
pub fn provenance(provenance: &Provenance) -> ProvenanceFile {
    encode::provenance(provenance)
}

/// The profile in a file's bytes.
pub fn parse(bytes: &[u8]) -> Result<Profile, ProfileFileError> {
    check_document(bytes, DOCUMENT)?;
    let file = serde_json::from_slice(bytes).map_err(ProfileFileError::Invalid)?;
    decode::decode(file, bytes)
}
