use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::files::Input;
use crate::model::{
    Arch, Arguments, Build, Caller, Callers, Frame, GoBuild, Host, Linkage, Losses, PhaseCounts, Reachable,
    Reached, Role, RoleObservations, ScanLimits, Seen, SyscallNr, Timestamp,
};
use crate::syscalls::number;

fn nr(name: &str) -> SyscallNr {
    number(Arch::X86_64, name).unwrap()
}

fn seen(count: u64, arguments: Arguments) -> Seen {
    Seen {
        counts: PhaseCounts::new(count, 0, 1),
        in_flight: count == 0,
        first: Timestamp::from_unix_nanos(1_795_000_000_123_456_789),
        last: Timestamp::from_unix_nanos(1_795_000_001_000_000_000),
        arguments,
        callers: Callers::default(),
    }
}

fn caller(lines: &[u32]) -> Caller {
    let frame = |line: &u32| Frame {
        function: "main.(*server).serve".into(),
        file: "/src/main.go".into(),
        line: *line,
        is_inlined: *line == 1,
    };
    Caller {
        frames: lines.iter().map(frame).collect(),
        goroutine: (lines.len() > 1).then_some(7),
        time: Timestamp::from_unix_nanos(1_795_000_000_123_456_789),
    }
}

fn reachable() -> Reachable {
    let mount = Reached { packages: ["syscall".into()].into(), is_go: true, is_optional: true };
    let limits = ScanLimits { unresolved: 2, gaps: ["plugins that it opens".to_owned()].into() };
    Reachable { syscalls: [(nr("read"), Reached::default()), (nr("mount"), mount)].into(), limits }
}

fn sample() -> Observations {
    let socket = Arguments::Values(BTreeMap::from([(vec![2, 1, 0], 3), (vec![10, u64::MAX, 6], 1)]));
    let mut read = seen(0, Arguments::Unwatched);
    read.callers.add(caller(&[1, 2, 3]));
    read.callers.add(caller(&[2]));
    let main = RoleObservations {
        role: Role::Main,
        build: Build {
            path: "/usr/bin/service".into(),
            id: Some("abc/def".into()),
            go: Some(GoBuild {
                toolchain: "go1.27.3".into(),
                path: Some("example.org/service".into()),
                module: Some(("example.org/service".into(), "v1.2.3".into())),
                cgo: Some(false),
                goroutine_below: None,
            }),
            linkage: Some(Linkage { interpreter: None, needed: vec!["libc.so.6".into()] }),
        },
        processes: 1,
        syscalls: BTreeMap::from([
            (nr("socket"), seen(4, socket)),
            (nr("read"), read),
            (nr("ioctl"), seen(7, Arguments::Any)),
            (SyscallNr::new(500).unwrap(), seen(1, Arguments::Unwatched)),
        ]),
        foreign: 2,
        reachable: Some(Arc::new(reachable())),
    };
    let child = RoleObservations {
        role: Role::Child("sh".into()),
        build: Build::default(),
        processes: 0,
        syscalls: BTreeMap::new(),
        foreign: 0,
        reachable: None,
    };
    Observations {
        host: Host {
            arch: Arch::X86_64,
            kernel: "6.1.0".into(),
            clock_source: Some("tsc".into()),
            seccinch: "0.1.0".into(),
        },
        started: Timestamp::from_unix_nanos(1_795_000_000_000_000_001),
        ended: Timestamp::from_unix_nanos(1_795_000_002_000_000_000),
        roles: vec![main, child],
        losses: Losses(BTreeMap::from([("ring_full".into(), 3)])),
    }
}

fn text() -> String {
    String::from_utf8(render(&sample()).unwrap()).unwrap()
}

/// The whole chain of an error, as a command prints it.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

fn refused(text: &str) -> String {
    chain(&parse(text.as_bytes()).unwrap_err())
}

/// Check that nothing is lost between writing and reading, down to the nanosecond.
#[test]
fn observations_survive_the_file() {
    assert_eq!(parse(text().as_bytes()).unwrap(), sample());
    assert!(text().contains("\"2026-"), "{}", text());
    assert!(text().contains(".123456789Z\""), "{}", text());
}

/// Check that each place of a program stands once in the file, and that nobody is called by a place that is not there.
#[test]
fn callers_name_places() {
    assert_eq!(text().matches("main.(*server).serve").count(), 3);
    let mut file: serde_json::Value = serde_json::from_str(&text()).unwrap();
    file["roles"][0]["syscalls"]["read"]["callers"][0]["frames"][0] = 3.into();
    let refused = refused(&file.to_string());
    assert!(refused.starts_with("a caller of `read` at line"), "{refused}");
}

