//! What the commands say when they can't, word for word, with their exit status.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::support::{file, profile};

const OBSERVATIONS: &str = "data/web.observations.json";
const PROFILE: &str = "data/web.profile.json";

fn check(arguments: &[&str], code: i32, message: &str) {
    let ran = profile(arguments);
    assert_eq!(ran.stderr, format!("error: {message}\n"), "{arguments:?}");
    assert_eq!(ran.code, Some(code), "{arguments:?}");
    assert!(ran.stdout.is_empty(), "{arguments:?} printed a result too");
}

/// A copy of the observations with one text replaced, and its path.
fn edited(folder: &tempfile::TempDir, from: &str, to: &str) -> String {
    let text = fs::read_to_string(file(OBSERVATIONS)).expect("the observations");
    assert!(text.contains(from), "the observations have no {from}");
    let path = folder.path().join("edited.json");
    fs::write(&path, text.replacen(from, to, 1)).expect("written");
    path.to_str().expect("a path").to_owned()
}

/// Check that an unknown name is told with its place and its nearest.
#[test]
fn unknown_names() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = edited(&folder, "\"accept4\"", "\"acept4\"");
    let message = format!(
        "cannot use {path} as observations: unknown name at line 39 column 9: correct it, or upgrade seccinch \
         if the kernel is newer: x86_64 has no system call `acept4`; the nearest name is `accept4`"
    );
    check(&["build", &path], 2, &message);
    let message = "x86_64 has no system call `opneat`; the nearest name is `openat`";
    check(&["explain", "opneat", PROFILE], 2, message);
}

/// Check that files that can't be read, are something else or are newer are told apart.
#[test]
fn files_that_are_no_use() {
    let missing = "cannot read data/no.json: No such file or directory (os error 2)";
    check(&["build", "data/no.json"], 2, missing);
    check(&["check", "data/no.json"], 2, missing);
    check(&["build", "data"], 2, "cannot read data: Is a directory (os error 21)");
    let message = "cannot use golden/web.oci.json as observations: not a `seccinch.observations` file: it has no \
                   `format`";
    check(&["build", "golden/web.oci.json"], 2, message);
    let message = "data/web.observations.json holds observations, not a profile: make one with `seccinch profile \
                   build data/web.observations.json`";
    check(&["check", OBSERVATIONS], 2, message);
    let message = "cannot use golden/web.systemd.conf as a profile: not a JSON file: expected value at line 1 \
                   column 1";
    check(&["diff", PROFILE, "golden/web.systemd.conf"], 2, message);
    let folder = tempfile::tempdir().expect("a folder");
    let path = edited(&folder, "\"version\": 1", "\"version\": 4");
    let message = format!(
        "cannot use {path} as observations: written by a newer seccinch: it is version 4 of \
         `seccinch.observations`, this one reads up to 3; upgrade seccinch to read it"
    );
    check(&["build", &path], 2, &message);
}

/// Check what is said of binaries that can't tell anything, and of too little for a lockdown.
#[test]
fn lockdowns_need_whole_scans() {
    let message = "cannot scan data/web.profile.json: not a readable 64-bit ELF file: Unsupported ELF header";
    check(&["build", OBSERVATIONS, "--binary", "data/web.profile.json"], 2, message);
    let message = "cannot read data/nothing: No such file or directory (os error 2)";
    check(&["build", OBSERVATIONS, "--binary", "data/nothing"], 2, message);
    let message = "lockdown kills whatever no scan finds, but /usr/bin/dash was not scanned, and can't be if it is no \
                   Go program; /usr/bin/web was not scanned: name it with --binary; or keep to --stage enforce";
    check(&["build", OBSERVATIONS, "--stage", "lockdown"], 2, message);
    let message = "--accept-unresolved goes with --stage lockdown: at enforce, what no scan finds fails as everything \
                   else";
    check(&["build", OBSERVATIONS, "--accept-unresolved"], 2, message);
    let message = "--stage lockdown kills what can't happen by itself: leave --default-action log out, or name an error";
    check(&["build", OBSERVATIONS, "--stage", "lockdown", "--default-action", "log"], 2, message);
}

/// Check that an output that can't be written is told, and what stood there stays.
#[test]
fn outputs_that_cannot_be_written() {
    let message = "cannot write /nonexistent/x.json: its folder takes no new file; choose another place: No such \
                   file or directory (os error 2)";
    check(&["build", OBSERVATIONS, "-o", "/nonexistent/x.json"], 3, message);
    let size = profile(&["build", OBSERVATIONS]).stdout.len();
    let message = format!(
        "cannot write /dev/full: no room for {size} bytes; free some, or choose another place: No space left on \
         device (os error 28)"
    );
    check(&["build", OBSERVATIONS, "-o", "/dev/full"], 3, &message);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("kept.json");
    fs::write(&path, "kept").expect("written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("changed");
    let broken = edited(&folder, "\"read\"", "\"raed\"");
    let ran = profile(&["build", &broken, "-o", path.to_str().expect("a path")]);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert_eq!(fs::read_to_string(&path).expect("the file"), "kept");
}

/// Check that what a format can't express names the rule and the way out.
#[test]
fn rules_that_a_format_cannot_express() {
    let message = "cannot write this profile: a systemd unit can't express the rule for `ioctl` (allowed when \
                   arg1 == 21505): there is no setting for its arguments; build it without --narrow";
    check(&["build", OBSERVATIONS, "--narrow", "ioctl", "--to", "systemd"], 2, message);
    let message = "cannot write this profile: the runtime `runc-1.1` takes no filter flags, so denials can't be \
                   logged: name one that does, such as runc-1.2";
    check(&["convert", PROFILE, "--to", "oci", "--runtime", "runc-1.1", "--log-denials"], 2, message);
    let message = "cannot write this profile: `shop` can't name a Kubernetes object: a SeccompProfile of v1 belongs \
                   to the whole cluster; leave --namespace out";
    check(&["convert", PROFILE, "--to", "k8s", "--namespace", "shop"], 2, message);
}

/// Check that a mistake on the command line ends with 2 and says what may stand there.
#[test]
fn mistakes_on_the_command_line() {
    let ran = profile(&["build", OBSERVATIONS, "--default-action", "allow"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("choose errno, errno:NAME, kill-process or log"), "{}", ran.stderr);
    let ran = profile(&["convert", PROFILE, "--to", "yaml"]);
    assert_eq!(ran.code, Some(2));
    assert!(
        ran.stderr.contains("[possible values: seccinch, oci, docker, systemd, k8s, bpf, go]"),
        "{}",
        ran.stderr
    );
}
