//! The command, as its users run it, and profiles for it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use seccinch::app::scan::scan;
use seccinch::model::{Reached, ScanLimits};
use seccinch::policy::{
    BuildStamp, Condition, DefaultAction, EPERM, Profile, Reach, Reason, Rule, Verdict, file,
};
use serde_json::Value;

use crate::fixtures::Program;

/// What it printed, and how it ended.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs it with these arguments.
pub(crate) fn run(arguments: &[&str]) -> Result<Ran> {
    let output = Command::new(env!("CARGO_BIN_EXE_seccinch")).args(arguments).output()?;
    let (stdout, stderr) = (String::from_utf8(output.stdout)?, String::from_utf8(output.stderr)?);
    Ok(Ran { code: output.status.code(), stdout, stderr })
}

/// Runs it, and reads the JSON that it prints if it ends with this status.
pub(crate) fn json(code: i32, arguments: &[&str]) -> Result<Value> {
    let ran = run(arguments)?;
    assert_eq!(ran.code, Some(code), "{arguments:?}: {}{}", ran.stderr, ran.stdout);
    serde_json::from_str(&ran.stdout).context("the output is no JSON")
}

/// The names of the calls in a list of a document for which this holds.
pub(crate) fn names(list: &Value, wanted: impl Fn(&Value) -> bool) -> Vec<&str> {
    let calls = list.as_array().into_iter().flatten();
    calls.filter(|call| wanted(call)).filter_map(|call| call["name"].as_str()).collect()
}

/// The call of this name in a list of a document.
pub(crate) fn call<'a>(list: &'a Value, name: &str) -> &'a Value {
    list.as_array().into_iter().flatten().find(|call| call["name"] == name).unwrap_or(&Value::Null)
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap_or_default()
}

pub(crate) fn go(program: &'static str, variant: &'static str) -> Result<PathBuf> {
    Program::Go { program, variant }.path()
}

/// Whether a profile says what its build could call.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Memory {
    Kept,
    Lost,
}

/// Writes a profile that allows a program everything that its scan finds, but for what only options reach, and but for
/// these calls.
pub(crate) fn profile_of(program: &Path, without: &[&str], memory: Memory, to: &Path) -> Result<()> {
    let scan = scan(program, Path::new("/"))?;
    let reachable = scan.reachable();
    let reason = || Reason::Imported("a test".to_owned());
    let is_allowed = |name: &str, reached: &Reached| !reached.is_optional && !without.contains(&name);
    let rules: BTreeMap<_, _> = reachable
        .syscalls
        .iter()
        .filter(|(nr, reached)| is_allowed(&seccinch::syscalls::display_name(scan.arch, **nr), reached))
        .map(|(nr, _)| (*nr, Rule::new(Verdict::Allow(Condition::Always), reason())))
        .collect();
    let mut profile = Profile::new(scan.arch, DefaultAction::Errno(EPERM), rules)?;
    if memory == Memory::Kept {
        let toolchain = scan.go.as_ref().map(|go| go.toolchain.clone());
        let stamp = BuildStamp { path: "/usr/bin/before".to_owned(), id: None, go: toolchain };
        let limits: ScanLimits = reachable.limits;
        profile = profile.with_reach(Reach::new(reachable.syscalls, [(stamp, limits)].into()));
    }
    fs::write(to, file::render(&profile)?)?;
    Ok(())
}
