//! Baselines for tests: one with everything in it, and any.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;

use crate::model::{
    Account, Arch, Arguments, Baseline, Build, Callers, Gap, GoBuild, Host, Ledger, Linkage, Losses,
    PhaseCounts, Reachable, Reached, Role, RoleObservations, ScanLimits, Seen, Starts, SyscallNr, Timestamp,
    ToldOf, Violated, WorkloadId,
};
use crate::syscalls;

/// The number of a name on this machine.
pub(crate) fn nr(name: &str) -> SyscallNr {
    syscalls::number(Arch::NATIVE, name).expect("a known name")
}

/// So many seconds after some point in 2026.
pub(crate) fn at(seconds: u64) -> Timestamp {
    Timestamp::from_unix_nanos((1_795_000_000 + seconds) * 1_000_000_000)
}

pub(crate) fn host() -> Host {
    Host {
        arch: Arch::NATIVE,
        kernel: "6.1.0".into(),
        clock_source: Some("tsc".into()),
        seccinch: "0.1.0".into(),
    }
}

pub(crate) fn id(text: &str) -> WorkloadId {
    WorkloadId::parse(text).expect("a workload")
}

pub(crate) fn seen(steady: u64, time: Timestamp, arguments: Arguments) -> Seen {
    let counts = PhaseCounts::new(1, steady, 0);
    Seen { counts, in_flight: false, first: time, last: time, arguments, callers: Callers::default() }
}

pub(crate) fn values(all: &[(&[u64], u64)]) -> Arguments {
    Arguments::Values(all.iter().map(|(values, count)| (values.to_vec(), *count)).collect())
}

pub(crate) fn go_build(build: &str) -> Build {
    Build {
        path: "/usr/bin/service".into(),
        id: Some(build.to_owned()),
        go: Some(GoBuild {
            toolchain: "go1.27.3".into(),
            path: Some("example.org/service".into()),
            module: Some(("example.org/service".into(), "v1.2.3".into())),
            cgo: Some(false),
            goroutine_below: None,
        }),
        linkage: Some(Linkage { interpreter: None, needed: vec!["libc.so.6".into()] }),
    }
}

pub(crate) fn role(role: Role, build: Build, calls: &[(&str, Seen)]) -> RoleObservations {
    let calls = calls.iter().map(|(name, seen)| (nr(name), seen.clone()));
    RoleObservations { role, build, processes: 1, syscalls: calls.collect(), foreign: 0, reachable: None }
}

/// A baseline of a workload that did a little of everything.
pub(crate) fn sample(workload: &str) -> (Baseline, Ledger) {
    let main = role(
        Role::Main,
        go_build("abc"),
        &[
            ("read", seen(7, at(1), Arguments::Unwatched)),
            ("socket", seen(2, at(2), values(&[(&[2, 1, 6], 3)]))),
            ("ioctl", seen(2, at(3), Arguments::Any)),
        ],
    );
    let violated = Violated { syscalls: [(nr("ptrace"), 2)].into(), first: at(4), last: at(5) };
    let mount = Reached { packages: ["syscall".into()].into(), is_go: true, is_optional: true };
    let calls = [(nr("read"), Reached::default()), (nr("mount"), mount)];
    let limits = ScanLimits { unresolved: 2, gaps: ["plugins that it opens".to_owned()].into() };
    let reachable = Reachable { syscalls: calls.into(), limits };
    let main = RoleObservations { reachable: Some(Arc::new(reachable)), ..main };
    let baseline = Baseline {
        workload: id(workload),
        host: host(),
        first: at(0),
        last: at(60),
        roles: vec![main.into()],
        starts: Starts { whole: 1, partial: 2, shutdowns: 3 },
        gaps: vec![Gap { from: at(1), to: at(2), reason: "programs were unloaded".into() }],
        violated: [("ptrace".to_owned(), violated)].into(),
        losses: Losses([("ring_full".to_owned(), 3)].into()),
    };
    (baseline, Ledger { epoch: "boot/1".into(), accounts: vec![account()] })
}

