//! The command, as its users run it.

use std::path::Path;
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// Runs it with these arguments.
pub(crate) fn run(binary: &Path, arguments: &[&str]) -> Result<Output> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_seccinch"));
    Ok(command.arg("scan").arg(binary).args(arguments).output()?)
}

/// A scan as the JSON that the command prints.
pub(crate) fn scan(binary: &Path, arguments: &[&str]) -> Result<Value> {
    let output = run(binary, &[&["--format", "json"], arguments].concat())?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "scanning {} failed: {said}", binary.display());
    serde_json::from_slice(&output.stdout).context("the output is no JSON")
}

/// The names of the calls for which this holds.
pub(crate) fn names(scan: &Value, wanted: impl Fn(&Value) -> bool) -> Vec<&str> {
    let syscalls = scan["syscalls"].as_array().into_iter().flatten();
    syscalls.filter(|syscall| wanted(syscall)).filter_map(|syscall| syscall["name"].as_str()).collect()
}

/// Whether a list in the document holds this text.
pub(crate) fn holds(list: &Value, text: &str) -> bool {
    list.as_array().is_some_and(|list| list.iter().any(|item| item == text))
}
