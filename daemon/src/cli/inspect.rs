//! `seccinch inspect-worker`: nothing that people run.

use super::exit::{ExitStatus, chain};
use crate::inspect::{self, Pace};

#[derive(Debug, clap::Args)]
pub(super) struct InspectArguments {
    /// Run when nobody else wants to.
    #[arg(long = inspect::IDLE)]
    is_idle: bool,
}

pub(super) fn run(arguments: &InspectArguments) -> ExitStatus {
    match inspect::serve(if arguments.is_idle { Pace::Idle } else { Pace::Prompt }) {
        Ok(()) => ExitStatus::Done,
        Err(error) => {
            eprintln!("seccinch: {}", chain(&error));
            ExitStatus::System
        }
    }
}
