//! `seccinch finding`.

use std::io;

use clap::{Args, Subcommand};

use super::ask::AskArguments;
use super::exit::ExitStatus;
use super::terminal::columns;
use crate::app::control::{Request, table};

#[derive(Debug, Subcommand)]
pub(super) enum FindingCommand {
    /// List the latest violations of rules, newest last.
    #[command(after_help = "\
Examples:
  seccinch finding list
  seccinch finding list --format json")]
    List(ListArguments),
}

#[derive(Debug, Args)]
pub(super) struct ListArguments {
    #[command(flatten)]
    ask: AskArguments,
}

pub(super) fn run(command: &FindingCommand) -> ExitStatus {
    let FindingCommand::List(arguments) = command;
    arguments.ask.run(&Request::Violations, |document| table::violations(document, columns(io::stdout())))
}
