//! Who may ask for what.

use tokio::net::UnixStream;

use super::request::Ask;
use crate::sys;

/// The other end of a connection, as the kernel has it (`SO_PEERCRED`, `unix(7)`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Peer {
    user: u32,
    groups: Vec<u32>,
}

/// Who may read beside root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Readers {
    /// The group, if there is one.
    pub(super) group: Option<u32>,
}

impl Peer {
    /// Who is at the other end; nothing if the kernel does not say.
    pub(super) fn of(stream: &UnixStream) -> Option<Self> {
        let credentials = stream.peer_cred().ok()?;
        let mut groups = sys::peer_groups(stream).unwrap_or_default();
        groups.push(credentials.gid());
        Some(Self { user: credentials.uid(), groups })
    }

    /// Whether it is root.
    pub(super) fn is_root(&self) -> bool {
        self.user == 0
    }
}

impl Readers {
    /// Whether somebody may ask so. The mode of the socket says the same, but a file's mode is changed by
    /// mistake.
    pub(super) fn permit(self, peer: &Peer, ask: Ask) -> bool {
        let is_reader = self.group.is_some_and(|group| peer.groups.contains(&group));
        peer.is_root() || (ask == Ask::Read && is_reader)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Check that root may all, the group may read, and nobody else anything.
    #[test]
    fn only_root_changes() {
        let peer = |user, groups: &[u32]| Peer { user, groups: groups.to_vec() };
        let readers = Readers { group: Some(7) };
        let may = |peer: &Peer| [Ask::Read, Ask::Change].map(|ask| readers.permit(peer, ask));
        assert_eq!(may(&peer(0, &[])), [true, true]);
        assert_eq!(may(&peer(1000, &[3, 7])), [true, false]);
        assert_eq!(may(&peer(1000, &[0, 3])), [false, false]);
        let nobody = Readers { group: None };
        assert!(!nobody.permit(&peer(1000, &[7]), Ask::Read));
    }
}
