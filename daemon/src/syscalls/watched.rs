//! The calls whose argument values are learned: those where a value decides whether the call is safe.

use crate::model::{Arch, SyscallNr};

/// A call whose arguments are learned.
#[derive(Debug, PartialEq, Eq)]
pub struct Watched {
    /// Its name, the same on every architecture.
    pub name: &'static str,
    /// Positions of the learned arguments, from 0; at most three.
    pub arguments: &'static [u8],
    /// What each of those arguments is called in the call's man page.
    pub labels: &'static [&'static str],
}

/// The fixed list, in the order of the names.
const WATCHED: &[Watched] = &[
    Watched { name: "bpf", arguments: &[0], labels: &["cmd"] },
    Watched { name: "clone", arguments: &[0], labels: &["flags"] },
    Watched { name: "fcntl", arguments: &[1], labels: &["cmd"] },
    Watched { name: "ioctl", arguments: &[1], labels: &["request"] },
    Watched { name: "mmap", arguments: &[2], labels: &["prot"] },
    Watched { name: "mprotect", arguments: &[2], labels: &["prot"] },
    Watched { name: "personality", arguments: &[0], labels: &["persona"] },
    Watched { name: "prctl", arguments: &[0], labels: &["option"] },
    Watched { name: "ptrace", arguments: &[0], labels: &["request"] },
    Watched { name: "setns", arguments: &[1], labels: &["nstype"] },
    Watched { name: "setsockopt", arguments: &[1, 2], labels: &["level", "optname"] },
    Watched { name: "socket", arguments: &[0, 1, 2], labels: &["domain", "type", "protocol"] },
    Watched { name: "socketpair", arguments: &[0, 1, 2], labels: &["domain", "type", "protocol"] },
    Watched { name: "unshare", arguments: &[0], labels: &["flags"] },
];

/// Every watched call of an architecture with its number.
pub fn watched(arch: Arch) -> impl Iterator<Item = (SyscallNr, &'static Watched)> {
    WATCHED.iter().filter_map(move |watched| Some((super::number(arch, watched.name)?, watched)))
}

/// What is watched of the call with this name, if anything.
pub fn watched_by_name(name: &str) -> Option<&'static Watched> {
    WATCHED.iter().find(|watched| watched.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Check that the list is whole on both architectures and every argument has its label.
    #[test]
    fn every_watched_call_exists_and_is_labelled() {
        for arch in Arch::ALL {
            assert_eq!(watched(arch).count(), WATCHED.len(), "{}", arch.name());
        }
        for watched in WATCHED {
            assert_eq!(watched.arguments.len(), watched.labels.len(), "{}", watched.name);
            assert!((1..=3).contains(&watched.arguments.len()), "{}", watched.name);
        }
    }
}
