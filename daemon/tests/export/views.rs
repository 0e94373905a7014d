//! Views of made-up daemons.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use seccinch::export::view::{Durations, GenerationView, Health, RuleAction, View, WorkloadView, tiers};
use seccinch::kernel::ProgramRuns;
use seccinch::learn::rules::{Then, Violation};
use seccinch::model::{
    Arch, Arguments, Build, Caller, Callers, Frame, Host, PhaseCounts, Place, Reachable, Reached, Role,
    RoleObservations, ScanLimits, Seen, Starts, SyscallNr, Target, Timestamp, WorkloadId,
};
use seccinch::policy::{DefaultAction, Digest, EPERM, Profile, file};
use seccinch::syscalls;

/// The second 1,795,000,000 after the epoch, and as many seconds later as asked for.
pub(crate) const fn at(seconds: u64) -> Timestamp {
    Timestamp::from_unix_nanos((1_795_000_000 + seconds) * 1_000_000_000)
}

/// The number of a name on x86-64.
pub(crate) fn nr(name: &str) -> SyscallNr {
    syscalls::number(Arch::X86_64, name).expect("a known name")
}

/// The id in a text.
pub(crate) fn id(text: &str) -> WorkloadId {
    WorkloadId::parse(text).expect("an id")
}

/// A daemon that is ready and has seen nothing.
pub(crate) fn empty() -> View {
    let mut polls = Durations::default();
    polls.add(Duration::from_micros(700));
    polls.add(Duration::from_secs(2));
    let host = Host {
        arch: Arch::X86_64,
        kernel: "6.12.0".to_owned(),
        clock_source: Some("tsc".to_owned()),
        seccinch: "0.1.0".to_owned(),
    };
    let program = ProgramRuns {
        program: "sys_enter".to_owned(),
        is_attached: true,
        runs: 7,
        nanoseconds: 2_500_000_000,
    };
    View {
        time: at(100),
        health: Health { is_ready: true, problems: Vec::new() },
        other: 3,
        losses: BTreeMap::from([("ring full".to_owned(), 4)]),
        programs: [program].into(),
        kernel_memory_bytes: 4096,
        counted: 11,
        polls,
        ..View::empty(host, at(0))
    }
}

/// A workload that made these calls once each, without a profile.
pub(crate) fn workload(name: &str, calls: &[SyscallNr]) -> WorkloadView {
    let seen = |index: usize| Seen {
        counts: PhaseCounts::new(1, 0, 0),
        in_flight: false,
        first: at(index as u64),
        last: at(50),
        arguments: Arguments::Unwatched,
        callers: Callers::default(),
    };
    let syscalls = calls.iter().enumerate().map(|(index, nr)| (*nr, seen(index))).collect();
    let build =
        Build { path: "/usr/bin/web".to_owned(), id: Some("abc".to_owned()), go: None, linkage: None };
    WorkloadView {
        id: id(name),
        first: at(1),
        last: at(90),
        roles: vec![
            RoleObservations { role: Role::Main, build, processes: 1, syscalls, foreign: 0, reachable: None }
                .into(),
        ],
        counts: calls.iter().map(|nr| (*nr, 1)).collect(),
        starts: Starts { whole: 1, partial: 0, shutdowns: 0 },
        gaps: 0,
        targets: vec![target(name)],
        place: Place::default(),
        violations: BTreeMap::new(),
        generation: None,
    }
}

/// A live process of a workload.
pub(crate) fn target(name: &str) -> Target {
    Target {
        process: 42,
        started: at(1),
        workload: id(name),
        executable: "/usr/bin/web".to_owned(),
        is_whole: true,
        is_entered: false,
        place: Place::default(),
    }
}

/// A generation that only allows these calls, without files.
pub(crate) fn generation(rules: BTreeMap<SyscallNr, RuleAction>) -> GenerationView {
    GenerationView {
        number: 1,
        sha256: Digest::of(format!("{rules:?}").as_bytes()).to_string(),
        time: at(60),
        folder: "/nonexistent".into(),
        default: DefaultAction::Errno(EPERM),
        rules,
        added: vec!["read".to_owned()],
        removed: Vec::new(),
        tiers: BTreeMap::new(),
    }
}

/// A generation of a profile, written to a folder as the daemon does, and known to the view by its hash.
pub(crate) fn written(view: &mut View, folder: &Path, profile: &Profile) -> GenerationView {
    use seccinch::emit::{Engine, Logging, oci};
    let oci = oci(profile, Engine::Any, Logging::Kernel).expect("an OCI form");
    let ir = file::render(profile).expect("a file");
    std::fs::create_dir_all(folder).expect("a folder");
    std::fs::write(folder.join("profile.json"), ir).expect("written");
    std::fs::write(folder.join("seccomp.json"), &oci).expect("written");
    let sha256 = Digest::of(&oci).to_string();
    let mut profiles = view.profiles.as_ref().clone();
    profiles.insert(sha256.clone(), folder.join("seccomp.json"));
    view.profiles = Arc::new(profiles);
    GenerationView {
        sha256,
        folder: folder.to_owned(),
        default: profile.default_action(),
        tiers: tiers(profile),
        ..generation(RuleAction::of(profile))
    }
}

/// Puts a workload into a view.
pub(crate) fn add(view: &mut View, workload: WorkloadView) {
    Arc::make_mut(&mut view.workloads).insert(workload.id.clone(), Arc::new(workload));
}

/// A view of many workloads, each with as many calls in counts and profile.
pub(crate) fn many(workloads: usize, calls: usize) -> View {
    let calls: Vec<SyscallNr> = syscalls::all(Arch::X86_64).map(|(nr, _)| nr).take(calls).collect();
    let rules: BTreeMap<_, _> = calls.iter().map(|nr| (*nr, RuleAction::Allow)).collect();
    let mut view = empty();
    for number in 0..workloads {
        let mut workload = workload(&format!("k8s:shop/Deployment/web-{number:03}/app"), &calls);
        workload.generation = Some(generation(rules.clone()).into());
        add(&mut view, workload);
    }
    view
}

/// Who makes a call: a goroutine of a module's, by way of the standard library.
pub(crate) fn caller() -> Caller {
    let frame = |function: &str, file: &str, is_inlined| Frame {
        function: function.into(),
        file: file.into(),
        line: 12,
        is_inlined,
    };
    let frames = [
        frame("syscall.Syscall", "/go/src/syscall/syscall_linux.go", true),
        frame("example.com/web/store.(*Log).open", "/build/store/log.go", false),
        frame("main.main", "/build/main.go", false),
    ];
    Caller { frames: frames.into(), goroutine: Some(18), time: at(70) }
}

/// A scan that found these calls, but for two places and a library.
pub(crate) fn scan(calls: &[SyscallNr]) -> Reachable {
    let limits = ScanLimits { unresolved: 2, gaps: ["libx.so: not found".to_owned()].into() };
    Reachable { syscalls: calls.iter().map(|nr| (*nr, Reached::default())).collect(), limits }
}

/// A broken rule.
pub(crate) fn violation(workload: &str) -> Violation {
    Violation {
        time: at(70),
        workload: id(workload),
        rule: "no-ptrace".to_owned(),
        syscall: nr("ptrace"),
        count: 1,
        over: 0,
        per: Duration::from_mins(1),
        then: Then::Deny,
        caller: Some(caller()),
    }
}
