//! The socket's file: made with the right owner and mode from the beginning, and never taken from a daemon
//! that lives.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, chown};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use crate::sys;

/// The group whose members may read.
pub(super) const GROUP: &str = "seccinch";

/// An open socket. Dropping it takes its file away, if that is still ours.
#[derive(Debug)]
pub struct Opened {
    /// Where clients arrive; does not block.
    pub listener: UnixListener,
    /// The group that may read; nothing if only root may.
    pub group: Option<u32>,
    path: PathBuf,
    inode: (u64, u64),
}

/// Why there is no socket.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// Another daemon answers there.
    #[error(
        "another seccinch daemon listens on {0}: stop that one first, or give this one a `socket` of its own \
         in [control]"
    )]
    InUse(PathBuf),
    /// Something that is no socket of ours.
    #[error("{0} is no socket, and is left alone: remove it, or name another `socket` in [control]")]
    Foreign(PathBuf),
    /// The folder or the file can't be made.
    #[error("cannot open the control socket {path}: check that its folder is there and can be written")]
    Io {
        /// The socket.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
}

/// Opens the socket: for root and the group `seccinch`, or root alone if there is no such group.
pub fn open(path: &Path) -> Result<Opened, SocketError> {
    let failed = |source| SocketError::Io { path: path.to_owned(), source };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    check_free(path)?;
    let group = group_for_readers();
    // Made under another name, and renamed when its owner and mode are right: nobody connects before.
    let temporary = path.with_extension(format!("{}.tmp", std::process::id()));
    let _ = fs::remove_file(&temporary);
    let listener = UnixListener::bind(&temporary).map_err(failed)?;
    let opened = dress(&temporary, group).and_then(|group| {
        let metadata = fs::metadata(&temporary)?;
        fs::rename(&temporary, path)?;
        listener.set_nonblocking(true)?;
        Ok((group, (metadata.dev(), metadata.ino())))
    });
    let (group, inode) = opened.map_err(|source| {
        let _ = fs::remove_file(&temporary);
        failed(source)
    })?;
    Ok(Opened { listener, group, path: path.to_owned(), inode })
}

/// A file that nobody answers on is what a killed daemon left.
fn check_free(path: &Path) -> Result<(), SocketError> {
    let Ok(metadata) = fs::symlink_metadata(path) else { return Ok(()) };
    if !metadata.file_type().is_socket() {
        return Err(SocketError::Foreign(path.to_owned()));
    }
    if UnixStream::connect(path).is_ok() { Err(SocketError::InUse(path.to_owned())) } else { Ok(()) }
}

fn group_for_readers() -> Option<u32> {
    let group = sys::group_id(GROUP);
    if group.is_none() {
        tracing::info!("there is no group `{GROUP}`: only root may use the control socket");
    }
    group
}

/// Sets owner and mode; says which group may read in the end.
fn dress(path: &Path, group: Option<u32>) -> io::Result<Option<u32>> {
    let group = group.filter(|group| {
        let changed = chown(path, None, Some(*group));
        if let Err(error) = &changed {
            tracing::warn!(%error, "cannot give the control socket to the group `{GROUP}`: only root may use it");
        }
        changed.is_ok()
    });
    let mode = if group.is_some() { 0o660 } else { 0o600 };
    fs::set_permissions(path, Permissions::from_mode(mode))?;
    Ok(group)
}

impl Drop for Opened {
    fn drop(&mut self) {
        let is_ours =
            fs::symlink_metadata(&self.path).is_ok_and(|found| (found.dev(), found.ino()) == self.inode);
        if is_ours {
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Check that a socket is closed to others, that a second daemon finds it in use, that it goes with its
    /// owner, and that what a killed daemon left is taken over.
    #[test]
    fn sockets_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run/control.sock");
        let opened = open(&path).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, if opened.group.is_some() { 0o660 } else { 0o600 });
        assert!(matches!(open(&path), Err(SocketError::InUse(_))));
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "only the socket is there");
        drop(opened);
        assert!(!path.exists());

        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists(), "a listener of std leaves its file, as a killed daemon does");
        drop(open(&path).unwrap());
        fs::write(&path, "precious").unwrap();
        assert!(matches!(open(&path), Err(SocketError::Foreign(_))));
        assert_eq!(fs::read(&path).unwrap(), b"precious");
    }
}
