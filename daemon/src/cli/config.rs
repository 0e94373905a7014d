//! `seccinch config`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::ask::FormatArguments;
use super::exit::{ExitStatus, chain};
use crate::app::daemon::config::{Config, ConfigError, DEFAULT_PATH, Fault, Place};

#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Say what is wrong with a configuration, conf.d beside it included.
    #[command(after_help = "\
Examples:
  seccinch config check
  seccinch config check ./seccinch.toml --format json

Exit status: 0 fine; 2 something is wrong.")]
    Check(CheckArguments),
}

#[derive(Debug, Args)]
pub(super) struct CheckArguments {
    /// The main file
    #[arg(value_name = "FILE", default_value = DEFAULT_PATH)]
    file: PathBuf,
    #[command(flatten)]
    format: FormatArguments,
}

/// What was found.
#[derive(Serialize)]
struct CheckDocument {
    format: &'static str,
    version: u32,
    fine: bool,
    faults: Vec<FaultDocument>,
}

#[derive(Serialize)]
struct FaultDocument {
    file: String,
    /// Nothing where the file can't be read at all.
    line: Option<usize>,
    column: Option<usize>,
    problem: String,
}

pub(super) fn run(command: ConfigCommand) -> ExitStatus {
    let ConfigCommand::Check(CheckArguments { file, format }) = command;
    let faults = match Config::read(&Place::Given(file.clone())) {
        Ok(_) => Vec::new(),
        Err(ConfigError::Faults(faults)) => faults.0.iter().map(of_fault).collect(),
        Err(error) => {
            let file = file.display().to_string();
            vec![FaultDocument { file, line: None, column: None, problem: chain(&error) }]
        }
    };
    let fine = faults.is_empty();
    let document = CheckDocument { format: "seccinch.config-check", version: 1, fine, faults };
    match format.show(&document, table) {
        ExitStatus::Done if !fine => ExitStatus::Usage,
        status => status,
    }
}

fn of_fault(fault: &Fault) -> FaultDocument {
    FaultDocument {
        file: fault.file.display().to_string(),
        line: Some(fault.position.line),
        column: Some(fault.position.column),
        problem: fault.problem.clone(),
    }
}

fn table(document: &CheckDocument) -> String {
    if document.fine {
        return "fine\n".to_owned();
    }
    let line = |fault: &FaultDocument| match (fault.line, fault.column) {
        (Some(line), Some(column)) => {
            format!("{}: line {line} column {column}: {}\n", fault.file, fault.problem)
        }
        _ => format!("{}\n", fault.problem),
    };
    document.faults.iter().map(line).collect()
}
