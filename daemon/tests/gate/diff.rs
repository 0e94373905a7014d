//! What changes from one build to another.

use anyhow::Result;
use serde_json::Value;

use crate::command::{call, go, json, names, run, text};
use crate::fixtures::Program;

fn diff(old: &std::path::Path, new: &std::path::Path) -> Result<Value> {
    json(1, &["scan", "--diff", text(old), text(new), "--format", "json"])
}

/// Check that a dependency's calls are found, and that the packages that make them are named.
#[test]
fn a_dependency_brings_its_calls() -> Result<()> {
    for variant in ["go1.19-cgo0-stripped", "go1.27-cgo0-stripped"] {
        let document = diff(&go("plain", variant)?, &go("grown", variant)?)?;
        assert_eq!((&document["format"], &document["version"]), (&"seccinch.scan-diff".into(), &1.into()));
        let added = names(&document["added"], |_| true);
        for name in ["socket", "connect", "dup3", "mlock"] {
            assert!(added.contains(&name), "{variant}: {name} is not in {added:?}");
        }
        assert_eq!(names(&document["removed"], |_| true), [""; 0], "{variant}");
        let telemetry = "seccinch.test/grown/telemetry";
        assert_eq!(call(&document["added"], "mlock")["packages"][0], telemetry, "{variant}");
        assert_eq!(call(&document["added"], "ptrace")["optional"], true, "{variant}");
        // Whoever starts the program calls it in both; in the new one, its own code does too.
        let execve = call(&document["changed"], "execve");
        assert_eq!(execve["old"]["origins"].to_string(), r#"["always"]"#);
        assert_eq!(execve["new"]["origins"].to_string(), r#"["go","always"]"#);
        assert_eq!(document["new"]["module"], "seccinch.test/grown");
        assert_eq!(document["caveats"].to_string(), "[]");
    }
    Ok(())
}

/// Check that the same program by another Go release differs by what the releases are known to differ: Go 1.23 gave its
/// processes pidfds, Go 1.24 its poller an eventfd in place of a pipe.
#[test]
fn a_new_go_release_changes_calls() -> Result<()> {
    let (old, new) = (go("stacks", "go1.21-cgo0")?, go("stacks", "go1.27-cgo0")?);
    let document = diff(&old, &new)?;
    assert_eq!(document["old"]["go"], "go1.21.13");
    assert_eq!(document["new"]["go"], "go1.27.3");
    let (added, removed) = (names(&document["added"], |_| true), names(&document["removed"], |_| true));
    assert!(added.contains(&"eventfd2") && added.contains(&"pidfd_open"), "{added:?}");
    assert!(removed.contains(&"pipe2"), "{removed:?}");
    let ran = run(&["scan", "--diff", text(&old), text(&new)])?;
    assert_eq!(ran.code, Some(1));
    assert!(
        ran.stdout.starts_with("old: ") && ran.stdout.contains("(go1.21.13, seccinch.test/stacks"),
        "{}",
        ran.stdout
    );
    assert!(ran.stdout.contains("\n+ eventfd2 ") && ran.stdout.contains("\n- pipe2 "), "{}", ran.stdout);
    assert!(
        ran.stdout
            .lines()
            .all(|line| line.starts_with("old:") || line.starts_with("new:") || line.len() <= 100)
    );
    Ok(())
}

/// Check that a program does not differ from itself, and that the status says so.
#[test]
fn a_build_does_not_differ_from_itself() -> Result<()> {
    let program = go("plain", "go1.27-cgo0")?;
    let ran = run(&["scan", "--diff", text(&program), text(&program)])?;
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    assert!(ran.stdout.ends_with("\nno difference\n"), "{}", ran.stdout);
    Ok(())
}

/// Check that what either side could not find out is told, with what follows from it.
#[test]
fn what_is_not_known_is_told() -> Result<()> {
    let (plain, numbers) = (go("plain", "go1.27-cgo0")?, go("numbers", "go1.27-cgo0")?);
    let told = |old, new| -> Result<String> { Ok(diff(old, new)?["caveats"].to_string()) };
    let new = told(&plain, &numbers)?;
    assert!(
        new.contains("NEW has 3 unresolved sites: a call that is not listed may be made all the same"),
        "{new}"
    );
    let old = told(&numbers, &plain)?;
    assert!(
        old.contains("OLD has 3 unresolved sites: a call that is listed as new may have been made before"),
        "{old}"
    );
    let root = tempfile::tempdir()?;
    let cgo = go("websvc", "go1.27-cgo1")?;
    let arguments =
        ["scan", "--diff", text(&cgo), text(&cgo), "--new-sysroot", text(root.path()), "--format", "json"];
    let gaps = json(1, &arguments)?;
    assert!(gaps["caveats"].to_string().contains("NEW loads what was not looked at, libc.so.6: not found"));
    assert_eq!(gaps["old"]["gaps"].to_string(), "[]");
    Ok(())
}

/// Check two large programs that have little in common, and that every call of either is in one list at most.
#[test]
fn large_programs_are_compared() -> Result<()> {
    let path = |package, path| Program::Debian { package, path }.path();
    let document = diff(&path("prometheus", "usr/bin/prometheus")?, &path("caddy", "usr/bin/caddy")?)?;
    let list =
        |name: &str| names(&document[name], |_| true).into_iter().map(str::to_owned).collect::<Vec<_>>();
    let (added, removed, changed) = (list("added"), list("removed"), list("changed"));
    println!(
        "prometheus to caddy: {} added, {} removed, {} changed",
        added.len(),
        removed.len(),
        changed.len()
    );
    assert!(!added.is_empty() && !removed.is_empty() && changed.len() > 20);
    let all: std::collections::BTreeSet<_> = added.iter().chain(&removed).chain(&changed).collect();
    assert_eq!(all.len(), added.len() + removed.len() + changed.len());
    Ok(())
}
