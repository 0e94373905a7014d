//! What the commands that ask a daemon have in common.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::exit::{ExitStatus, chain};
use crate::app::control::{ClientError, ErrorKind, Request, ask};
use crate::app::daemon::config::DEFAULT_SOCKET;
use crate::files::{Output, WriteError, to_json};

/// Where to ask, and how to show the answer.
#[derive(Debug, Args)]
pub(super) struct AskArguments {
    /// The daemon's control socket
    #[arg(long, value_name = "FILE", default_value = DEFAULT_SOCKET)]
    pub(super) socket: PathBuf,
    #[command(flatten)]
    pub(super) format: FormatArguments,
}

/// How to show a result.
#[derive(Debug, Args)]
pub(super) struct FormatArguments {
    /// What to print
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub(super) format: Format,
    /// Write to a file instead of standard output
    #[arg(short, long, value_name = "FILE", default_value = "-", hide_default_value = true)]
    pub(super) output: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people
    Table,
    /// One JSON document
    Json,
}

impl AskArguments {
    /// Asks, and shows the answer.
    pub(super) fn run<T: DeserializeOwned>(
        &self,
        request: &Request,
        table: impl FnOnce(&T) -> String,
    ) -> ExitStatus {
        let shown = ask(&self.socket, request).and_then(|answer| {
            Ok(match self.format.format {
                Format::Table => table(&answer.read()?).into_bytes(),
                Format::Json => answer.bytes,
            })
        });
        match shown {
            Ok(bytes) => FormatArguments::finish(Output::from(self.format.output.as_str()).write(&bytes)),
            Err(error) => failed(&error),
        }
    }
}

impl FormatArguments {
    /// Writes a document in the form that was asked for.
    pub(super) fn show<T: Serialize>(&self, document: &T, table: impl FnOnce(&T) -> String) -> ExitStatus {
        let bytes = match self.format {
            Format::Table => Ok(table(document).into_bytes()),
            Format::Json => to_json(document),
        };
        Self::finish(bytes.and_then(|bytes| Output::from(self.output.as_str()).write(&bytes)))
    }

    fn finish(written: Result<(), WriteError>) -> ExitStatus {
        match written {
            Ok(()) => ExitStatus::Done,
            Err(error) => {
                eprintln!("seccinch: {}", chain(&error));
                ExitStatus::System
            }
        }
    }
}

/// Says why there is no answer.
pub(super) fn failed(error: &ClientError) -> ExitStatus {
    eprintln!("seccinch: {}", chain(error));
    match error {
        ClientError::Refused { kind: ErrorKind::UnknownWorkload | ErrorKind::BadRequest, .. } => {
            ExitStatus::Usage
        }
        _ => ExitStatus::System,
    }
}
