//! `seccinch exec`.

use std::ffi::OsString;
use std::io;

use clap::Args;

use super::exit::{ExitStatus, chain};
use crate::app::exec::{self, Error};
use crate::collect::Error as CommandError;
use crate::emit::Logging;
use crate::files::Input;

/// Run a command under a profile
///
/// The filter is put into force without new privileges in this very process, which then becomes the command: nothing runs
/// in between, and input, output, signals and the process id are the command's own.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  seccinch exec --profile web.profile.json -- ./web --listen :8080
  seccinch exec --profile /etc/docker/seccomp.json --log-denials -- /usr/bin/caddy run

Exit status: the command's own; own faults 125, not a program 126, not found 127.")]
pub(super) struct ExecArguments {
    /// The profile: ours, OCI's or Docker's
    #[arg(long, value_name = "PROFILE")]
    profile: String,
    /// Have the kernel log every refused call
    #[arg(long)]
    log_denials: bool,
    /// The command
    #[arg(last = true, required = true, value_name = "CMD")]
    command: Vec<OsString>,
}

/// Returns only if the command does not run.
pub(super) fn run(arguments: ExecArguments) -> ExitStatus {
    let logging = if arguments.log_denials { Logging::Denials } else { Logging::Kernel };
    let Err(error) = exec::exec(&Input::from(arguments.profile.as_str()), logging, arguments.command);
    eprintln!("seccinch: {}", chain(&error));
    ExitStatus::Command(match error {
        Error::Command(CommandError::CommandNotFound { .. }) | Error::NoInterpreter { .. } => 127,
        Error::Execute { source, .. } if source.kind() == io::ErrorKind::NotFound => 127,
        Error::Command(_) | Error::Execute { .. } => 126,
        _ => 125,
    })
}
