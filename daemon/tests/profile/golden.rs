//! What each format looks like, reviewed as diffs. `UPDATE_GOLDEN=1 cargo test` writes the files anew.

use std::fs;

use crate::support::{file, profile};

const PROFILE: &str = "data/web.profile.json";

fn check(golden: &str, arguments: &[&str]) {
    check_ended(golden, arguments, 0);
}

/// The same for a command that ends with another code.
fn check_ended(golden: &str, arguments: &[&str], code: i32) {
    let path = file("golden").join(golden);
    let ran = profile(arguments);
    assert_eq!(ran.code, Some(code), "{arguments:?}: {}", ran.stderr);
    let text = ran.text();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, &text).expect("the golden file is written");
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, expected, "{arguments:?} differs from {golden}; UPDATE_GOLDEN=1 writes it anew");
}

/// Check that every text format gives the same bytes for the same profile.
#[test]
fn formats_are_as_reviewed() {
    let convert = |golden: &str, more: &[&str]| check(golden, &[&["convert", PROFILE], more].concat());
    convert("web.profile.json", &["--to", "seccinch"]);
    convert("web.oci.json", &["--to", "oci"]);
    convert("web.docker.json", &["--to", "docker"]);
    convert("web.systemd.conf", &["--to", "systemd"]);
    convert("web.k8s.yaml", &["--to", "k8s"]);
    let old = ["--to", "k8s", "--api", "v1beta1", "--name", "front", "--namespace", "shop"];
    convert("front.k8s.v1beta1.yaml", &old);
    convert("web.flags.oci.json", &["--to", "oci", "--runtime", "runc-1.2", "--log-denials"]);
}

/// Check that reports read as reviewed, for people and for programs.
#[test]
fn reports_are_as_reviewed() {
    check("explain-socket.txt", &["explain", "socket", PROFILE]);
    check("explain-socket.json", &["explain", "socket", PROFILE, "--format", "json"]);
    check("explain-keyctl.txt", &["explain", "keyctl", PROFILE]);
}

/// Check that reports say what scans say: a call that can happen, one that can't, one that was seen although it can't,
/// and what that means for a check and between two profiles.
#[test]
fn reports_of_scans_are_as_reviewed() {
    const SCANNED: &str = "data/scanned.profile.json";
    for name in ["openat", "ptrace", "keyctl", "bpf"] {
        check(&format!("scanned-explain-{name}.txt"), &["explain", name, SCANNED]);
    }
    check("scanned-explain-bpf.json", &["explain", "bpf", SCANNED, "--format", "json"]);
    let diff = ["diff", "data/scanned-before.profile.json", SCANNED];
    check_ended("scanned-diff.txt", &diff, 1);
    check_ended("scanned-diff.json", &[&diff[..], &["--format", "json"]].concat(), 1);
}

/// Check that every format of a lockdown is as reviewed.
#[test]
fn lockdowns_are_as_reviewed() {
    const LOCKED: &str = "data/locked.profile.json";
    for (golden, format) in [
        ("locked.oci.json", "oci"),
        ("locked.docker.json", "docker"),
        ("locked.systemd.conf", "systemd"),
        ("locked.k8s.yaml", "k8s"),
    ] {
        check(golden, &["convert", LOCKED, "--to", format]);
    }
}

/// Check that a localhost profile of a kubelet is the OCI form.
#[test]
fn localhost_profiles_are_oci() {
    check("web.oci.json", &["convert", PROFILE, "--to", "localhost"]);
}
