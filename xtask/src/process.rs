//! Runs programs: seen by the user, or in silence with a log that is shown when they fail.

use std::{
    fs::File,
    io::Write,
    path::Path,
    process::{Command, ExitStatus, Stdio},
};

use anyhow::{Context, Result, bail};

use crate::project::Project;

/// Lines of a log that are shown when its program fails.
const TAIL: usize = 20;

/// Runs `command` with its output on the terminal.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = status(command)?;
    if !status.success() {
        bail!("`{}` failed ({status}): see its messages above", line(command));
    }
    Ok(())
}

/// Runs `command` with its output on the terminal, and gives its status back.
pub(crate) fn status(command: &mut Command) -> Result<ExitStatus> {
    command.status().with_context(|| cant_start(command))
}

/// Runs `command` with its output in `.cache/logs/NAME.log`; shows the end of it on failure.
pub(crate) fn run_logged(project: &Project, name: &str, command: &mut Command) -> Result<()> {
    let path = project.cached(format!("logs/{name}.log"));
    let mut log = File::create(&path).with_context(|| format!("can't write {}", path.display()))?;
    writeln!(log, "$ {}", line(command))?;
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    let status = status(command)?;
    if !status.success() {
        bail!("`{}` failed ({status}). The end of {}:\n{}", line(command), project.shown(&path), tail(&path));
    }
    Ok(())
}

/// What `command` prints on standard output, if it can be started and succeeds.
pub(crate) fn output_if_ok(command: &mut Command) -> Option<String> {
    let output = command.stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// What `command` prints on standard output; its failure is an error with what it said.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| cant_start(command))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("`{}` failed ({}): {}", line(command), output.status, said.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether a program of this name is in `PATH`.
pub(crate) fn in_path(program: &str) -> bool {
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(program).is_file()))
}

/// The last lines of a log, indented.
pub(crate) fn tail(path: &Path) -> String {
    let text = std::fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    let from = lines.len().saturating_sub(TAIL);
    lines[from..].iter().flat_map(|line| ["    ", line, "\n"]).collect()
}

fn cant_start(command: &Command) -> String {
    format!("can't start `{}`: is it installed?", command.get_program().to_string_lossy())
}

/// The command as one would type it, without its environment.
fn line(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let mut words = vec![program.file_name().unwrap_or(program.as_os_str()).to_string_lossy()];
    words.extend(command.get_args().map(std::ffi::OsStr::to_string_lossy));
    words.join(" ")
}
