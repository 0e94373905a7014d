//! The command line: arguments in, one function of `app` called, an exit status out.

mod ask;
mod config;
mod daemon;
mod exec;
mod exit;
mod finding;
mod gate;
mod inspect;
mod log;
mod profile;
mod record;
mod scan;
mod status;
mod terminal;
mod unload;
mod verify;
mod workload;

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
    Exec(exec::ExecArguments),
    /// Make, compare, check and convert profiles.
    #[command(subcommand)]
    Profile(profile::ProfileCommand),
    Scan(scan::ScanArguments),
    Gate(gate::GateArguments),
    Daemon(daemon::DaemonArguments),
    Status(status::StatusArguments),
    /// See the services that the daemon knows.
    #[command(subcommand)]
    Workload(workload::WorkloadCommand),
    /// See what the daemon found.
    #[command(subcommand)]
    Finding(finding::FindingCommand),
    Unload(unload::UnloadArguments),
    Verify(verify::VerifyArguments),
    /// Check the daemon's configuration.
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Read executables for a daemon: it starts this itself
    #[command(name = crate::inspect::WORKER, hide = true)]
    InspectWorker(inspect::InspectArguments),
}

/// Runs a parsed command line. What goes wrong is printed to standard error.
pub fn run(cli: Cli) -> ExitStatus {
    match cli.command {
        // It has nowhere to write to.
        Command::InspectWorker(_) => {}
        Command::Daemon(_) => log::start(log::Verbosity::Service),
        _ => log::start(log::Verbosity::Warnings),
    }
    match cli.command {
        Command::Record(arguments) => record::run(arguments),
        Command::Exec(arguments) => exec::run(arguments),
        Command::Profile(command) => profile::run(command),
        Command::Scan(arguments) => scan::run(&arguments),
        Command::Gate(arguments) => gate::run(&arguments),
        Command::Daemon(arguments) => daemon::run(arguments),
        Command::Status(arguments) => status::run(&arguments),
        Command::Workload(command) => workload::run(command),
        Command::Finding(command) => finding::run(&command),
        Command::Unload(arguments) => unload::run(arguments),
        Command::Verify(arguments) => verify::run(&arguments),
        Command::Config(command) => config::run(command),
        Command::InspectWorker(arguments) => inspect::run(&arguments),
    }
}
