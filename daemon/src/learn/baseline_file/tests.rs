use proptest::prelude::*;

use super::*;
use crate::learn::baseline;
use crate::learn::testing::{any_role, at, go_build, host, id, role, sample, seen};
use crate::model::{Arch, Arguments, Delta, Role, RoleObservations, Starts};
use crate::syscalls;

const ID: &str = "systemd:caddy.service";

fn text() -> String {
    let (baseline, ledger) = sample(ID);
    String::from_utf8(render(&baseline, &ledger).unwrap()).unwrap()
}

fn refused(text: &str) -> String {
    let mut error: &dyn std::error::Error = &parse(text.as_bytes()).unwrap_err();
    let mut chain = error.to_string();
    while let Some(source) = error.source() {
        chain = format!("{chain}: {source}");
        error = source;
    }
    chain
}

/// Check that a baseline and its ledger come back whole, and that the bytes are the same again.
#[test]
fn baselines_survive_the_file() {
    assert_eq!(parse(text().as_bytes()).unwrap(), sample(ID));
    let (baseline, ledger) = parse(text().as_bytes()).unwrap();
    assert_eq!(String::from_utf8(render(&baseline, &ledger).unwrap()).unwrap(), text());
}

/// Check that baselines from before there were scans are read.
#[test]
fn older_versions_are_read() {
    let (mut older, ledger) = sample(ID);
    for role in &mut older.roles {
        *role = RoleObservations { reachable: None, ..RoleObservations::clone(role) }.into();
    }
    let text = String::from_utf8(render(&older, &ledger).unwrap()).unwrap();
    assert_eq!(parse(text.replace("\"version\":3", "\"version\":2").as_bytes()).unwrap(), (older, ledger));
}

/// Check that what can't be is refused, with its reason.
#[test]
fn hostile_files_are_refused() {
    let cases = [
        (
            "\"version\":3",
            "\"version\":4",
            "written by a newer seccinch: it is version 4 of `seccinch.baseline`",
        ),
        ("seccinch.baseline", "seccinch.profile", "it says `seccinch.profile`"),
        ("systemd:caddy.service", "systemd:../x", "not a baseline of a workload"),
        ("\"slot\":3", "\"slot\":70000", "invalid value: integer `70000`, expected u16"),
        ("\"slot\":3", "\"slot\":3,\"more\":1", "unknown field `more`"),
        ("\"read\":8", "\"read\":8,\"read\":9", "`read` stands here twice"),
        ("\"read\":8", "\"raed\":8", "the nearest name is `read`"),
        ("\"read\":8", "\"read\":-8", "invalid value: integer `-8`, expected u64"),
        ("\"ring_full\":3", "\"ring_full\":3,\"ring_full\":3", "`ring_full` stands here twice"),
        ("\"ptrace\":{", "\"ptrace\":{\"x\":1,", "unknown field `x`"),
    ];
    for (from, to, expected) in cases {
        assert!(text().contains(from), "the sample has no {from}");
        let error = refused(&text().replacen(from, to, 1));
        assert!(error.contains(expected), "{to}: {error}");
    }
    let nested = format!("{{\"nested\":{}", "[".repeat(100_000));
    assert!(refused(&nested).contains("not a JSON file"), "{}", refused(&nested));
}

/// Check that one program in two places is refused: it would be counted apart.
#[test]
fn repeated_programs_are_refused() {
    let (mut baseline, ledger) = sample(ID);
    baseline.roles.push(baseline.roles[0].clone());
    let bytes = render(&baseline, &ledger).unwrap();
    assert!(matches!(parse(&bytes), Err(BaselineFileError::Twice(path)) if path == "/usr/bin/service"));
}

/// Check that a file cut anywhere is an error.
#[test]
fn cut_files_are_refused() {
    let text = text();
    for length in 0..text.trim_end().len() {
        assert!(parse(&text.as_bytes()[..length]).is_err(), "cut at {length}");
    }
}

/// Check that a service with 100 calls stays well below 64 KiB.
#[test]
fn a_hundred_names_are_small() {
    let names: Vec<_> = syscalls::all(Arch::NATIVE).map(|(_, name)| name).take(100).collect();
    let calls: Vec<_> =
        names.iter().map(|name| (*name, seen(123_456_789, at(1), Arguments::Unwatched))).collect();
    let (mut baseline, mut ledger) = sample(ID);
    baseline.roles = vec![role(Role::Main, go_build("a".repeat(83).as_str()), &calls).into()];
    ledger.accounts[0].counts = baseline.roles[0].syscalls.keys().map(|nr| (*nr, 123_456_789)).collect();
    let bytes = render(&baseline, &ledger).unwrap();
    assert!(bytes.len() < 32 * 1024, "{} bytes", bytes.len());
}

proptest! {
    /// Check that any baseline comes back whole.
    #[test]
    fn any_baseline_survives_the_file(
        roles in prop::collection::vec(any_role(), 0..5),
        starts in any::<[u32; 3]>(),
    ) {
        let mut baseline = baseline::begin(id(ID), host(), at(5));
        let [whole, partial, shutdowns] = starts.map(u64::from);
        let delta = Delta { workload: id(ID), since: None, roles, starts: Starts { whole, partial, shutdowns } };
        baseline::absorb(&mut baseline, delta, at(9));
        let ledger = sample(ID).1;
        let bytes = render(&baseline, &ledger).unwrap();
        prop_assert_eq!(parse(&bytes).unwrap(), (baseline, ledger));
    }

    /// Check that damaged files are errors or other baselines, and never a panic.
    #[test]
    fn damage_never_panics(place in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = text().into_bytes();
        let place = place.index(bytes.len());
        bytes[place] = byte;
        if let Ok((baseline, ledger)) = parse(&bytes) {
            prop_assert_eq!(parse(&render(&baseline, &ledger).unwrap()).unwrap(), (baseline, ledger));
        }
    }
}
