//! `seccinch unload`.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::ask::FormatArguments;
use super::daemon::of_error;
use super::exit::{ExitStatus, chain};
use crate::app::daemon::config::Place;
use crate::app::daemon::{Error, Unloaded, unload};
use crate::learn::store::StoreError;

/// Take away what a daemon that was killed left in the kernel
///
/// After a crash, counting goes on for the next daemon. This ends it: what was counted since is lost. A daemon that
/// is stopped takes everything away itself.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  seccinch unload
  seccinch unload --config ./seccinch.toml

Exit status: 0 nothing is attached any more; 2 the configuration is not usable; 3 a daemon runs, or the
system can't; 1 it failed, and may work later.")]
pub(super) struct UnloadArguments {
    /// The daemon's configuration, which says where it pins [default: /etc/seccinch/seccinch.toml, if it is there]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    format: FormatArguments,
}

#[derive(Serialize)]
struct UnloadDocument {
    format: &'static str,
    version: u32,
    removed: Vec<String>,
}

pub(super) fn run(arguments: UnloadArguments) -> ExitStatus {
    let place = arguments.config.map_or_else(Place::default, Place::Given);
    match unload(&place) {
        Ok(Unloaded { removed }) => {
            let document = UnloadDocument { format: "seccinch.unload", version: 1, removed };
            arguments.format.show(&document, table)
        }
        Err(error) => {
            eprintln!("seccinch: {}", chain(&error));
            match error {
                Error::Running { .. } | Error::Store(StoreError::InUse { .. }) => ExitStatus::System,
                error => of_error(&error),
            }
        }
    }
}

fn table(document: &UnloadDocument) -> String {
    if document.removed.is_empty() {
        return "nothing was left in the kernel\n".to_owned();
    }
    format!("removed from the kernel: {}\n", document.removed.join(", "))
}
