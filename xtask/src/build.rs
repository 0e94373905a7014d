//! Builds the eBPF programs and the binary that embeds them, and runs it.

use std::{env, os::unix::process::CommandExt, path::PathBuf, process::Command};

use anyhow::{Context, Result};

use crate::{
    bpf, process,
    project::Project,
    say,
    setup::{self, Set, Toolchain},
};

/// Sets up for `set`, then builds `target/release/seccinch`.
pub(crate) fn build(project: &Project, set: Set) -> Result<Toolchain> {
    let toolchain = setup::setup(project, set)?;
    say::step("build");
    bpf::build(project, &toolchain)?;
    process::run(cargo(project).args(["build", "--release", "--package", "seccinch"]))?;
    Ok(toolchain)
}

/// Builds, then becomes `seccinch` with these arguments.
pub(crate) fn run(project: &Project, arguments: &[String]) -> Result<()> {
    build(project, Set::Build)?;
    let binary = binary(project);
    let error = Command::new(&binary).args(arguments).exec();
    Err(error).with_context(|| format!("can't run {}", binary.display()))
}

/// The built binary.
pub(crate) fn binary(project: &Project) -> PathBuf {
    project.path("target/release/seccinch")
}

/// The `cargo` that runs this task, in the clone.
pub(crate) fn cargo(project: &Project) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(project.root());
    command
}
