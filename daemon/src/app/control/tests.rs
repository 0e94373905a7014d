//! A server and its clients, good and bad.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};

use super::{
    ClientError, Control, ErrorKind, Options, ReloadDocument, ReloadRequest, Request, ask, open, table,
};
use crate::export::view::{GenerationView, Health, Problem, Reload, RuleAction, View, WorkloadView};
use crate::learn::rules::{Then, Violation};
use crate::model::{
    Arch, Build, Caller, Frame, Host, PhaseCounts, Place, Reachable, Reached, Role, RoleObservations,
    ScanLimits, Seen, Starts, SyscallNr, Target, Timestamp, WorkloadId,
};
use crate::policy::{DefaultAction, EPERM, Tier};

/// Long enough for an answer, short enough for a test of impatience.
const PATIENCE: Duration = Duration::from_millis(300);

struct Running {
    _folder: tempfile::TempDir,
    socket: PathBuf,
    _views: watch::Sender<Arc<View>>,
    reloads: mpsc::Receiver<ReloadRequest>,
    _control: Control,
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_unix_nanos(seconds * 1_000_000_000)
}

fn caller() -> Caller {
    let frame = |function: &str, line| Frame {
        function: function.into(),
        file: "/build/store/log.go".into(),
        line,
        is_inlined: line == 7,
    };
    let frames = [frame("syscall.Read", 7), frame("example.com/app/store.(*Log\u{1b}).open", 71)];
    Caller { frames: frames.into(), goroutine: Some(18), time: at(60) }
}

/// It found another call than the one that was seen.
fn scan() -> Reachable {
    let limits = ScanLimits { unresolved: 2, gaps: ["libx.so".to_owned()].into() };
    Reachable { syscalls: [(SyscallNr::new(1).unwrap(), Reached::default())].into(), limits }
}

fn workload() -> WorkloadView {
    let id = WorkloadId::parse("exe:/srv/a\u{1b}[31mprogram-with-a-long-name").unwrap();
    let nr = SyscallNr::new(0).unwrap();
    let seen = Seen {
        counts: PhaseCounts::new(1, 2, 0),
        in_flight: false,
        first: at(1),
        last: at(90),
        arguments: crate::model::Arguments::Unwatched,
        callers: caller().into(),
    };
    let role = RoleObservations {
        role: Role::Main,
        build: Build { path: "/srv/a".into(), ..Build::default() },
        processes: 2,
        syscalls: [(nr, seen)].into(),
        foreign: 3,
        reachable: Some(Arc::new(scan())),
    };
    let target = Target {
        process: 42,
        started: at(10),
        workload: id.clone(),
        executable: "/srv/a".into(),
        is_whole: false,
        is_entered: false,
        place: Place::default(),
    };
    WorkloadView {
        id,
        first: at(1),
        last: at(95),
        roles: vec![role.into()],
        counts: [(nr, 3)].into(),
        starts: Starts { whole: 1, partial: 1, shutdowns: 1 },
        gaps: 0,
        targets: vec![target],
        place: Place { image: Some("web:1".into()), ..Place::default() },
        violations: [(("ptrace".to_owned(), nr), 2)].into(),
        generation: Some(Arc::new(GenerationView {
            number: 3,
            sha256: "ab".repeat(32),
            time: at(50),
            folder: "/var/lib/seccinch/workloads/x/generations/0003".into(),
            default: DefaultAction::Errno(EPERM),
            rules: [(nr, RuleAction::Allow)].into(),
            added: vec!["read".into()],
            removed: vec![],
            tiers: [(Tier::Observed, vec![nr]), (Tier::Unknown, vec![nr; 2])].into(),
        })),
    }
}

fn view() -> View {
    let workload = Arc::new(workload());
    let host =
        Host { arch: Arch::X86_64, kernel: "6.18".into(), clock_source: None, seccinch: "0.1.0".into() };
    let violation = Violation {
        time: at(60),
        workload: workload.id.clone(),
        rule: "ptrace".into(),
        syscall: SyscallNr::new(101).unwrap(),
        count: 1,
        over: 0,
        per: Duration::from_hours(1),
        then: Then::Report,
        caller: Some(caller()),
    };
    let problem = Problem { part: "state".into(), text: "no room".into(), since: at(80), is_fatal: false };
    View {
        time: at(100),
        health: Health { is_ready: true, problems: vec![problem] },
        workloads: Arc::new([(workload.id.clone(), workload)].into()),
        other: 2,
        violations: Arc::new([violation].into()),
        losses: [("ring_full".to_owned(), 4)].into(),
        kernel_memory_bytes: 1,
        counted: 3,
        state_write_errors: 1,
        reload: Reload { is_successful: false, last_success: at(0) },
        ..View::empty(host, at(0))
    }
}

fn start() -> Running {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("control.sock");
    let (views, shown) = watch::channel(Arc::new(view()));
    let (sender, reloads) = mpsc::channel(1);
    let options = Options { views: shown, reloads: sender, patience: Some(PATIENCE) };
    let control = Control::start(open(&socket).unwrap(), options).unwrap();
    Running { _folder: folder, socket, _views: views, reloads, _control: control }
}

