use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::*;
use crate::inspect::Patience;
use crate::model::{Arch, Build, Host, Losses, ScanLimits, Starts};

/// Long enough that nothing is found out while a test looks.
const LONG: Duration = Duration::from_secs(2);

fn subject(path: &str) -> Subject {
    let workload = WorkloadId::parse("systemd:app.service").unwrap();
    Subject { workload, role: Role::Main, path: path.to_owned(), id: Some("id".to_owned()) }
}

fn binary() -> Binary {
    let file = Place::at(&std::env::current_exe().unwrap()).unwrap();
    Binary { file: Some(file), root: Root::at(Path::new("/")).unwrap() }
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_unix_nanos(seconds * 1_000_000_000)
}

/// One whose workers never begin.
fn silent(folder: &Path) -> Reaches {
    let program = folder.join("silent");
    fs::write(&program, "#!/bin/sh\nexec sleep 5\n").unwrap();
    fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
    let patience = Patience { start: LONG, answer: LONG };
    Reaches::new(Inspector::confined_by(program, patience).idle(patience))
}

/// Check that somebody who does not answer is given up, that what waited for it is tried again later with another
/// thread, and that there is an end to it.
#[test]
fn who_does_not_answer_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let (mut reaches, one) = (silent(folder.path()), subject("/app"));
    let patience = STUCK.as_secs();
    for round in 1..=u64::from(MOST_STUCK) {
        let seconds = round * 10 * patience;
        let began = at(seconds);
        assert!(matches!(reaches.of(&one, began), Knowledge::Unasked), "in round {round}");
        reaches.ask(one.clone(), Some(binary()), began);
        assert!(reaches.poll(at(seconds + patience)).is_empty());
        assert_eq!(reaches.scans().failed, round - 1, "given up too early");
        assert!(matches!(reaches.of(&one, began), Knowledge::Waits));
        let late = at(seconds + patience + 1);
        assert!(reaches.poll(late).is_empty());
        assert_eq!(reaches.scans().failed, round);
        assert!(matches!(reaches.of(&one, late), Knowledge::Waits), "too soon");
    }
    assert!(matches!(reaches.of(&one, at(1_000 * patience)), Knowledge::Waits), "nothing is asked any more");
}

/// Check that only so many are waited for, and that one that can't be got hold of is looked for again soon.
#[test]
fn few_are_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let mut reaches = silent(folder.path());
    reaches.ask(subject("/gone"), None, at(1));
    assert!(matches!(reaches.of(&subject("/gone"), at(2)), Knowledge::Waits));
    assert!(matches!(reaches.of(&subject("/gone"), at(20)), Knowledge::Unasked));
    for number in 0..MOST_UNDER_WAY {
        let subject = subject(&number.to_string());
        assert!(matches!(reaches.of(&subject, at(20)), Knowledge::Unasked), "{number}");
        reaches.ask(subject, Some(binary()), at(20));
    }
    assert!(matches!(reaches.of(&subject("/gone"), at(20)), Knowledge::Waits));
    assert_eq!(reaches.scans(), Scans::default());
}

/// A baseline with a program that was scanned.
fn baseline(id: Option<&str>) -> Baseline {
    let host =
        Host { arch: Arch::X86_64, kernel: String::new(), clock_source: None, seccinch: String::new() };
    let limits = ScanLimits { unresolved: 1, ..ScanLimits::default() };
    let reachable = Some(Arc::new(Reachable { limits, ..Reachable::default() }));
    let build = Build { path: "/app".to_owned(), id: id.map(str::to_owned), ..Build::default() };
    let (syscalls, role) = (BTreeMap::new(), Role::Main);
    let role = RoleObservations { role, build, processes: 1, syscalls, foreign: 0, reachable };
    Baseline {
        workload: subject("/app").workload,
        host,
        first: at(0),
        last: at(0),
        roles: vec![Arc::new(role)],
        starts: Starts::default(),
        gaps: Vec::new(),
        violated: BTreeMap::new(),
        losses: Losses::default(),
    }
}

/// Check that what baselines hold is known as long as they hold it, is there once, and that a program without an id is
/// none that can be known again.
#[test]
fn baselines_are_remembered() {
    let mut reaches = Reaches::new(Some(Inspector::local()));
    let [mut one, mut other, mut nameless] = [Some("id"), Some("other"), None].map(baseline);
    for baseline in [&mut one, &mut other, &mut nameless] {
        reaches.remember(baseline);
    }
    let [one_has, other_has] = [&one, &other].map(|baseline| baseline.roles[0].reachable.clone().unwrap());
    assert!(Arc::ptr_eq(&one_has, &other_has));
    let subject = subject("/app");
    assert!(matches!(reaches.of(&subject, at(1)), Knowledge::Known(known) if Arc::ptr_eq(&known, &one_has)));
    let nobody = Subject { id: None, ..subject.clone() };
    assert!(matches!(reaches.of(&nobody, at(1)), Knowledge::Unasked));
    drop((one, other, nameless, one_has, other_has));
    reaches.shared.share(&Reachable::default());
    assert!(matches!(reaches.of(&subject, at(1)), Knowledge::Unasked), "nobody has it any more");
}
