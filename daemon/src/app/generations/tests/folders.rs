use std::fs;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;

use super::{at, service};
use crate::app::generations::{Generations, GenerationsError, learned_profile};
use crate::export::view::RuleAction;
use crate::learn::rules::{Groups, Rule, Then, builtin};
use crate::learn::testing::{nr, values};
use crate::model::{Arch, Arguments};
use crate::policy::{Digest, Profile};

const ID: &str = "systemd:caddy.service";

fn profile(calls: &[&str]) -> Profile {
    let calls: Vec<_> = calls.iter().map(|name| (*name, Arguments::Unwatched)).collect();
    learned_profile(&service(ID, &calls), &[]).unwrap()
}

fn open(folder: &Path) -> Generations {
    Generations::open(folder.to_owned(), 3).unwrap()
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Check that the first profile is a whole generation, and that the same one is no second.
#[test]
fn a_generation_is_whole() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("generations");
    let mut generations = open(&folder);
    assert!(generations.newest().is_none());
    let made = generations.update(&profile(&["read", "ptrace"]), at(9)).unwrap().unwrap().clone();
    assert_eq!((made.number, made.time, made.folder.as_path()), (1, at(9), folder.join("0001").as_path()));
    assert_eq!(
        names(&made.folder),
        ["changes.json", "profile.json", "provenance.json", "seccomp.json", "systemd.conf"]
    );
    let bytes = fs::read(made.folder.join("seccomp.json")).unwrap();
    assert_eq!(made.sha256, Digest::of(&bytes).to_string());
    assert_eq!(made.rules[&nr("read")], RuleAction::Allow);
    assert!(matches!(made.rules[&nr("clone3")], RuleAction::Errno(_)), "{:?}", made.rules[&nr("clone3")]);
    assert!(made.added.contains(&"ptrace".to_owned()) && made.removed.is_empty() && made.added.is_sorted());
    let provenance = json(&made.folder.join("provenance.json"));
    assert_eq!(provenance["sha256"], made.sha256);
    assert_eq!(provenance["provenance"]["builds"][0]["path"], "/usr/bin/service");
    assert_eq!(generations.update(&profile(&["ptrace", "read"]), at(99)).unwrap(), None);
    let again = open(&folder);
    assert_eq!(again.newest().map(AsRef::as_ref), Some(&made), "it is read back as it was made");
    assert_eq!(again.profiles().collect::<Vec<_>>(), [(made.sha256, made.folder.join("seccomp.json"))]);
}

/// Check that each change says why, and names the rule that took a call out.
#[test]
fn changes_say_why() {
    let folder = tempfile::tempdir().unwrap();
    let mut generations = open(folder.path());
    let calls = [("ptrace", values(&[(&[0], 1)])), ("read", Arguments::Unwatched)];
    let mut baseline = service(ID, &calls);
    generations.update(&learned_profile(&baseline, &[]).unwrap(), at(1)).unwrap();
    let mut rules = builtin(&Groups::builtin().unwrap(), Arch::NATIVE).unwrap();
    rules.retain(|rule| rule.name == "ptrace");
    let rules: Vec<_> = rules.into_iter().map(|rule| Rule { then: Then::Deny, ..rule }).collect();
    let observed = service(ID, &[("mount", Arguments::Unwatched)]).roles.remove(0).syscalls.clone();
    Arc::make_mut(&mut baseline.roles[0]).syscalls.extend(observed);
    let made =
        generations.update(&learned_profile(&baseline, &rules).unwrap(), at(2)).unwrap().unwrap().clone();
    assert_eq!((made.added, made.removed), (vec!["mount".to_owned()], vec!["ptrace".to_owned()]));
    let changes = json(&made.folder.join("changes.json"));
    assert_eq!((&changes["generation"], &changes["previous"]), (&2.into(), &1.into()));
    assert_eq!(changes["added"][0]["reasons"][0].as_str().unwrap().split(' ').next(), Some("observed:"));
    let removed = &changes["removed"][0];
    assert_eq!((&removed["was"], &removed["now"]), (&"allowed".into(), &Value::Null));
    let reasons = removed["reasons"].to_string();
    assert!(reasons.contains("rule:ptrace: taken out although it was observed"), "{reasons}");
    assert_eq!(changes["refused"][0]["syscall"], "ptrace");
}

