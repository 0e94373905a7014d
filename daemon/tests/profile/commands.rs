//! The commands from observations to a checked profile.

use std::fs;

use serde_json::Value;

use crate::support::{done, file, profile};

const OBSERVATIONS: &str = "data/web.observations.json";
const PROFILE: &str = "data/web.profile.json";

fn json(arguments: &[&str]) -> Value {
    let ran = profile(&[arguments, &["--format", "json"]].concat());
    serde_json::from_slice(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {}", ran.stderr))
}

fn verdict(profile: &Value, name: &str) -> Value {
    profile["rules"][name]["verdict"].clone()
}

/// Check that a profile is built of what was observed, and what came in from outside is left out.
#[test]
fn observations_become_a_profile() {
    let built: Value = serde_json::from_slice(&done(&["build", OBSERVATIONS]).stdout).expect("JSON");
    assert_eq!(verdict(&built, "accept4"), "allow");
    assert_eq!(verdict(&built, "wait4"), "allow", "a child's call");
    assert_eq!(verdict(&built, "ptrace"), Value::Null, "a debugger's call");
    assert_eq!(verdict(&built, "clone3")["errno"], "ENOSYS");
    assert_eq!(verdict(&built, "socket")["allow_when"].as_array().map(Vec::len), Some(3));
    let options = ["build", OBSERVATIONS, "--include-entered", "--no-arguments"];
    let wide: Value = serde_json::from_slice(&done(&options).stdout).expect("JSON");
    assert_eq!(verdict(&wide, "ptrace"), "allow");
    assert_eq!(verdict(&wide, "socket"), "allow");
}

/// Check that the same observations give the same bytes, in a file and on standard output.
#[test]
fn the_same_observations_give_the_same_bytes() {
    let folder = tempfile::tempdir().expect("a folder");
    for format in ["seccinch", "oci", "docker", "systemd", "k8s", "bpf"] {
        let path = folder.path().join(format);
        let path = path.to_str().expect("a path");
        done(&["build", OBSERVATIONS, "--to", format, "-o", path]);
        let printed = done(&["build", OBSERVATIONS, "--to", format]).stdout;
        assert!(!printed.is_empty() && fs::read(path).expect("the file") == printed, "{format}");
    }
}

/// Check that calls are narrowed as asked, and a call that can't be is refused by name.
#[test]
fn narrowing_is_by_choice() {
    let narrow = ["build", OBSERVATIONS, "--narrow", "ioctl,setsockopt", "--to", "oci"];
    let built: Value = serde_json::from_slice(&done(&narrow).stdout).expect("JSON");
    let rules = built["syscalls"].as_array().expect("rules");
    let of =
        |name: &str| rules.iter().filter(|rule| rule["names"][0] == name && rule["args"].is_array()).count();
    assert_eq!((of("ioctl"), of("setsockopt"), of("socket"), of("prctl")), (1, 3, 3, 0));
    let refused = profile(&["build", OBSERVATIONS, "--narrow", "openat"]);
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("`openat` can't be narrowed by its arguments"), "{}", refused.stderr);
}

/// Check that a call that was made although no scan finds it is a finding of its own, with who made it.
#[test]
fn calls_beyond_scans_are_found() {
    let found = json(&["check", "data/scanned.profile.json"]);
    let findings = found["findings"].as_array().expect("findings");
    let beyond: Vec<_> = findings.iter().filter(|finding| finding["code"] == "unreachable").collect();
    assert_eq!(beyond.len(), 1, "{findings:?}");
    assert_eq!(beyond[0]["syscall"], "bpf");
    let message = beyond[0]["message"].as_str().expect("a message");
    let expected = "/usr/bin/web was seen making bpf by example.org/agent.load (example.org/agent/load.go:9), but the \
                    scan of its code does not find it";
    assert!(message.starts_with(expected), "{message}");
    let observations =
        ["check", "golden/web.profile.json", "--observations", "data/scanned.observations.json"];
    let found = json(&observations).to_string();
    assert!(found.contains("\"unreachable\""), "a recording with a scan: {found}");
}

/// Check that merging unites, and merging a profile with itself changes nothing.
#[test]
fn merging_unites() {
    let itself = String::from_utf8(done(&["merge", PROFILE, PROFILE]).stdout).expect("a text");
    // The file is of the version before, which is read, and says the same in the present one.
    let old = fs::read_to_string(file(PROFILE)).expect("the profile");
    assert_eq!(itself, old.replacen("\"version\": 1", "\"version\": 4", 1));
    let folder = tempfile::tempdir().expect("a folder");
    let small = folder.path().join("small.json");
    let text =
        r#"{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"names":["keyctl"],"action":"SCMP_ACT_ALLOW"}]}"#;
    fs::write(&small, text).expect("written");
    let small = small.to_str().expect("a path");
    let merged: Value = serde_json::from_slice(&done(&["merge", PROFILE, small]).stdout).expect("JSON");
    assert_eq!(verdict(&merged, "keyctl"), "allow");
    assert_eq!(verdict(&merged, "accept4"), "allow");
    let killing = folder.path().join("kill.json");
    fs::write(&killing, text.replace("SCMP_ACT_ERRNO", "SCMP_ACT_KILL_PROCESS")).expect("written");
    let killing = killing.to_str().expect("a path");
    let differ = profile(&["merge", PROFILE, killing]);
    assert_eq!(differ.code, Some(2));
    assert!(differ.stderr.contains("say which holds with --default-action"), "{}", differ.stderr);
    done(&["merge", PROFILE, killing, "--default-action", "errno"]);
}