fn account() -> Account {
    Account {
        slot: 3,
        generation: 9,
        root: 3,
        process: 4711,
        is_whole: true,
        told: ToldOf::Start,
        started: at(0),
        asked_to_end: Some(at(9)),
        role: Role::Child("sh".into()),
        build: go_build("abc"),
        is_ending: false,
        processes: 1,
        foreign: 2,
        counts: BTreeMap::from([(nr("read"), 8), (nr("socket"), 3)]),
        arguments: BTreeMap::from([
            (nr("socket"), values(&[(&[2, 1, 6], 3)])),
            (nr("ioctl"), Arguments::Any),
        ]),
    }
}

fn any_arguments(name: &str) -> BoxedStrategy<Arguments> {
    let Some(watched) = syscalls::watched_by_name(name) else { return Just(Arguments::Unwatched).boxed() };
    let combination = prop::collection::vec(any::<u64>(), watched.arguments.len());
    prop_oneof![
        Just(Arguments::Any),
        prop::collection::btree_map(combination, any::<u64>(), 0..4).prop_map(Arguments::Values),
    ]
    .boxed()
}

/// How a scan may say that a call is made.
pub(crate) fn any_reached() -> impl Strategy<Value = Reached> {
    let packages = prop::collection::btree_set("[ab]{1,2}", 0..3);
    (packages, any::<bool>(), any::<bool>()).prop_map(|(packages, is_go, is_optional)| Reached {
        packages: packages.into_iter().map(Arc::from).collect(),
        is_go,
        is_optional,
    })
}

/// What a scan may not have found out.
pub(crate) fn any_limits() -> impl Strategy<Value = ScanLimits> {
    let gaps = prop::collection::btree_set("[ab]{1,2}", 0..3);
    (0..3u64, gaps).prop_map(|(unresolved, gaps)| ScanLimits { unresolved, gaps })
}

fn any_reachable() -> impl Strategy<Value = Reachable> {
    let number = prop::sample::select(vec!["read", "mount", "mseal"]).prop_map(nr);
    let syscalls = prop::collection::btree_map(number, any_reached(), 0..3);
    (syscalls, any_limits()).prop_map(|(syscalls, limits)| Reachable { syscalls, limits })
}

/// What one program did, with any calls, counts, times and values.
pub(crate) fn any_role() -> impl Strategy<Value = RoleObservations> {
    let kind = prop_oneof![Just(Role::Main), "[a-c]".prop_map(Role::Child), "[a-c]".prop_map(Role::Entered),];
    let name = prop::sample::select(vec!["read", "socket", "clone", "ioctl", "futex"]);
    let call = name.prop_flat_map(|name| {
        let values = (any::<[u32; 3]>(), any::<bool>(), any::<u64>(), any::<u64>(), any_arguments(name));
        (Just(name), values)
    });
    let calls = prop::collection::vec(call, 0..5).prop_map(|calls| {
        let seen = calls.into_iter().map(|(name, (counts, in_flight, first, last, arguments))| {
            let [startup, steady, shutdown] = counts.map(u64::from);
            let (first, last) = (Timestamp::from_unix_nanos(first), Timestamp::from_unix_nanos(last));
            let counts = PhaseCounts::new(startup, steady, shutdown);
            (nr(name), Seen { counts, in_flight, first, last, arguments, callers: Callers::default() })
        });
        seen.collect::<BTreeMap<_, _>>()
    });
    let build = ("[a-z/]{0,3}", prop::option::of("[0-9a-f]{1,2}"));
    let scanned = prop::option::of(any_reachable());
    (kind, build, any::<[u32; 2]>(), calls, scanned).prop_map(
        |(role, (path, id), [processes, foreign], syscalls, reachable)| RoleObservations {
            role,
            build: Build { path, id, ..go_build("") },
            processes: processes.into(),
            syscalls,
            foreign: foreign.into(),
            reachable: reachable.map(Arc::new),
        },
    )
}
