//! What Docker allows every container, to compare profiles with.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, Result};
use seccinch::model::Arch;
use seccinch::syscalls;
use serde_json::Value;

use super::fixtures;

/// The names that Docker's default profile allows on amd64 to a container without added capabilities, or
/// nothing where the profile is not beside the source.
pub(crate) fn allowed() -> Result<Option<BTreeSet<String>>> {
    let path = fixtures::clone().join("../shared/data/docker-default-seccomp.json");
    if !path.exists() {
        return Ok(None);
    }
    let profile: Value = serde_json::from_slice(&fs::read(&path)?)?;
    let rules = profile["syscalls"].as_array().context("a profile has rules")?;
    let applying = rules.iter().filter(|rule| rule["action"] == "SCMP_ACT_ALLOW" && applies(rule));
    let names =
        applying.flat_map(|rule| rule["names"].as_array().into_iter().flatten()).filter_map(Value::as_str);
    // It names the calls of every architecture.
    let native = names.filter(|name| syscalls::number(Arch::X86_64, name).is_some());
    Ok(Some(native.map(str::to_owned).collect()))
}

fn applies(rule: &Value) -> bool {
    let holds =
        |list: &Value, word: &str| list.as_array().is_some_and(|list| list.iter().any(|one| one == word));
    let (includes, excludes) = (&rule["includes"], &rule["excludes"]);
    let arch = includes["arches"].is_null() || holds(&includes["arches"], "amd64");
    includes["caps"].is_null() && arch && !holds(&excludes["arches"], "amd64")
}

/// Check that the profile is read as Docker reads it, by the count that its makers give.
#[test]
fn docker_allows_308() -> Result<()> {
    match allowed()? {
        Some(names) => assert_eq!(names.len(), 308),
        None => eprintln!("skipped: ../shared/data/docker-default-seccomp.json is not beside the source"),
    }
    Ok(())
}
