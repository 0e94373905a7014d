//! What the command says of files that it can't scan.

use std::fs;
use std::path::Path;

use anyhow::Result;

use crate::command::{run, scan};
use crate::fixtures::Program;

/// The standard error of a scan that has to fail with status 2.
fn refusal(binary: &Path) -> Result<String> {
    let output = run(binary, &[])?;
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stdout));
    Ok(String::from_utf8(output.stderr)?)
}

/// Check that a missing file, no program, no Go program and another architecture are each told apart.
#[test]
fn files_that_cannot_be_scanned_are_refused() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("program");
    assert!(refusal(&path)?.contains("cannot read"), "a missing file");
    fs::write(&path, "#!/bin/sh\n")?;
    assert!(refusal(&path)?.contains("ELF"), "a script");
    let not_go = refusal(Path::new(env!("CARGO_BIN_EXE_seccinch")))?;
    assert!(not_go.contains("no Go function table"), "a program of Rust: {not_go}");
    let mut program = fs::read(Program::Go { program: "numbers", variant: "go1.27-cgo0" }.path()?)?;
    // e_machine: EM_AARCH64.
    program[18..20].copy_from_slice(&183_u16.to_le_bytes());
    fs::write(&path, program)?;
    assert!(refusal(&path)?.contains("arm64 is not scanned yet"), "another architecture");
    Ok(())
}

/// Check that libraries that are not below the given root are named, and that those of this host are found.
#[test]
fn missing_libraries_are_gaps() -> Result<()> {
    let program = Program::Go { program: "websvc", variant: "go1.27-cgo1" }.path()?;
    let folder = tempfile::tempdir()?;
    let root = folder.path().to_string_lossy().into_owned();
    let without = scan(&program, &["--sysroot", &root])?;
    let gaps = without["gaps"].to_string();
    assert!(gaps.contains("libc.so.6: not found") && gaps.contains("ld-linux"), "{gaps}");
    let with = scan(&program, &[])?;
    assert_eq!(with["gaps"].to_string(), "[]");
    let count = |scan: &serde_json::Value| scan["syscalls"].as_array().map_or(0, Vec::len);
    assert!(count(&with) > count(&without), "{} with libraries, {} without", count(&with), count(&without));
    Ok(())
}
