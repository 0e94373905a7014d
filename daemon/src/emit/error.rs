//! What a format can't express.

use std::io;

use crate::files::WriteError;
use crate::model::Arch;

/// Why a profile has no form in a format.
#[derive(Debug, thiserror::Error)]
pub enum EmitError {
    /// A rule that the format has no words for.
    #[error("{format} can't express the rule for `{syscall}` ({rule}): {way_out}")]
    Rule {
        /// The format.
        format: &'static str,
        /// The call.
        syscall: String,
        /// What its rule says.
        rule: String,
        /// What to do instead.
        way_out: &'static str,
    },
    /// A default action that the format has no words for.
    #[error("{format} can't express the default action `{action}`: {way_out}")]
    Default {
        /// The format.
        format: &'static str,
        /// The action.
        action: String,
        /// What to do instead.
        way_out: &'static str,
    },
    /// A filter flag that the runtime refuses.
    #[error(
        "the runtime `{engine}` takes no filter flags, so denials can't be logged: name one that does, such as runc-1.2"
    )]
    Flags {
        /// The runtime.
        engine: String,
    },
    /// A name that Kubernetes refuses.
    #[error("`{name}` can't name a Kubernetes object: {problem}")]
    ObjectName {
        /// The name.
        name: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// libseccomp refused a rule.
    #[error("libseccomp takes no rule for `{syscall}` on {}", arch.name())]
    Libseccomp {
        /// The call, or what else was asked of it.
        syscall: String,
        /// The profile's architecture.
        arch: Arch,
        /// libseccomp's reason.
        #[source]
        source: libseccomp::error::SeccompError,
    },
    /// libseccomp could not write the program.
    #[error("cannot compile the filter")]
    Compile(#[source] io::Error),
    /// The document has no text form.
    #[error("cannot write it as {0}")]
    Encode(&'static str, #[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<WriteError> for EmitError {
    fn from(error: WriteError) -> Self {
        Self::Encode("JSON", Box::new(error))
    }
}
