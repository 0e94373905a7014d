//! `seccinch verify`.

use clap::Args;

use super::ask::{Format, FormatArguments};
use super::exit::{ExitStatus, chain};
use crate::app::profile::Report;
use crate::app::verify::{self, Error, Subject};
use crate::files::{Input, Output};

/// Prove what a filter does, call by call
///
/// Every system call is asked about, with arguments on both sides of every condition, calls by other ABIs, and the ways
/// out of a container. None is made: behind the filter stands another that refuses all. With --pid it is the filters
/// that a process really runs under.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  seccinch verify --profile web.profile.json
  seccinch verify --pid 4711 --profile web.profile.json
  seccinch verify --pid 4711 --format json

Exit status: 0 as the profile says, and no way out is open; 1 otherwise; 2 bad input; 3 this system can't.")]
pub(super) struct VerifyArguments {
    /// The profile: ours, OCI's or Docker's
    #[arg(long, value_name = "PROFILE", required_unless_present = "pid")]
    profile: Option<String>,
    /// Ask the filters of this process instead, and compare them with the profile if one is given
    #[arg(long, value_name = "N")]
    pid: Option<u32>,
    #[command(flatten)]
    format: FormatArguments,
}

pub(super) fn run(arguments: &VerifyArguments) -> ExitStatus {
    let profile = arguments.profile.as_deref().map(Input::from);
    let subject = match (arguments.pid, profile) {
        (Some(pid), profile) => Subject::Process(pid, profile),
        (None, Some(profile)) => Subject::Profile(profile),
        (None, None) => return ExitStatus::Usage,
    };
    let report = match verify::verify(&subject) {
        Ok(report) => report,
        Err(error) => {
            eprintln!("error: {}", chain(&error));
            let is_input = matches!(error, Error::Profile(_) | Error::Emit(_) | Error::Arch(_));
            return if is_input { ExitStatus::Usage } else { ExitStatus::System };
        }
    };
    let bytes = match arguments.format.format {
        Format::Table => Ok(report.text().into_bytes()),
        Format::Json => report.json(),
    };
    match bytes.and_then(|bytes| Output::from(arguments.format.output.as_str()).write(&bytes)) {
        Ok(()) if report.is_clean() => ExitStatus::Done,
        Ok(()) => ExitStatus::Found,
        Err(error) => {
            eprintln!("error: {}", chain(&error));
            ExitStatus::System
        }
    }
}
