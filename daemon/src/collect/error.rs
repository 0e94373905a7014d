//! What can go wrong while targets are found and followed.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::kernel;

/// Why a recording can't begin or go on.
#[derive(Debug, Error)]
pub enum Error {
    /// The kernel side failed.
    #[error(transparent)]
    Kernel(#[from] kernel::Error),
    /// No such process.
    #[error(
        "no process {pid}: it has ended, or its id belongs to another pid namespace (ids are the host's)"
    )]
    NoProcess {
        /// The id that was given.
        pid: u32,
    },
    /// A thread's id where a process's is needed.
    #[error("{pid} is a thread of process {process}: record that process with `--pid {process}`")]
    Thread {
        /// The id that was given.
        pid: u32,
        /// The process it belongs to.
        process: u32,
    },
    /// A kernel thread runs no program.
    #[error("process {pid} is a kernel thread: it makes no system calls")]
    KernelThread {
        /// The id that was given.
        pid: u32,
    },
    /// It ended between being found and being counted.
    #[error("process {pid} ended while it was being attached to: nothing was recorded")]
    EndedMeanwhile {
        /// The process.
        pid: u32,
    },
    /// `/proc` could not be read.
    #[error("cannot read {what} of process {pid} in /proc")]
    Proc {
        /// Which part.
        what: &'static str,
        /// The process.
        pid: u32,
        /// The kernel's word.
        #[source]
        source: io::Error,
    },
    /// The list of processes could not be read.
    #[error("cannot list the processes in /proc")]
    Processes(#[source] io::Error),
    /// The command is not in any folder of the search path.
    #[error("command not found: {command} (looked in PATH={path})")]
    CommandNotFound {
        /// As it was given.
        command: String,
        /// The search path.
        path: String,
    },
    /// The command is a file of another kind.
    #[error("{} is no program: neither an ELF file nor a script with an interpreter (`#!`)", command.display())]
    NotAProgram {
        /// The file.
        command: PathBuf,
    },
    /// The command could not be executed.
    #[error("cannot execute {}", command.display())]
    Execute {
        /// The file.
        command: PathBuf,
        /// The kernel's word.
        #[source]
        source: io::Error,
    },
    /// The process could not be made.
    #[error("cannot start a process for the command")]
    Spawn(#[source] io::Error),
}
