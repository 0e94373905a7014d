//! Starting a command so that its very first instruction is counted.
//!
//! The new process says who it is, and waits; it is made a target; then the only call that it still makes
//! as ours is the `execve` of the command.

use std::ffi::{CString, OsString};
use std::fs::{self, File};
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{self, Child};
use std::{env, thread};

use super::error::Error;
use crate::sys;

/// A program and its arguments, found but not started.
#[derive(Debug)]
pub struct Command {
    program: PathBuf,
    words: Vec<OsString>,
}

/// A process that waits for its exec.
#[derive(Debug)]
pub struct Launched {
    /// Its id.
    pub tgid: u32,
    command: PathBuf,
    go: PipeWriter,
    spawned: thread::JoinHandle<io::Result<Child>>,
}

impl Command {
    /// Finds a command as a shell would: by path, or by name in `PATH`.
    pub fn find(words: Vec<OsString>) -> Result<Self, Error> {
        let name = words.first().cloned().unwrap_or_default();
        let given = Path::new(&name);
        if given.components().count() > 1 {
            return Self { program: given.into(), words }.checked();
        }
        let path = env::var_os("PATH").unwrap_or_default();
        let found = env::split_paths(&path).map(|folder| folder.join(given)).find(|file| is_executable(file));
        let not_found = || Error::CommandNotFound {
            command: name.to_string_lossy().into_owned(),
            path: path.to_string_lossy().into_owned(),
        };
        Self { program: found.ok_or_else(not_found)?, words }.checked()
    }

    /// libc would hand a file that is neither program nor script to a shell, which then runs garbage.
    fn checked(self) -> Result<Self, Error> {
        let mut start = [0; 4];
        let read = File::open(&self.program).and_then(|mut file| file.read(&mut start));
        // What can't be read may still be executable, and what can't be executed says so itself.
        match read {
            Ok(read) if !start[..read].starts_with(b"\x7fELF") && !start[..read].starts_with(b"#!") => {
                Err(Error::NotAProgram { command: self.program })
            }
            _ => Ok(self),
        }
    }

    /// Makes the process, and leaves it waiting for [`Launched::go`].
    pub fn launch(self) -> Result<Launched, Error> {
        let (mut ready, tell) = io::pipe().map_err(Error::Spawn)?;
        let (wait, go) = io::pipe().map_err(Error::Spawn)?;
        let command = self.program.clone();
        // `spawn` returns only after the exec, which in turn waits for us.
        let other_end = go.as_raw_fd();
        let spawned = thread::spawn(move || self.spawn(tell, wait, other_end));
        let mut tgid = [0; 4];
        match ready.read_exact(&mut tgid) {
            Ok(()) => Ok(Launched { tgid: u32::from_ne_bytes(tgid), command, go, spawned }),
            Err(_) => {
                Err(Error::Spawn(joined(spawned).err().unwrap_or_else(|| io::ErrorKind::BrokenPipe.into())))
            }
        }
    }

    /// The file that it is.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// What `execve(2)` takes: the file and the words.
    pub fn into_c(self) -> io::Result<(CString, Vec<CString>)> {
        let text = |text: OsString| CString::new(text.into_vec()).map_err(io::Error::from);
        let words = self.words.into_iter().map(text).collect::<io::Result<_>>()?;
        Ok((text(self.program.into())?, words))
    }

    fn spawn(self, tell: PipeWriter, wait: PipeReader, go: RawFd) -> io::Result<Child> {
        let mut command = process::Command::new(&self.program);
        command.arg0(&self.words[0]).args(&self.words[1..]);
        sys::wait_before_exec(&mut command, tell, wait, go);
        command.spawn()
    }
}

impl Launched {
    /// The file that will be executed.
    pub fn path(&self) -> String {
        self.command.to_string_lossy().into_owned()
    }

    /// Lets the process execute the command.
    pub fn go(mut self) -> Result<Child, Error> {
        self.go.write_all(&[0]).map_err(Error::Spawn)?;
        joined(self.spawned).map_err(|source| Error::Execute { command: self.command, source })
    }
}

fn joined(spawned: thread::JoinHandle<io::Result<Child>>) -> io::Result<Child> {
    spawned.join().unwrap_or_else(|_| Err(io::Error::other("the thread that starts the command failed")))
}

fn is_executable(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}
