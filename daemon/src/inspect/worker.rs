//! The worker's side: confine itself, then answer about one file after the other until nobody asks.

use std::fs::File;
use std::io::{self, IoSliceMut, Write};
use std::mem::ManuallyDrop;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;

use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};
use object::ReadCache;
use thiserror::Error;

use super::confine::{self, ConfineError};
use super::frames;
use super::protocol::{self, Answer, Facts, HEADER, Request};
use crate::golang;
use crate::model::chain;
use crate::sys;

/// Why a worker ended before nobody asked any more.
#[derive(Debug, Error)]
pub enum WorkerError {
    /// It kept something that it must not have.
    #[error(transparent)]
    Confine(#[from] ConfineError),
    /// Nobody speaks to it.
    #[error("standard input is not the socket of a daemon: this command is run by the daemon only")]
    Socket(#[source] io::Error),
}

/// Answers on standard input, which is a socket, until its other end is closed.
pub fn serve() -> Result<(), WorkerError> {
    // A plain file, so that nothing but read(2) and write(2) is used on it; never closed, as it is standard input.
    let mut socket = ManuallyDrop::new(File::from(sys::standard_input()));
    if let Err(error) = confine::confine() {
        protocol::write(&mut *socket, &Answer::Unconfined(chain(&error))).map_err(WorkerError::Socket)?;
        return Err(error.into());
    }
    protocol::write(&mut *socket, &Answer::Ready).map_err(WorkerError::Socket)?;
    while let Some((request, file)) = receive(&mut socket).map_err(WorkerError::Socket)? {
        reply(&mut *socket, &answer(&request, file)).map_err(WorkerError::Socket)?;
    }
    Ok(())
}

fn reply(to: &mut impl Write, answer: &Answer) -> io::Result<()> {
    match protocol::frame(answer) {
        Ok(frame) => to.write_all(&frame),
        Err(error) => protocol::write(to, &Answer::Damaged(error.to_string())),
    }
}

/// The next request and its file; nothing if there will be none.
fn receive(socket: &mut File) -> io::Result<Option<(Request, File)>> {
    let mut header = [0; HEADER];
    let mut space = nix::cmsg_space!([i32; 1]);
    let mut parts = [IoSliceMut::new(&mut header)];
    let message =
        recvmsg::<()>(socket.as_raw_fd(), &mut parts, Some(&mut space), MsgFlags::MSG_CMSG_CLOEXEC)?;
    let (read, mut file) = (message.bytes, None);
    for control in message.cmsgs()? {
        if let ControlMessageOwned::ScmRights(descriptors) = control {
            file = descriptors.into_iter().map(sys::received).next_back();
        }
    }
    match (read, file) {
        (0, _) => Ok(None),
        (HEADER, Some(file)) => Ok(Some((protocol::read_behind(header, socket)?, File::from(file)))),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

/// Answers about a file. Nothing of this needs more than reading it, and memory.
pub(super) fn answer(request: &Request, file: File) -> Answer {
    match request {
        Request::Describe => match describe(file) {
            Ok(facts) => Answer::Described(facts),
            Err(text) => Answer::Damaged(text),
        },
        Request::Name(stacks) => match frames::read(&file, stacks) {
            Ok(found) => Answer::Named(found),
            Err(text) => Answer::Damaged(text),
        },
    }
}

/// The beginning of `Elf64_Ehdr`, as far as it says what the rest is: `elf(5)`.
const ELF_MAGIC: &[u8; 4] = b"\x7fELF";
const ELF_CLASS_64: u8 = 2;

/// A file of another kind is no Go program; of an ELF file that is damaged that can't be said.
fn describe(file: File) -> Result<Facts, String> {
    let mut start = [0; 5];
    let read = file.read_at(&mut start, 0).map_err(|error| error.to_string())?;
    if !start[..read].starts_with(ELF_MAGIC) || start[4] != ELF_CLASS_64 {
        return Ok(Facts::default());
    }
    let bytes = ReadCache::new(file);
    golang::inspect(String::new(), &bytes).map(Facts::from).map_err(|error| chain(&error))
}
