//! Formatting, clippy, shellcheck and tidy, on everything.

use std::process::Command;

use anyhow::Result;

use crate::{
    build::cargo,
    process::{self, run},
    project::Project,
    say,
    setup::{self, Set, Toolchain},
    tidy,
};

/// Runs all checks that need no privilege and no kernel; stops at the first that fails.
pub(crate) fn lint(project: &Project) -> Result<()> {
    let toolchain = setup::setup(project, Set::Lint)?;
    say::step("format");
    run(cargo(project).args(["fmt", "--all", "--check"]))?;
    for manifest in ["ebpf/Cargo.toml", "fuzz/Cargo.toml"] {
        run(cargo(project).args(["fmt", "--check", "--manifest-path", manifest]))?;
    }
    say::step("clippy");
    run(cargo(project).args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    ebpf(project, &toolchain)?;
    shell(project)?;
    tidy::tidy(project)
}

/// The kernel's side, by the compiler that builds it.
fn ebpf(project: &Project, toolchain: &Toolchain) -> Result<()> {
    say::step("clippy of the eBPF programs");
    if let Some(mut clippy) = toolchain.clippy(project)? {
        return run(&mut clippy);
    }
    say::detail(
        "not checked: the toolchain has no clippy (`rustup component add clippy --toolchain nightly`)",
    );
    Ok(())
}

fn shell(project: &Project) -> Result<()> {
    say::step("shellcheck");
    let mut list = Command::new("git");
    list.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", "*.sh", ".ci/run"]);
    let listed = process::output(list.current_dir(project.root()))?;
    let scripts: Vec<&str> = listed.split_terminator('\0').collect();
    if scripts.is_empty() {
        return Ok(());
    }
    let shellcheck = setup::program(project, "shellcheck", "usr/bin/shellcheck");
    run(Command::new(shellcheck).args(scripts).current_dir(project.root()))
}
