//! `seccinch exec`: puts a profile into force for this process, which then becomes the command.
//!
//! Nothing is left of us: no process in between, the same id, input, output and signals. What the filter refuses, it
//! refuses from the command's first instruction on.

use std::convert::Infallible;
use std::io;
use std::path::PathBuf;

use super::profile::{self, ProfileCommandError};
use crate::collect::{self, Command};
use crate::emit::{self, EmitError, Logging};
use crate::files::Input;
use crate::inspect::Inspector;
use crate::model::Arch;
use crate::policy::{Condition, Profile, Verdict};
use crate::sys::{self, ExecFailure};
use crate::syscalls;

/// Why the command does not run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The profile can't be read.
    #[error(transparent)]
    Profile(#[from] ProfileCommandError),
    /// It has no form as a filter.
    #[error(transparent)]
    Emit(#[from] EmitError),
    /// It is for another machine.
    #[error("the profile is for {}, and this machine is {}: record there, or use a profile for this one", .0.name(), Arch::NATIVE.name())]
    Arch(Arch),
    /// Nothing could be executed under it.
    #[error(
        "the profile refuses execve, by which the command is started: build it with `--runtime none` from a recording, \
         or allow execve"
    )]
    NoExecve,
    /// The command can't be found, or is none.
    #[error(transparent)]
    Command(#[from] collect::Error),
    /// The command's interpreter is not there.
    #[error("cannot execute {}: its interpreter {interpreter} does not exist", command.display())]
    NoInterpreter {
        /// The command.
        command: PathBuf,
        /// What its file names.
        interpreter: String,
    },
    /// The kernel does not take the filter.
    #[error("the kernel does not take the filter ({doing})")]
    Filter {
        /// What it did not do.
        doing: &'static str,
        /// The kernel's word.
        #[source]
        source: io::Error,
    },
    /// The filter is in force, and the command could not be executed.
    #[error("cannot execute {} under the profile", command.display())]
    Execute {
        /// The command.
        command: PathBuf,
        /// The kernel's word.
        #[source]
        source: io::Error,
    },
}

/// Becomes the command, under the profile. Returns only if it can't.
///
/// # Errors
/// See [`Error`]. Everything that can be known is looked at before the filter is in force, because under it not even
/// an error message may be allowed.
pub fn exec(profile: &Input, logging: Logging, words: Vec<std::ffi::OsString>) -> Result<Infallible, Error> {
    let profile = profile::load(profile)?.profile;
    check(&profile)?;
    let filter = emit::bpf(&profile)?;
    let command = Command::find(words)?;
    check_interpreter(&command)?;
    let path = command.program().to_owned();
    let (program, words) =
        command.into_c().map_err(|source| Error::Execute { command: path.clone(), source })?;
    let failure = sys::exec_under_filter(&filter, logging == Logging::Denials, &program, &words);
    Err(match failure {
        ExecFailure::Filter { doing, source } => Error::Filter { doing, source },
        ExecFailure::Execute(source) => Error::Execute { command: path, source },
    })
}

fn check(profile: &Profile) -> Result<(), Error> {
    if profile.arch() != Arch::NATIVE {
        return Err(Error::Arch(profile.arch()));
    }
    let execve = syscalls::number(Arch::NATIVE, "execve").and_then(|nr| profile.rules().get(&nr));
    let is_open = matches!(execve.map(crate::policy::Rule::verdict), Some(Verdict::Allow(Condition::Always)));
    let lets_all_run = profile.default_action() == crate::policy::DefaultAction::Log;
    if is_open || lets_all_run && execve.is_none() { Ok(()) } else { Err(Error::NoExecve) }
}

fn check_interpreter(command: &Command) -> Result<(), Error> {
    // What can't be read may still be executed.
    let Ok(file) = std::fs::File::open(command.program()) else { return Ok(()) };
    let build = Inspector::local().describe(String::new(), file).ok();
    let interpreter = build.and_then(|build| build.linkage?.interpreter);
    match interpreter {
        Some(interpreter) if !PathBuf::from(&interpreter).exists() => {
            Err(Error::NoInterpreter { command: command.program().to_owned(), interpreter })
        }
        _ => Ok(()),
    }
}
