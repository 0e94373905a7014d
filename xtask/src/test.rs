//! Runs the tests and the benchmarks.

use std::process::{Command, ExitCode};

use anyhow::Result;

use crate::{
    build::{build, cargo},
    process,
    project::Project,
    say,
    setup::Set,
};

/// Runs all tests, or those whose names hold one of `arguments`. Gives cargo's verdict back.
///
/// In the release profile: it is what `build` has built already, and what users run.
pub(crate) fn test(project: &Project, arguments: &[String]) -> Result<ExitCode> {
    build(project, Set::Test)?;
    say::step("test");
    // The tasks' own tests in the profile that cargo has just built the tasks in.
    let mut own = cargo(project);
    own.args(["test", "--package", "xtask"]);
    let own = passed_through(project, own, arguments)?;
    let mut others = cargo(project);
    others.args(["test", "--release", "--workspace", "--exclude", "xtask", "--no-fail-fast"]);
    let others = passed_through(project, others, arguments)?;
    Ok(if own == ExitCode::SUCCESS { others } else { own })
}

/// Runs the benchmarks with `arguments`.
pub(crate) fn bench(project: &Project, arguments: &[String]) -> Result<ExitCode> {
    build(project, Set::Build)?;
    say::step("bench");
    let mut command = cargo(project);
    // Only what is a benchmark: the unit tests would be called with these arguments too.
    command.args(["bench", "--package", "seccinch", "--bench", "*"]);
    passed_through(project, command, arguments)
}

/// The tests find the unpacked services and Go programs by `SECCINCH_CACHE`.
fn passed_through(project: &Project, mut command: Command, arguments: &[String]) -> Result<ExitCode> {
    command.arg("--").args(arguments).env("SECCINCH_CACHE", project.cached(""));
    let status = process::status(&mut command)?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
