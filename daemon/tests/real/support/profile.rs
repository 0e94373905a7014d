//! OCI profiles as the tests read and change them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// The names that a profile allows, whatever their arguments.
pub(crate) fn allowed(profile: &Path) -> Result<BTreeSet<String>> {
    let profile = read(profile)?;
    let rules = profile["syscalls"].as_array().context("a profile has rules")?;
    let allowing = rules.iter().filter(|rule| rule["action"] == "SCMP_ACT_ALLOW");
    let names = allowing.flat_map(|rule| rule["names"].as_array().into_iter().flatten());
    Ok(names.filter_map(Value::as_str).map(str::to_owned).collect())
}

/// Writes a profile that allows all that another does, but for one name.
pub(crate) fn without(profile: &Path, name: &str, changed: &Path) -> Result<()> {
    ensure!(allowed(profile)?.contains(name), "the profile does not even allow {name}");
    let mut profile = read(profile)?;
    let rules = profile["syscalls"].as_array_mut().context("a profile has rules")?;
    for rule in rules.iter_mut().filter(|rule| rule["action"] == "SCMP_ACT_ALLOW") {
        if let Some(names) = rule["names"].as_array_mut() {
            names.retain(|known| known != name);
        }
    }
    rules.retain(|rule| rule["names"].as_array().is_none_or(|names| !names.is_empty()));
    fs::write(changed, profile.to_string()).with_context(|| format!("writing {}", changed.display()))
}

fn read(profile: &Path) -> Result<Value> {
    let text = fs::read(profile).with_context(|| format!("reading {}", profile.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("{} as a profile", profile.display()))
}
