//! seccinch's tasks: `cargo xtask --help`.

mod bpf;
mod build;
mod demo;
mod fuzz;
mod lint;
mod process;
mod project;
mod say;
mod setup;
mod test;
mod tidy;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::{project::Project, setup::Set};

/// Set up, build, test and show seccinch.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Install what is missing; does nothing, and needs no network, when all is there
    Setup {
        /// What to set the machine up for
        #[arg(value_enum, default_value = "test")]
        set: Set,
    },
    /// Build the eBPF programs and `target/release/seccinch`
    Build,
    /// Record a real Go service, build its profile, run it under that profile (as root)
    Demo,
    /// Build, then run seccinch
    Run {
        /// Arguments of seccinch, after `--`
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// Set up, build, and run all tests (as root: many need a kernel to themselves)
    Test {
        /// Names of tests, or options of the test runner, after `--`
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// Build, then measure what seccinch costs
    Bench {
        /// Arguments of the benchmark, after `--`
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// Set up, build with instrumentation, and try each parser with input that is guided by coverage
    Fuzz {
        /// For how many seconds each target is run
        #[arg(long, default_value = "10")]
        seconds: u32,
        /// Targets, by the names in `fuzz/fuzz_targets`; all if there is none
        targets: Vec<String>,
    },
    /// Check formatting, clippy, shell scripts and structure
    Lint,
    /// Check structure only: module edges, sizes, forbidden words, reasons of dependencies
    Tidy,
}

fn main() -> ExitCode {
    let task = Arguments::parse().task;
    match Project::find().and_then(|project| perform(&project, task)) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn perform(project: &Project, task: Task) -> Result<ExitCode> {
    match task {
        Task::Setup { set } => drop(setup::setup(project, set)?),
        Task::Build => drop(build::build(project, Set::Build)?),
        Task::Demo => demo::demo(project)?,
        Task::Run { arguments } => build::run(project, &arguments)?,
        Task::Test { arguments } => return test::test(project, &arguments),
        Task::Bench { arguments } => return test::bench(project, &arguments),
        Task::Fuzz { seconds, targets } => fuzz::fuzz(project, seconds, &targets)?,
        Task::Lint => lint::lint(project)?,
        Task::Tidy => tidy::tidy(project)?,
    }
    Ok(ExitCode::SUCCESS)
}
