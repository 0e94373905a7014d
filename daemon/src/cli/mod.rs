//! The command line: arguments in, one function of `app` called, an exit status out.

mod exit;
mod profile;
mod record;

pub use exit::{ExitStatus, chain};

use clap::{Parser, Subcommand};

/// Minimal seccomp profiles for Go services, learned from what they really ask of the kernel.
#[derive(Debug, Parser)]
#[command(name = "seccinch", version, max_term_width = 100)]
#[command(after_help = "\
Exit status: 0 fine; 1 a check found something; 2 bad usage or input; 3 this system can't.
Diagnostics on standard error: SECCINCH_LOG=info, debug or trace.")]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Record(record::RecordArguments),
    /// Make, compare, check and convert profiles.
    #[command(subcommand)]
    Profile(profile::ProfileCommand),
}

/// Runs a parsed command line. What goes wrong is printed to standard error.
pub fn run(cli: Cli) -> ExitStatus {
    match cli.command {
        Command::Record(arguments) => record::run(arguments),
        Command::Profile(command) => profile::run(command),
    }
}
