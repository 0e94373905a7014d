//! `seccinch verify`: profiles proven call by call in the kernel, and live filters of processes.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::{NO_MKDIR, all_but, file};

/// The exit status, and the document.
fn verify(arguments: &[&str]) -> (Option<i32>, Value) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_seccinch"));
    let output =
        command.args(["verify", "--format", "json"]).args(arguments).output().expect("the binary runs");
    let text = String::from_utf8_lossy(&output.stdout);
    (output.status.code(), serde_json::from_str(&text).unwrap_or(Value::Null))
}

fn rows<'a>(document: &'a Value, state: &str) -> Vec<&'a str> {
    let rows = document["battery"].as_array().expect("rows").iter().filter(|row| row["state"] == state);
    rows.map(|row| row["row"].as_str().expect("a name")).collect()
}

/// A process under a profile, which waits.
fn waiting(profile: &Path) -> std::process::Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_seccinch"));
    command.args(["exec", "--profile"]).arg(profile).args(["--", "sh", "-c", "echo there; read word"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("readable");
    assert_eq!(line, "there\n");
    child
}

/// Check that the filter of a profile with every kind of rule is proven, and leaves no way out that is not accepted.
#[test]
fn a_profile_is_proven() {
    let path = file("data/web.profile.json");
    let (code, document) = verify(&["--profile", path.to_str().unwrap()]);
    assert_eq!((code, &document["compared"]), (Some(0), &true.into()), "{document}");
    assert!(document["asked"].as_u64() > Some(560), "every number, and arguments: {}", document["asked"]);
    assert_eq!(document["differences"], Value::Array(Vec::new()));
    assert_eq!(rows(&document, "open"), Vec::<&str>::new());
    assert_eq!(rows(&document, "accepted"), ["clone a process"]);
}

/// Check that ways out that a profile leaves are told, and found.
#[test]
fn ways_out_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let profile = all_but(folder.path(), "SCMP_ACT_KILL_PROCESS", &["mount", "unshare"]);
    let (code, document) = verify(&["--profile", profile.to_str().unwrap()]);
    assert_eq!(code, Some(1));
    let blocked =
        ["unshare a user namespace", "unshare a mount namespace", "mount", "x32 entry", "32-bit entry"];
    assert_eq!(rows(&document, "blocked"), blocked);
    assert!(
        rows(&document, "open").contains(&"clone into a user namespace, with bits that the kernel ignores")
    );
    assert_eq!(document["differences"], Value::Array(Vec::new()), "it is as the profile says all the same");
}

/// Check that a live filter is read and compared: with its own profile, and with others in both directions. Needs root.
#[test]
fn live_filters_are_compared() {
    let folder = tempfile::tempdir().unwrap();
    let own = all_but(folder.path(), "SCMP_ACT_ERRNO", NO_MKDIR);
    let mut child = waiting(&own);
    let id = child.id().to_string();
    let with = |profile: &Path| verify(&["--pid", &id, "--profile", profile.to_str().unwrap()]).1;
    let found = |document: &Value| -> Vec<String> {
        let differences = document["differences"].as_array().expect("a list").iter();
        differences.map(|one| format!("{} {}", one["call"], one["kind"]).replace('"', "")).collect()
    };
    assert_eq!(found(&with(&own)), Vec::<String>::new());
    let other = tempfile::tempdir().unwrap();
    let other = all_but(other.path(), "SCMP_ACT_KILL_PROCESS", &["mkdir", "mkdirat", "mseal"]);
    assert_eq!(found(&with(&other)), ["mseal looser"], "how they refuse does not count");
    let wider = tempfile::tempdir().unwrap();
    let wider = all_but(wider.path(), "SCMP_ACT_ERRNO", &["mkdir"]);
    assert_eq!(found(&with(&wider)), ["mkdirat stricter"]);
    let (_, alone) = verify(&["--pid", &id]);
    assert_eq!((&alone["filters"], &alone["compared"]), (&1.into(), &false.into()));
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Check that a process without a filter is told as such, that all ways are open to it, and that one that is not there
/// is an error.
#[test]
fn processes_without_a_filter_are_told() {
    let mut child = Command::new("sleep").arg("60").spawn().unwrap();
    let (code, document) = verify(&["--pid", &child.id().to_string()]);
    assert_eq!((code, &document["filters"]), (Some(1), &0.into()), "{document}");
    assert_eq!(rows(&document, "blocked"), Vec::<&str>::new());
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(verify(&["--pid", "4194304"]).0, Some(3));
}