/// Check that a difference is told with its reasons, and ends with 1.
#[test]
fn differences_are_told() {
    let same = done(&["diff", PROFILE, "golden/web.oci.json"]);
    assert_eq!(same.text(), "no difference\n", "the OCI form is the same filter");
    let folder = tempfile::tempdir().expect("a folder");
    let other = folder.path().join("other.json");
    let text = fs::read_to_string(file("golden/web.oci.json")).expect("the profile");
    let text = text.replace("\"bind\"", "\"keyctl\"").replace("\"valueTwo\": 10", "\"valueTwo\": 16");
    fs::write(&other, text).expect("written");
    let other = other.to_str().expect("a path");
    let differ = profile(&["diff", PROFILE, other]);
    assert_eq!(differ.code, Some(1));
    let text = differ.text();
    assert!(text.contains("- bind: was allowed\n    observed: main (/usr/bin/web)"), "{text}");
    assert!(text.contains("+ keyctl: allowed\n    imported: "), "{text}");
    assert!(text.contains("~ socket: was allowed when arg0 == 1,"), "{text}");
    assert!(text.lines().all(|line| line.len() <= 80 || !line.trim().contains(' ')), "{text}");
    let document = json(&["diff", PROFILE, other]);
    let changes = document["changes"].as_array().expect("changes");
    let of = |name: &str| changes.iter().find(|one| one["syscall"] == name).expect("a change");
    assert_eq!(of("bind")["change"], "removed");
    assert_eq!(of("keyctl")["new"]["verdict"], "allowed");
    assert_eq!(document["format"], "seccinch.diff");
}

/// Check each finding of a profile that has them all, by its stable code.
#[test]
fn checks_find_what_is_wrong() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("bad.json");
    let text = r#"{"defaultAction":"SCMP_ACT_ERRNO","architectures":["SCMP_ARCH_X86_64","SCMP_ARCH_X86"],
      "syscalls":[{"names":["raed","clone","faccessat2","mseal"],"action":"SCMP_ACT_ALLOW"},
      {"names":["clone"],"action":"SCMP_ACT_ALLOW","args":[
        {"index":0,"value":2114060288,"valueTwo":0,"op":"SCMP_CMP_MASKED_EQ"}]}]}"#;
    fs::write(&path, text).expect("written");
    let path = path.to_str().expect("a path");
    let document = json(&["check", path, "--observations", OBSERVATIONS]);
    let findings = document["findings"].as_array().expect("findings");
    let has = |code: &str, syscall: Option<&str>| {
        findings.iter().any(|one| one["code"] == code && one["syscall"].as_str() == syscall)
    };
    assert!(has("unknown-name", Some("raed")), "{document}");
    assert!(has("missing-floor", Some("restart_syscall")), "{document}");
    assert!(has("no-exit", Some("exit_group")), "{document}");
    assert!(has("no-execve", Some("execve")), "{document}");
    assert!(has("clone3-not-enosys", Some("clone3")), "{document}");
    assert!(has("sub-architectures", None), "{document}");
    assert!(has("condition-without-effect", Some("clone")), "{document}");
    assert!(has("denies-recorded", Some("accept4")), "{document}");
    assert!(!has("denies-recorded", Some("ptrace")), "what came in from outside: {document}");
    let text = profile(&["check", path]);
    assert_eq!(text.code, Some(1));
    assert!(text.text().contains("name is read"), "{}", text.text());
}

/// Check that what is lost by reading a profile of others is told when it is converted.
#[test]
fn conversions_lose_nothing_in_silence() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("odd.json");
    let text = r#"{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"names":["read","raed"],"action":"SCMP_ACT_ALLOW"}]}"#;
    fs::write(&path, text).expect("written");
    let ran = done(&["convert", path.to_str().expect("a path"), "--to", "systemd"]);
    assert!(ran.stderr.contains("no architecture has a system call raed"), "{}", ran.stderr);
    assert!(ran.text().contains("SystemCallFilter=read\n"), "{}", ran.text());
}

/// Check that a profile that allows nothing is a finding and not a crash.
#[test]
fn a_profile_that_allows_nothing_is_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("nothing.json");
    fs::write(&path, r#"{"defaultAction":"SCMP_ACT_KILL"}"#).expect("written");
    let ran = profile(&["check", path.to_str().expect("a path")]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.text().contains("it allows no system call at all"), "{}", ran.text());
}

/// Check that a built profile would run its own recording, and another machine is told by field.
#[test]
fn a_built_profile_runs_its_recording() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("web.json");
    let path = path.to_str().expect("a path");
    done(&["build", OBSERVATIONS, "-o", path]);
    let document = json(&["check", path, "--observations", OBSERVATIONS]);
    let findings = document["findings"].as_array().expect("findings");
    let other: Vec<_> = findings.iter().filter(|one| one["code"] != "other-host").collect();
    assert!(other.is_empty(), "{other:?}");
}
