//! `seccinch workload`.

use std::io;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::{Args, Subcommand};

use super::ask::AskArguments;
use super::exit::ExitStatus;
use super::terminal::columns;
use crate::app::control::{Request, table};
use crate::model::{Timestamp, WorkloadId};

#[derive(Debug, Subcommand)]
pub(super) enum WorkloadCommand {
    /// List every service that the daemon knows.
    #[command(after_help = "\
GEN is the number of the workload's newest profile, LAST when one of its processes was last alive.

Examples:
  seccinch workload list
  seccinch workload list --format json")]
    List(ListArguments),
    /// Show what is known of one service: roles, phases, counts, who calls, starts, gaps, and its profile.
    #[command(after_help = "\
Examples:
  seccinch workload show systemd:caddy.service
  seccinch workload show k8s:shop/Deployment/web/app --format json
  seccinch workload show exe:/usr/bin/caddy")]
    Show(ShowArguments),
}

#[derive(Debug, Args)]
pub(super) struct ListArguments {
    #[command(flatten)]
    ask: AskArguments,
}

#[derive(Debug, Args)]
pub(super) struct ShowArguments {
    /// The workload, as `workload list` writes it
    #[arg(value_name = "ID", value_parser = WorkloadId::parse)]
    id: WorkloadId,
    #[command(flatten)]
    ask: AskArguments,
}

pub(super) fn run(command: WorkloadCommand) -> ExitStatus {
    match command {
        WorkloadCommand::List(arguments) => arguments.ask.run(&Request::Workloads, table::workloads),
        WorkloadCommand::Show(ShowArguments { id, ask }) => ask
            .run(&Request::Workload(id), |document| table::workload(document, now(), columns(io::stdout()))),
    }
}

fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_unix_nanos(u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX))
}
