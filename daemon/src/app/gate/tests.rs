//! A small case that is told in all three formats, reviewed as diffs. `UPDATE_GOLDEN=1 cargo test` writes them anew.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use super::judge::{Known, judge};
use super::program::Program;
use super::{FailOn, GateReport};
use crate::app::profile::Report;
use crate::app::scan::Side;
use crate::files::{Input, WriteError};
use crate::golang::scan::{Lost, Origin, Reach, Scan, Site, Unresolved, Why};
use crate::model::{Arch, GoBuild, Reached, ScanLimits, SyscallNr};
use crate::policy::testing::nr;
use crate::policy::{
    BuildStamp, Condition, DefaultAction, ENOSYS, EPERM, Profile, Provenance, Reach as KnownReach, Reason,
    Rule, Verdict,
};

fn site(function: &str, origin: Origin) -> Site {
    Site { function: function.to_owned(), address: 0x40_1000, wrappers: Vec::new(), origin, library: None }
}

fn reach(function: &str, packages: &[&str], origin: Origin) -> Reach {
    Reach {
        origins: BTreeSet::from([origin]),
        sites: vec![site(function, origin)],
        packages: packages.iter().map(|package| (*package).to_owned()).collect(),
        is_optional: false,
    }
}

/// A program that reads, locks memory for a dependency, starts others, and does something that can't be told.
fn scanned() -> Scan {
    let mut syscalls = BTreeMap::new();
    for (name, function, packages, origin) in [
        ("read", "os.(*File).Read", &["os", "syscall"][..], Origin::Go),
        ("mlock", "example.com/lock.All", &["example.com/lock", "syscall"], Origin::Go),
        ("clone3", "syscall.forkAndExecInChild1", &["syscall"], Origin::Go),
        ("mount", "syscall.forkAndExecInChild1", &["os/exec", "syscall"], Origin::Go),
        ("fsync", "os.(*File).Sync", &["os"], Origin::Go),
        ("keyctl", "libc", &[], Origin::Libc),
    ] {
        syscalls.insert(nr(name), reach(function, packages, origin));
    }
    syscalls.entry(nr("mount")).and_modify(|reach| reach.is_optional = true);
    let unresolved = |function, origin| Unresolved {
        site: site(function, origin),
        from: 0x40_1008,
        why: Why::Lost(Lost::Memory),
    };
    Scan {
        arch: Arch::X86_64,
        go: Some(GoBuild {
            toolchain: "go1.27.3".to_owned(),
            path: Some("example.com/web/cmd/web".to_owned()),
            module: Some(("example.com/web".to_owned(), "v1.5.0".to_owned())),
            cgo: Some(false),
            goroutine_below: None,
        }),
        functions: 2000,
        syscalls,
        unresolved: vec![unresolved("main.raw", Origin::Go), unresolved("0x1234", Origin::Libc)],
        gaps: BTreeSet::new(),
    }
}

fn stamp() -> BuildStamp {
    BuildStamp { path: "/srv/web".to_owned(), id: None, go: Some("go1.26.1".to_owned()) }
}

/// A profile that allows reading, and knows what its build could call.
fn profile() -> Profile {
    let rule = |verdict| Rule::new(verdict, Reason::Imported("a test".to_owned()));
    let rules =
        [(nr("read"), rule(Verdict::Allow(Condition::Always))), (nr("clone3"), rule(Verdict::Errno(ENOSYS)))];
    let go = Reached { is_go: true, ..Reached::default() };
    let known: BTreeMap<SyscallNr, Reached> = [
        (nr("read"), go.clone()),
        (nr("fsync"), go.clone()),
        (nr("mlock"), Reached { is_optional: true, ..go }),
    ]
    .into();
    let provenance = Provenance { builds: [stamp()].into(), ..Provenance::default() };
    Profile::new(Arch::X86_64, DefaultAction::Errno(EPERM), rules.into())
        .unwrap()
        .with_reach(KnownReach::new(known, [(stamp(), ScanLimits::default())].into()))
        .with_provenance(provenance)
}

fn report(scan: Scan, profile: &Profile, fail_on: FailOn) -> GateReport {
    let known = Known::of(profile);
    let judgement = judge(&scan, profile, known.as_ref());
    let program = Program { side: Side::new("./build/my web", &scan), image: None, scan };
    GateReport::new(program, &Input::from("web.profile.json"), profile, known, fail_on, judgement)
}

fn check(golden: &str, bytes: Result<Vec<u8>, WriteError>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(golden);
    let text = String::from_utf8(bytes.unwrap()).unwrap();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, &text).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, expected, "differs from {golden}; UPDATE_GOLDEN=1 writes it anew");
}

/// Check that the same findings read as reviewed, for people, for programs and for code scanning.
#[test]
fn formats_are_as_reviewed() {
    let report = report(scanned(), &profile(), FailOn::NewlyReachable);
    check("gate.txt", Ok(report.text().into_bytes()));
    check("gate.json", report.json());
    check("gate.sarif", report.sarif());
}

/// Check what fails: a call that only options reached before is new where it needs none; one that only options reach
/// never fails; what can't be told fails where any call does.
#[test]
fn what_fails_is_decided_by_what_was_asked() {
    let failing = |fail_on| {
        let report = report(scanned(), &profile(), fail_on);
        let calls = report.judgement.refused.iter().filter(|call| report.fails(call));
        (calls.map(|call| call.name.clone()).collect::<Vec<_>>(), report.is_clean())
    };
    assert_eq!(failing(FailOn::NewlyReachable), (vec!["mlock".to_owned()], false));
    assert_eq!(failing(FailOn::Any), (vec!["mlock".to_owned(), "fsync".to_owned()], false));
    let mut quiet = scanned();
    for name in ["mlock", "fsync"] {
        quiet.syscalls.remove(&nr(name));
    }
    assert!(report(quiet.clone(), &profile(), FailOn::NewlyReachable).is_clean());
    assert!(!report(quiet.clone(), &profile(), FailOn::Any).is_clean(), "a number of Go code can't be told");
    quiet.unresolved.remove(0);
    assert!(report(quiet, &profile(), FailOn::Any).is_clean(), "one of libc's is no reason");
}

/// Check that a profile says what its builds could call only if one was scanned, and which were not.
#[test]
fn memory_is_of_scanned_builds() {
    assert!(Known::of(&profile().with_reach(KnownReach::default())).is_none());
    let other = BuildStamp { path: "/srv/other".to_owned(), ..stamp() };
    let provenance = Provenance { builds: [stamp(), other].into(), ..Provenance::default() };
    let text = report(scanned(), &profile().with_provenance(provenance), FailOn::NewlyReachable).text();
    let caution =
        "caution: /srv/other was not scanned: a call that is shown as new may have been made before\n";
    assert!(text.contains(caution), "{text}");
}

/// Check that a kill and a log are told as what they are, and that paths are URIs.
#[test]
fn answers_and_paths_are_told() {
    for (action, expected) in [(DefaultAction::KillProcess, "kill-process"), (DefaultAction::Log, "log")] {
        let rules = profile().rules().clone();
        let profile = Profile::new(Arch::X86_64, action, rules).unwrap();
        let report = report(scanned(), &profile, FailOn::Any);
        assert!(report.judgement.refused.iter().all(|call| call.answer == expected));
    }
    let sarif = String::from_utf8(report(scanned(), &profile(), FailOn::Any).sarif().unwrap()).unwrap();
    assert!(sarif.contains(r#""uri": "build/my%20web""#), "{sarif}");
}