/// Check that files from before there were callers, and from before there were scans, are read.
#[test]
fn older_versions_are_read() {
    let mut older = sample();
    older.roles.iter_mut().for_each(|role| role.reachable = None);
    let as_version = |observations: &Observations, version: &str| {
        let text = String::from_utf8(render(observations).unwrap()).unwrap();
        text.replace("\"version\": 3", version)
    };
    assert_eq!(parse(as_version(&older, "\"version\": 2").as_bytes()).unwrap(), older);
    for seen in older.roles.iter_mut().flat_map(|role| role.syscalls.values_mut()) {
        seen.callers = Callers::default();
    }
    assert_eq!(parse(as_version(&older, "\"version\": 1").as_bytes()).unwrap(), older);
}

/// Check that what a scan said names calls that there are.
#[test]
fn scans_name_calls() {
    let error = refused(&text().replace("\"mount\"", "\"muont\""));
    assert!(error.contains("no system call `muont`; the nearest name is `mount`"), "{error}");
}

/// Check that the order in which roles were met does not show in the bytes.
#[test]
fn the_same_observations_give_the_same_bytes() {
    let mut other = sample();
    other.roles.reverse();
    assert_eq!(render(&other).unwrap(), render(&sample()).unwrap());
}

/// Check that an unknown name is refused with its place and the nearest name.
#[test]
fn unknown_names_say_where_and_what_is_near() {
    let broken = text().replace("\"socket\"", "\"sokcet\"");
    let line = 1 + broken.lines().position(|line| line.contains("sokcet")).unwrap();
    assert_eq!(
        refused(&broken),
        format!(
            "unknown name at line {line} column 9: correct it, or upgrade seccinch if the kernel is newer: \
             x86_64 has no system call `sokcet`; the nearest name is `socket`"
        )
    );
}

/// Check that what was edited wrongly is refused with line and column.
#[test]
fn wrong_fields_say_where() {
    let unknown = refused(&text().replace("\"processes\"", "\"proceses\""));
    assert!(unknown.contains("unknown field `proceses`, expected one of"), "{unknown}");
    assert!(unknown.contains(" at line "), "{unknown}");
    let cut = refused(&text()[..text().len() / 2]);
    assert!(cut.starts_with("not a JSON file: EOF while parsing"), "{cut}");
    let time = refused(&text().replace(".123456789Z", "Z+01:00"));
    assert!(time.contains("is no time: write it as 2026-01-31T12:00:00.000000000Z"), "{time}");
    let arch = refused(&text().replace("\"x86_64\"", "\"s390x\""));
    assert!(arch.starts_with("recorded on `s390x`"), "{arch}");
    let any = refused(&text().replace("\"any\"", "{\"values\": [{\"values\": [1, 2], \"count\": 1}]}"));
    assert!(any.contains("the arguments of `ioctl` at line"), "{any}");
}

/// Check that a newer file is refused as such, whatever else it holds.
#[test]
fn newer_files_are_refused() {
    let newer = text().replace("\"version\": 3", "\"version\": 4, \"unheard_of\": {}");
    assert!(refused(&newer).starts_with("written by a newer seccinch:"), "{}", refused(&newer));
}

/// Check that the file's name stands in front of what is wrong with it.
#[test]
fn the_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.json");
    std::fs::write(&path, "{}").unwrap();
    let error = read(&Input::File(path.clone())).unwrap_err();
    assert_eq!(
        chain(&error),
        format!(
            "cannot use {} as observations: not a `seccinch.observations` file: it has no `format`",
            path.display()
        )
    );
}

proptest! {
    /// Check that any counts and times come back unchanged.
    #[test]
    fn any_counts_and_times_come_back(
        number in 0..512u16,
        counts in any::<(u64, u64, u64)>(),
        first in any::<u64>(),
        last in any::<u64>(),
    ) {
        let mut observations = sample();
        let seen = Seen {
            counts: PhaseCounts::new(counts.0, counts.1, counts.2),
            in_flight: false,
            first: Timestamp::from_unix_nanos(first),
            last: Timestamp::from_unix_nanos(last),
            arguments: Arguments::Unwatched,
            callers: Callers::default(),
        };
        observations.roles[0].syscalls = BTreeMap::from([(SyscallNr::new(number).unwrap(), seen)]);
        prop_assert_eq!(parse(&render(&observations).unwrap()).unwrap(), observations);
    }
}
