//! A worker as its parent sees it: a child, and a socket to it. Nothing here waits without an end.

use std::fs::File;
use std::io::{self, IoSlice, Read};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};

use super::protocol::{self, Answer, NOT_UNDERSTOOD, Request};
use super::{IDLE, Pace, WORKER};

/// Within which a process that closed its socket, or was killed, has ended, unless something holds it.
pub(super) const SOON: Duration = Duration::from_millis(100);
const PAUSE: Duration = Duration::from_micros(200);

/// A live worker, as far as is known.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    socket: UnixStream,
}

/// Why a worker gave no answer.
#[derive(Debug)]
pub(super) enum Failure {
    /// It was waited for so long.
    Late(Duration),
    /// Nobody is at the other end.
    Ended,
    /// What it said is no answer, or it can't be spoken to.
    Other(io::Error),
}

impl Process {
    /// Executes a worker. It has nothing of ours but one end of a socket: no descriptor, no variable, no terminal, and
    /// no signal that is sent to our process group.
    pub(super) fn start(program: &Path, pace: Pace) -> io::Result<Self> {
        let (socket, theirs) = UnixStream::pair()?;
        let child = Command::new(program)
            .arg0("seccinch")
            .arg(WORKER)
            .args((pace == Pace::Idle).then(|| format!("--{IDLE}")))
            .env_clear()
            .current_dir("/")
            .process_group(0)
            .stdin(OwnedFd::from(theirs))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self { child, socket })
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks about the first of some files, and waits for the answer.
    pub(super) fn ask(
        &mut self,
        files: &[File],
        request: &Request,
        patience: Duration,
    ) -> Result<Answer, Failure> {
        let until = Instant::now() + patience;
        self.send(files, request, patience).map_err(|error| Failure::of(error, patience))?;
        self.receive(until, patience)
    }

    /// Waits for what it says unasked.
    pub(super) fn hear(&mut self, patience: Duration) -> Result<Answer, Failure> {
        self.receive(Instant::now() + patience, patience)
    }

    fn send(&self, files: &[File], request: &Request, patience: Duration) -> io::Result<()> {
        self.socket.set_write_timeout(Some(patience))?;
        let frame = protocol::frame(request)?;
        let descriptors: Vec<_> = files.iter().map(AsRawFd::as_raw_fd).collect();
        let rights = [ControlMessage::ScmRights(&descriptors)];
        // Without a signal if nobody is there.
        let flags = MsgFlags::MSG_NOSIGNAL;
        let sent = sendmsg::<()>(self.socket.as_raw_fd(), &[IoSlice::new(&frame)], &rights, flags, None)?;
        // One request is under way at a time, and the socket has room for many.
        if sent < frame.len() { Err(io::ErrorKind::WriteZero.into()) } else { Ok(()) }
    }

    fn receive(&mut self, until: Instant, patience: Duration) -> Result<Answer, Failure> {
        let mut until = Until { socket: &self.socket, until };
        protocol::read(&mut until).map_err(|error| Failure::of(error, patience))
    }

    /// Lets it end by itself for so long, then kills it. Gives it back where it is not gone soon after: it can't be
    /// killed while it waits for a disk.
    pub(super) fn end(self, patience: Duration) -> Result<ExitStatus, Child> {
        let mut child = self.child;
        if let Some(status) = wait(&mut child, patience) {
            return Ok(status);
        }
        // One that has ended meanwhile can't be killed, and that is as good.
        let _ = child.kill();
        wait(&mut child, SOON).ok_or(child)
    }
}

impl Failure {
    fn of(error: io::Error, patience: Duration) -> Self {
        use io::ErrorKind as K;
        match error.kind() {
            K::WouldBlock | K::TimedOut => Self::Late(patience),
            K::UnexpectedEof | K::BrokenPipe | K::ConnectionReset => Self::Ended,
            K::InvalidData => Self::Other(io::Error::other(NOT_UNDERSTOOD)),
            _ => Self::Other(error),
        }
    }
}

fn wait(child: &mut Child, patience: Duration) -> Option<ExitStatus> {
    let until = Instant::now() + patience;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if Instant::now() < until => thread::sleep(PAUSE),
            _ => return None,
        }
    }
}

/// Reads until a moment, however slowly the bytes come.
struct Until<'a> {
    socket: &'a UnixStream,
    until: Instant,
}

impl Read for Until<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.socket.set_read_timeout(Some(left))?;
        self.socket.read(buffer)
    }
}
