//! `seccinch status`.

use clap::Args;

use super::ask::AskArguments;
use super::exit::ExitStatus;
use crate::app::control::{Request, table};

/// Say how the daemon does: what it watches, and what fails
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  seccinch status
  seccinch status --format json

Exit status: 0 the daemon answered; 3 none is there.")]
pub(super) struct StatusArguments {
    #[command(flatten)]
    ask: AskArguments,
}

pub(super) fn run(arguments: &StatusArguments) -> ExitStatus {
    arguments.ask.run(&Request::Status, table::status)
}
