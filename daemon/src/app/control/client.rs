//! The command line's side: one request, one document.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::de::DeserializeOwned;

use super::document::{ERROR, ErrorDocument, ErrorKind};
use super::request::Request;
use crate::files::{DocumentError, MAX_FILE_BYTES, check_document};

/// Longer than the daemon takes for anything.
const PATIENCE: Duration = Duration::from_secs(15);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody is there.
    #[error(
        "no seccinch daemon answers on {socket}: start it with `systemctl start seccinch` or `seccinch daemon`, \
         or name its socket with --socket"
    )]
    NoDaemon {
        /// Where.
        socket: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// Not for this user.
    #[error("no permission to use {0}: run this as root, or as a member of the group `seccinch`")]
    NoPermission(PathBuf),
    /// The exchange broke off.
    #[error(
        "the daemon on {socket} gave no whole answer: look at its status with `systemctl status seccinch`"
    )]
    BrokenOff {
        /// Where.
        socket: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// The daemon said no.
    #[error("{text}")]
    Refused {
        /// Why, for programs.
        kind: ErrorKind,
        /// Why, for people.
        text: String,
    },
    /// The daemon is of another version.
    #[error("cannot read the daemon's answer")]
    Document(#[from] DocumentError),
    /// The answer is of the right kind, but not as expected.
    #[error("cannot read the daemon's answer")]
    Content(#[source] serde_json::Error),
}

/// The daemon's document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// As it came.
    pub bytes: Vec<u8>,
}

impl Answer {
    /// What is in it.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, ClientError> {
        serde_json::from_slice(&self.bytes).map_err(ClientError::Content)
    }
}

/// Asks the daemon.
pub fn ask(socket: &Path, request: &Request) -> Result<Answer, ClientError> {
    let answer = Answer { bytes: exchange(socket, request)? };
    if check_document(&answer.bytes, ERROR).is_ok() {
        let ErrorDocument { kind, text, .. } = answer.read()?;
        return Err(match kind {
            ErrorKind::NotPermitted => ClientError::NoPermission(socket.to_owned()),
            kind => ClientError::Refused { kind, text },
        });
    }
    check_document(&answer.bytes, request.answer())?;
    Ok(answer)
}

fn exchange(socket: &Path, request: &Request) -> Result<Vec<u8>, ClientError> {
    let mut stream = UnixStream::connect(socket).map_err(|source| match source.kind() {
        io::ErrorKind::PermissionDenied => ClientError::NoPermission(socket.to_owned()),
        _ => ClientError::NoDaemon { socket: socket.to_owned(), source },
    })?;
    let mut answer = Vec::new();
    let mut converse = || {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        // A daemon with too many clients answers before it has read anything, and closes.
        let written = stream.write_all(request.to_line().as_bytes());
        let read = (&mut stream).take(MAX_FILE_BYTES).read_to_end(&mut answer);
        if answer.last() == Some(&b'\n') {
            return Ok(());
        }
        read.and(written).and(Err(io::ErrorKind::UnexpectedEof.into()))
    };
    converse().map_err(|source: io::Error| ClientError::BrokenOff { socket: socket.to_owned(), source })?;
    Ok(answer)
}