/// Check that every question is answered, and that the answer's table fits a terminal and says nothing to it.
#[test]
fn questions_are_answered() {
    let running = start();
    let socket = &running.socket;
    let id = workload().id;
    let answer = |request| ask(socket, &request).unwrap();
    let status = table::status(&answer(Request::Status).read().unwrap());
    let list = table::workloads(&answer(Request::Workloads).read().unwrap());
    let one = table::workload(&answer(Request::Workload(id)).read().unwrap(), at(100), 80);
    let findings = table::violations(&answer(Request::Violations).read().unwrap(), 80);
    for (text, expected) in [
        (&status, &["ready, for 100s", "1 live target", "state (for 20s): no room", "4 (ring_full)"][..]),
        (&list, &["exe:/srv/a\u{fffd}[31mprogram", "2 programs beyond the limit"]),
        (&one, &["generation 3", "foreign", "found running", "image web:1", "2 processes", "added read"]),
        (
            &one,
            &["\n  by example.com/app/store.(*Log\u{fffd}).open (log.go:71)\n", "1 observed, 2 unknown\n"],
        ),
        (
            &one,
            &[
                "WARNING     read was called by example.com/app/store.(*Log",
                "scanned: 1 syscall can be reached",
            ],
        ),
        (
            &findings,
            &[
                "1 call of ptrace, over 0 in 60m: report",
                "by example.com/app/store.(*Log\u{fffd}).open (log.go:71),",
                "on goroutine 18",
            ],
        ),
    ] {
        for expected in expected {
            assert!(text.contains(expected), "no {expected:?} in:\n{text}");
        }
        for line in text.lines() {
            assert!(line.chars().count() <= 80 || line.contains("sha256"), "too wide: {line}");
            assert!(!line.contains('\u{1b}'), "an escape for the terminal: {line}");
        }
    }
}

/// Check that a wide terminal has callers in a column of their own.
#[test]
fn a_wide_terminal_shows_callers_beside_calls() {
    let running = start();
    let answer = ask(&running.socket, &Request::Workload(workload().id)).unwrap();
    let text = table::workload(&answer.read().unwrap(), at(100), 120);
    let row = text.lines().find(|line| line.starts_with("read ")).unwrap();
    assert!(row.ends_with("  store.(*Log\u{fffd}).open (log.go:71)"), "{text}");
    assert!(text.lines().any(|line| line.ends_with("LAST  CALLER")), "{text}");
}

/// Check that unknown workloads and absent daemons are told apart, and that the socket goes with its server.
#[test]
fn failures_are_told_apart() {
    let running = start();
    let unknown = WorkloadId::parse("systemd:no.service").unwrap();
    let error = ask(&running.socket, &Request::Workload(unknown)).unwrap_err();
    assert!(matches!(error, ClientError::Refused { kind: ErrorKind::UnknownWorkload, .. }), "{error:?}");
    let socket = running.socket.clone();
    drop(running);
    assert!(!socket.exists());
    let error = ask(&socket, &Request::Status).unwrap_err();
    assert!(matches!(error, ClientError::NoDaemon { .. }), "{error:?}");
}

/// Check that a reload reaches the loop, and its answer the client.
#[test]
fn reloads_reach_the_loop() {
    let Running { socket, mut reloads, _folder, _views, _control } = start();
    let client = std::thread::spawn(move || {
        ask(&socket, &Request::Reload).and_then(|answer| answer.read::<ReloadDocument>())
    });
    let reply = reloads.blocking_recv().unwrap();
    reply.send(Err("line 1".to_owned())).unwrap();
    let answer = client.join().unwrap().unwrap();
    assert_eq!((answer.successful, answer.text.as_str()), (false, "line 1"));
}

/// Check that clients who say nothing, too much, or read nothing are let go of, and that root is answered even
/// while there are as many as there may be.
#[test]
fn hostile_clients_are_bounded() {
    let running = start();
    let began = Instant::now();
    let silent: Vec<_> = (0..12).map(|_| UnixStream::connect(&running.socket).unwrap()).collect();
    ask(&running.socket, &Request::Status).unwrap();
    assert!(began.elapsed() < PATIENCE, "the others were waited for");
    for mut stream in silent {
        assert_eq!(stream.read(&mut [0; 8]).unwrap(), 0, "it is closed without an answer");
    }
    let mut flood = UnixStream::connect(&running.socket).unwrap();
    let written = (0..100).try_for_each(|_| flood.write_all(&[b'x'; 4096]));
    assert!(written.is_err(), "all of it was taken");
    let answers: BTreeMap<&str, &str> = [("{}", "bad-request"), ("GET / HTTP/1.1", "bad-request")].into();
    for (request, kind) in answers {
        let mut stream = UnixStream::connect(&running.socket).unwrap();
        writeln!(stream, "{request}").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.contains(kind), "{answer}");
    }
}
