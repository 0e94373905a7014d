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
use super::protocol::{self, Answer, Facts, HEADER, Loads, MOST_FILES, Request};
use super::{Pace, frames, scanned};
use crate::golang::{self, image::Image};
use crate::model::chain;
use crate::sys::{self, FileMapping};

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
pub fn serve(pace: Pace) -> Result<(), WorkerError> {
    // A plain file, so that nothing but read(2) and write(2) is used on it; never closed, as it is standard input.
    let mut socket = ManuallyDrop::new(File::from(sys::standard_input()));
    if let Err(error) = confine::confine(pace) {
        protocol::write(&mut *socket, &Answer::Unconfined(chain(&error))).map_err(WorkerError::Socket)?;
        return Err(error.into());
    }
    protocol::write(&mut *socket, &Answer::Ready).map_err(WorkerError::Socket)?;
    while let Some((request, files)) = receive(&mut socket).map_err(WorkerError::Socket)? {
        reply(&mut *socket, &answer(&request, files)).map_err(WorkerError::Socket)?;
    }
    Ok(())
}

fn reply(to: &mut impl Write, answer: &Answer) -> io::Result<()> {
    match protocol::frame(answer) {
        Ok(frame) => to.write_all(&frame),
        Err(error) => protocol::write(to, &Answer::Damaged(error.to_string())),
    }
}

/// The next request and its files; nothing if there will be none.
fn receive(socket: &mut File) -> io::Result<Option<(Request, Vec<File>)>> {
    let mut header = [0; HEADER];
    let mut space = nix::cmsg_space!([i32; MOST_FILES]);
    let mut parts = [IoSliceMut::new(&mut header)];
    let message =
        recvmsg::<()>(socket.as_raw_fd(), &mut parts, Some(&mut space), MsgFlags::MSG_CMSG_CLOEXEC)?;
    let (read, mut files) = (message.bytes, Vec::new());
    for control in message.cmsgs()? {
        if let ControlMessageOwned::ScmRights(descriptors) = control {
            files.extend(descriptors.into_iter().map(sys::received).map(File::from));
        }
    }
    match (read, files.is_empty()) {
        (0, _) => Ok(None),
        (HEADER, false) => Ok(Some((protocol::read_behind(header, socket)?, files))),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

/// Answers about the first of some files. Nothing of this needs more than reading them, and memory.
pub(super) fn answer(request: &Request, files: Vec<File>) -> Answer {
    let mut files = files.into_iter();
    let Some(file) = files.next() else { return Answer::Damaged("there is no file".into()) };
    match request {
        Request::Describe => answered(describe(file), Answer::Described),
        Request::Name(stacks) => answered(frames::read(&file, stacks), Answer::Named),
        Request::Needs => answered(needs(file), Answer::Needs),
        Request::Scan(libraries) => {
            answered(scanned::read(&file, libraries, files.collect()), Answer::Scanned)
        }
    }
}

fn answered<T>(read: Result<T, String>, answer: fn(T) -> Answer) -> Answer {
    read.map_or_else(Answer::Damaged, answer)
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
    let mut build = golang::inspect(String::new(), &bytes).map_err(|error| chain(&error))?;
    if let Some(go) = build.go.as_mut().filter(|go| go.goroutine_below.is_none()) {
        go.goroutine_below = goroutine_below(&bytes.into_inner());
    }
    Ok(build.into())
}

/// Looked for in the code: rarely needed, and only for that the whole file is read.
fn goroutine_below(file: &File) -> Option<u32> {
    let bytes = FileMapping::of(file).ok()?;
    golang::goroutine_below(&Image::parse(&bytes).ok()?)
}

fn needs(file: File) -> Result<Loads, String> {
    golang::needs(&ReadCache::new(file)).map(Loads::from).map_err(|error| chain(&error))
}
