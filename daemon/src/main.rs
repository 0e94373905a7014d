//! The `seccinch` binary: arguments in, exit code out.

use std::process::ExitCode;

use clap::Parser;
use seccinch::cli::{Cli, run};

fn main() -> ExitCode {
    run(Cli::parse()).into()
}
