//! Structural checks that neither the compiler nor clippy makes: who imports whom, how long things
//! are, what must not be written.
//!
//! Every check is a function of a file's path and text, and says where it found what.

mod code;
mod edges;
mod manifest;
mod size;
mod words;

use std::{ffi::OsStr, fmt, fs, path::Path, process::Command};

use anyhow::{Context, Result, bail};

use crate::{process, project::Project, say};

/// Something that is not as it has to be.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    /// From 1.
    line: usize,
    message: String,
}

impl Finding {
    fn new(line: usize, message: impl Into<String>) -> Self {
        Self { line, message: message.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.line, self.message)
    }
}

/// Checks all files that git tracks, or would after `git add`.
pub(crate) fn tidy(project: &Project) -> Result<()> {
    say::step("tidy");
    let mut count = 0;
    for path in files(project)? {
        // A file that is deleted but still tracked, a link to a folder, or not text.
        let Ok(text) = fs::read_to_string(project.path(&path)) else { continue };
        for finding in check(&path, &text, &project.root().display().to_string()) {
            println!("{path}:{finding}");
            count += 1;
        }
    }
    if count > 0 {
        bail!("tidy found {count} things to put right, listed above");
    }
    Ok(())
}

fn files(project: &Project) -> Result<Vec<String>> {
    let mut list = Command::new("git");
    list.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).current_dir(project.root());
    let listed = process::output(&mut list).context("tidy checks the files that git knows")?;
    Ok(listed.split_terminator('\0').map(str::to_owned).collect())
}

/// All that is wrong with one file. `root` is the folder of the clone, which no file may name.
fn check(path: &str, text: &str, root: &str) -> Vec<Finding> {
    let mut findings = words::machine_paths(text, root);
    if Path::new(path).extension() == Some(OsStr::new("rs")) {
        let code = code::without_comments_and_strings(text);
        findings.extend(edges::check(path, &code));
        findings.extend(size::check(path, &code));
        findings.extend(words::check(path, &code));
    }
    if path.ends_with("Cargo.toml") {
        findings.extend(manifest::check(text));
    }
    findings
}
