//! Why a program can't be judged.

use std::io;
use std::path::PathBuf;

use crate::app::profile::ProfileCommandError;
use crate::app::scan;
use crate::files::{Input, WriteError};
use crate::golang;
use crate::image;
use crate::model::Arch;

/// Why a program can't be judged.
#[derive(Debug, thiserror::Error)]
pub enum GateError {
    /// The profile can't be used.
    #[error(transparent)]
    Profile(#[from] ProfileCommandError),
    /// The program, or the one that it is compared with, can't be scanned.
    #[error(transparent)]
    Scan(#[from] scan::Error),
    /// The image can't be read.
    #[error("cannot use {location}")]
    Image {
        /// The image.
        location: String,
        /// What is wrong with it.
        #[source]
        source: image::Error,
    },
    /// The image's program can't be scanned.
    #[error("cannot scan {} of {location}", program.display())]
    Program {
        /// The image.
        location: String,
        /// The program in it.
        program: PathBuf,
        /// What is wrong with it.
        #[source]
        source: golang::scan::Error,
    },
    /// An image that starts nothing by itself.
    #[error("{0} does not say what it starts: name the program with --entrypoint PATH")]
    NoCommand(String),
    /// A program that is not there.
    #[error("there is no program `{word}` in {location}: name the one that it starts with --entrypoint PATH")]
    NoProgram {
        /// The image.
        location: String,
        /// What was looked for.
        word: String,
    },
    /// An image that starts its program by another one.
    #[error(
        "{location} starts `{command}`, and {} is {what}: name the Go program that it starts with --entrypoint {hint}",
        program.display()
    )]
    Wrapper {
        /// The image.
        location: String,
        /// All that it starts.
        command: String,
        /// The file of the first word.
        program: PathBuf,
        /// What that file is.
        what: &'static str,
        /// A file of the image that the command names, or `PATH`.
        hint: String,
    },
    /// Numbers of two tables can't be compared.
    #[error("the program is for {}, and {profile} for {}", program.name(), of_profile.name())]
    Architectures {
        /// The program's.
        program: Arch,
        /// The profile.
        profile: Input,
        /// The profile's.
        of_profile: Arch,
    },
    /// Nothing tells what is new.
    #[error(
        "cannot tell which calls are newly reachable: {0} does not say what the build could call that it was learned \
         from. Name that build with --against OLD_BINARY, or make the profile with `seccinch profile build --binary`; \
         --fail-on any judges every call"
    )]
    Untold(Input),
    /// No room for the image's program.
    #[error("cannot make a temporary folder for the image's program: set TMPDIR to a folder with room")]
    Temporary(#[source] io::Error),
    /// The result can't be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl GateError {
    /// Whether the system is to blame, and not what was asked.
    pub const fn is_of_the_system(&self) -> bool {
        matches!(self, Self::Temporary(_) | Self::Write(_))
    }
}
