//! What a runtime takes beyond the rules.

use std::fmt;
use std::str::FromStr;

/// What reads the emitted file, as far as it changes what may stand in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// Not known: nothing is written that any of them refuses.
    Any,
    /// runc before 1.2, which refuses every filter flag ("seccomp flags are not yet supported by runc").
    Runc11,
    /// runc 1.2 and later, which takes `SECCOMP_FILTER_FLAG_LOG` (libcontainer/seccomp, `setFlag`).
    Runc12,
    /// crun, which takes it too.
    Crun,
}

/// Not a runtime.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no runtime: choose one of any, runc, runc-1.1, runc-1.2, crun")]
pub struct UnknownEngine(pub String);

/// Whether refused calls are written to the audit log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Logging {
    /// As the kernel does by itself: kills are logged, errors are not.
    Kernel,
    /// Every refused call is (`SECCOMP_FILTER_FLAG_LOG`, seccomp(2)).
    Denials,
}

impl Engine {
    const NAMES: [(Self, &'static str); 5] = [
        (Self::Any, "any"),
        (Self::Any, "runc"),
        (Self::Runc11, "runc-1.1"),
        (Self::Runc12, "runc-1.2"),
        (Self::Crun, "crun"),
    ];

    /// Whether it takes filter flags.
    pub const fn takes_flags(self) -> bool {
        matches!(self, Self::Runc12 | Self::Crun)
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = Self::NAMES.iter().find(|(engine, _)| engine == self);
        f.write_str(named.map_or("any", |(_, name)| name))
    }
}

impl FromStr for Engine {
    type Err = UnknownEngine;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let named = Self::NAMES.iter().find(|(_, name)| *name == text);
        named.map(|(engine, _)| *engine).ok_or_else(|| UnknownEngine(text.to_owned()))
    }
}
