//! Shows an OCI seccomp profile on a terminal.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::say;

const WIDTH: usize = 74;
const ALLOW: &str = "SCMP_ACT_ALLOW";

/// The names of a profile by action.
#[derive(Debug)]
pub(super) struct Summary {
    default: String,
    by_action: BTreeMap<String, BTreeSet<String>>,
}

/// Reads a `linux.seccomp` object of the OCI runtime specification. A name that holds for some
/// arguments only gets a star.
pub(super) fn summary(profile: &Value) -> Result<Summary> {
    let default = profile["defaultAction"].as_str().context("the profile has no defaultAction")?;
    let mut by_action: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for rule in profile["syscalls"].as_array().context("the profile has no syscalls")? {
        let action = rule["action"].as_str().context("a rule of the profile has no action")?;
        let star = if rule["args"].as_array().is_some_and(|args| !args.is_empty()) { "*" } else { "" };
        let names = rule["names"].as_array().into_iter().flatten().filter_map(Value::as_str);
        by_action.entry(action.to_owned()).or_default().extend(names.map(|name| format!("{name}{star}")));
    }
    Ok(Summary { default: default.to_owned(), by_action })
}

impl Summary {
    /// How many system calls are allowed, be it for some arguments only.
    pub(super) fn allowed(&self) -> usize {
        self.by_action.get(ALLOW).map_or(0, BTreeSet::len)
    }

    /// Prints the actions with their names.
    pub(super) fn print(&self) {
        say::detail(&format!("default: {}", self.default));
        for (action, names) in &self.by_action {
            let narrowed = names.iter().any(|name| name.ends_with('*'));
            let legend = if narrowed { "; * for some arguments only" } else { "" };
            say::detail(&format!("{action} ({}{legend}):", names.len()));
            for line in wrap(names.iter().map(String::as_str), WIDTH) {
                say::detail(&format!("  {line}"));
            }
        }
    }
}

/// Joins words into lines of at most `width` characters.
fn wrap<'a>(words: impl Iterator<Item = &'a str>, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in words {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.len() + 1 + word.len() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Check that allowed names are counted once, whatever their arguments, and refused ones are not.
    #[test]
    fn counts_names() {
        let profile = serde_json::json!({
            "defaultAction": "SCMP_ACT_ERRNO",
            "syscalls": [
                { "names": ["read", "write"], "action": "SCMP_ACT_ALLOW" },
                { "names": ["clone"], "action": "SCMP_ACT_ALLOW", "args": [{ "index": 0 }] },
                { "names": ["clone"], "action": "SCMP_ACT_ALLOW", "args": [{ "index": 1 }] },
                { "names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38 },
            ],
        });
        assert_eq!(summary(&profile).expect("a summary").allowed(), 3);
    }

    /// Check that no line gets longer than asked, and no word is lost.
    #[test]
    fn wraps() {
        assert_eq!(wrap(["aa", "bb", "ccc", "d"].into_iter(), 5), ["aa bb", "ccc d"]);
    }
}
