//! The findings as SARIF: against the standard's own schema, and what code scanning needs beyond it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::command::{Memory, go, json, profile_of, text};

fn sarif(program: &Path, profile: &Path, more: &[&str]) -> Result<Value> {
    let arguments = ["gate", "--format", "sarif", "--binary", text(program), "--profile", text(profile)];
    json(1, &[&arguments, more].concat())
}

/// Every text in a document under this key.
fn texts<'a>(document: &'a Value, key: &str) -> Vec<&'a str> {
    let results = document["runs"][0]["results"].as_array().into_iter().flatten();
    results.filter_map(|result| result[key].as_str()).collect()
}

/// Check that a log has what SARIF 2.1.0 requires and what code scanning shows a result by, and that each kind of finding
/// has its rule.
#[test]
fn logs_are_whole() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let profile = folder.path().join("profile.json");
    let numbers = go("numbers", "go1.27-cgo0")?;
    profile_of(&go("plain", "go1.27-cgo0")?, &["pread64"], Memory::Kept, &profile)?;
    for (program, more, kinds) in [
        (go("grown", "go1.27-cgo0")?, &[][..], &["newly-reachable", "reachable"][..]),
        (numbers.clone(), &["--fail-on", "any"], &["newly-reachable", "reachable", "unresolved"]),
    ] {
        let log = sarif(&program, &profile, more)?;
        assert_eq!((&log["version"], log["runs"].as_array().map(Vec::len)), (&"2.1.0".into(), Some(1)));
        let run = &log["runs"][0];
        let rules = run["tool"]["driver"]["rules"].as_array().context("rules")?;
        assert_eq!(
            texts(&log, "ruleId").into_iter().collect::<BTreeSet<_>>(),
            kinds.iter().copied().collect()
        );
        let mut prints = BTreeSet::new();
        for result in run["results"].as_array().context("results")? {
            let index = usize::try_from(result["ruleIndex"].as_u64().context("ruleIndex")?)?;
            assert_eq!(rules[index]["id"], result["ruleId"]);
            assert!(["error", "warning", "note"].contains(&result["level"].as_str().unwrap_or_default()));
            assert!(result["message"]["text"].as_str().is_some_and(|text| text.len() > 10), "{result}");
            let physical = &result["locations"][0]["physicalLocation"];
            let expected = format!("file://{}", program.display());
            assert_eq!(
                (&physical["artifactLocation"]["uri"], &physical["region"]["startLine"]),
                (&expected.into(), &1.into())
            );
            assert!(
                result["locations"][0]["logicalLocations"][0]["fullyQualifiedName"].is_string(),
                "{result}"
            );
            let print =
                result["partialFingerprints"]["primaryLocationLineHash"].as_str().context("fingerprint")?;
            assert!(prints.insert(print.to_owned()), "two results have the fingerprint {print}");
        }
        assert_eq!(run["invocations"][0]["exitCode"], 1);
        satisfies_the_schema(&log)?;
    }
    Ok(())
}

/// Check that a finding keeps its fingerprint when the program is built anew by another Go release.
#[test]
fn fingerprints_outlive_builds() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let profile = folder.path().join("profile.json");
    let mut logs = Vec::new();
    for version in ["go1.19-cgo0", "go1.27-cgo0-stripped"] {
        profile_of(&go("plain", version)?, &[], Memory::Kept, &profile)?;
        logs.push(sarif(&go("grown", version)?, &profile, &[])?);
    }
    let print = |log: &Value, syscall: &str| {
        let results = log["runs"][0]["results"].as_array().into_iter().flatten();
        let mut of_call = results.filter(|result| result["properties"]["syscall"] == syscall);
        of_call.next().map(|result| result["partialFingerprints"].clone())
    };
    for syscall in ["socket", "mlock"] {
        let first = print(&logs[0], syscall);
        assert!(first.is_some() && first == print(&logs[1], syscall), "{syscall}: {first:?}");
    }
    Ok(())
}

/// Holds a log against the standard's schema, where that lies beside the project.
fn satisfies_the_schema(log: &Value) -> Result<()> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/sarif-schema-2.1.0.json");
    let Ok(text) = fs::read_to_string(&path) else {
        eprintln!("skipped: ../shared/data/sarif-schema-2.1.0.json is not beside the project");
        return Ok(());
    };
    let validator = jsonschema::validator_for(&serde_json::from_str(&text)?)?;
    let errors: Vec<String> = validator.iter_errors(log).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    Ok(())
}