/// Check that the newest generations stay, and numbers are never used again.
#[test]
fn old_generations_go() {
    let folder = tempfile::tempdir().unwrap();
    let mut generations = open(folder.path());
    for (time, name) in ["ptrace", "bpf", "mount", "keyctl", "reboot"].into_iter().enumerate() {
        generations.update(&profile(&["read", name]), at(time as u64)).unwrap().unwrap();
    }
    assert_eq!(names(folder.path()), ["0003", "0004", "0005"]);
    assert_eq!(generations.profiles().count(), 3);
    drop(generations);
    let mut generations = Generations::open(folder.path().to_owned(), 0).unwrap();
    assert_eq!(generations.update(&profile(&["read"]), at(9)).unwrap().unwrap().number, 6);
    assert_eq!(names(folder.path()), ["0006"], "one is always kept");
}

/// Check that what a crash left is removed, and other things are not touched.
#[test]
fn leftovers_are_removed() {
    let folder = tempfile::tempdir().unwrap();
    open(folder.path()).update(&profile(&["read"]), at(1)).unwrap();
    for name in ["0002.tmp", "notes", "1", "notes.tmp"] {
        fs::create_dir(folder.path().join(name)).unwrap();
    }
    let mut generations = open(folder.path());
    assert_eq!(names(folder.path()), ["0001", "1", "notes", "notes.tmp"]);
    assert_eq!(generations.update(&profile(&["read", "bpf"]), at(2)).unwrap().unwrap().number, 2);
}

/// Check that a damaged generation is told and followed by a new one, and a newer version's by none.
#[test]
fn damaged_generations_are_followed() {
    let folder = tempfile::tempdir().unwrap();
    open(folder.path()).update(&profile(&["read"]), at(1)).unwrap();
    let path = folder.path().join("0001/profile.json");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, &text[..100]).unwrap();
    let mut generations = open(folder.path());
    assert!(generations.problem().is_some() && generations.newest().is_none());
    assert_eq!(generations.update(&profile(&["read"]), at(2)).unwrap().unwrap().number, 2);
    assert!(generations.problem().is_none());
    let path = folder.path().join("0002/profile.json");
    fs::write(&path, text.replacen("\"version\": 4", "\"version\": 5", 1)).unwrap();
    let error = Generations::open(folder.path().to_owned(), 3).unwrap_err();
    assert!(matches!(error, GenerationsError::Newer { .. }), "{error}");
    assert_eq!(names(folder.path()), ["0001", "0002"]);
}

/// Check that a generation whose making failed at its very end is found, and the next has another number.
#[test]
fn numbers_follow_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let mut generations = open(folder.path());
    open(folder.path()).update(&profile(&["read"]), at(1)).unwrap();
    assert_eq!(generations.update(&profile(&["read", "bpf"]), at(2)).unwrap().unwrap().number, 2);
}

/// Check that a profile that a unit's settings can't say is a generation all the same, and says what is missing.
#[test]
fn a_missing_drop_in_is_told() {
    let folder = tempfile::tempdir().unwrap();
    // A persona other than 0, which `LockPersonality=` does not allow.
    let baseline = service(ID, &[("personality", values(&[(&[8], 1)]))]);
    let mut generations = open(folder.path());
    let made = generations.update(&learned_profile(&baseline, &[]).unwrap(), at(1)).unwrap().unwrap().clone();
    assert!(!made.folder.join("systemd.conf").exists());
    let provenance = json(&made.folder.join("provenance.json"));
    let why = provenance["left_out"]["systemd.conf"].as_str().unwrap();
    assert!(why.contains("LockPersonality="), "{why}");
}
