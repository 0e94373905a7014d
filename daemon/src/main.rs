//! The `seccinch` binary: arguments in, exit code out.

use std::io::{self, IsTerminal};
use std::process::ExitCode;

use clap::Parser;
use seccinch::cli::{Cli, run};
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let filter = EnvFilter::try_from_env("SECCINCH_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    // `init` also takes over the `log` records of aya and of the kernel side.
    let ansi = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(ansi)
        .log_internal_errors(false)
        .init();
    run(cli).into()
}
