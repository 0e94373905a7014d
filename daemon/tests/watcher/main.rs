//! The watcher on the real kernel: found as it starts, counted from its first call, and across daemons.
#![expect(clippy::expect_used, reason = "a helper that fails is a failed test")]

#[path = "../real/support/bpf_fs.rs"]
mod bpf_fs;

use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use std::{fs, process};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use seccinch::collect::{Discovery, ProcFs, Runtimes, Watcher};
use seccinch::kernel::{Executions, Kernel, LoadOptions};
use seccinch::model::{Arch, Delta, Ledger, Pattern, Timestamp, WorkloadId};
use seccinch::syscalls;

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970");
    Timestamp::from_unix_nanos(u64::try_from(since.as_nanos()).expect("a clock before 2554"))
}

/// A program that nobody else runs.
fn program(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", process::id()));
    // By another process: a child of another test could hold what we write, and then nobody can execute it.
    let copied = Command::new("cp").arg("/bin/sleep").arg(&path).status();
    assert!(copied.expect("cp runs").success(), "a program can be copied");
    path
}

fn start(program: &Path) -> Child {
    Command::new(program).arg("1000").spawn().expect("the program starts")
}

fn end(mut child: Child) {
    let pid = i32::try_from(child.id()).expect("an id");
    kill(Pid::from_raw(pid), Signal::SIGTERM).expect("it is there");
    child.wait().expect("it ends");
}

fn watch(program: &Path, pin: Option<&Path>, ledgers: Vec<(WorkloadId, Ledger)>) -> Watcher<Kernel> {
    let pin = pin.map(Path::to_owned);
    let options = LoadOptions { executions: Executions::Provisional, pin, ..LoadOptions::default() };
    let kernel = Kernel::load(&options).expect("the kernel side loads");
    let executables = vec![Pattern::parse(program.to_str().expect("a text")).expect("a pattern")];
    let discovery = Discovery { go: false, executables, ..Discovery::default() };
    Watcher::new(kernel, ProcFs::default(), Runtimes::default(), discovery, ledgers, now())
        .expect("what runs is picked up")
}

fn poll_for(watcher: &mut Watcher<Kernel>, polls: usize) -> Vec<Delta> {
    let mut deltas = Vec::new();
    for _ in 0..polls {
        sleep(Duration::from_millis(200));
        let poll = watcher.poll(now()).expect("the poll succeeds");
        assert_eq!(poll.failures, Vec::<String>::new());
        deltas.extend(poll.deltas);
    }
    deltas
}

fn count(deltas: &[Delta], name: &str) -> u64 {
    let nr = syscalls::number(Arch::NATIVE, name).expect("a call");
    let roles = deltas.iter().flat_map(|delta| &delta.roles);
    roles.filter_map(|role| role.syscalls.get(&nr)).map(|seen| seen.counts.total()).sum()
}

/// Check that a program is counted from its first call to its end, that its start is whole and its shutdown seen,
/// and that its slots are free again when all that is stored.
#[test]
fn a_program_is_watched_from_start_to_end() {
    let program = program("watched");
    let mut watcher = watch(&program, None, Vec::new());
    let child = start(&program);
    let deltas = poll_for(&mut watcher, 28);
    let targets = watcher.targets();
    assert_eq!(targets.len(), 1);
    assert_eq!((targets[0].process, targets[0].is_whole), (child.id(), true));
    let workload = targets[0].workload.clone();
    assert_eq!(count(&deltas, "clock_nanosleep"), 1);
    assert!(count(&deltas, "brk") > 1, "the dynamic linker's first call was not counted");
    assert_eq!(deltas.iter().map(|delta| delta.starts.whole).sum::<u64>(), 1);
    assert!(!watcher.ledger(&workload).accounts.is_empty(), "nothing to go on from");
    end(child);
    let last = poll_for(&mut watcher, 2);
    assert_eq!(last.iter().map(|delta| delta.starts.shutdowns).sum::<u64>(), 1);
    assert!(!watcher.learn_arguments().expect("arguments").is_empty(), "no argument was learned");
    watcher.stored(&workload);
    poll_for(&mut watcher, 1);
    assert!(watcher.ledger(&workload).accounts.is_empty(), "its slots were not given back");
    fs::remove_file(program).expect("the program can be removed");
}

/// Check that a daemon that takes over repeats no count, and that what started while there was none is counted from
/// its first call.
#[test]
fn a_daemon_that_takes_over_goes_on() {
    let program = program("taken-over");
    let pin = bpf_fs::pin(format!("seccinch-test-{}", process::id())).expect("a place for pins");
    let mut watcher = watch(&program, Some(&pin), Vec::new());
    let first = start(&program);
    let before = poll_for(&mut watcher, 3);
    let workload = before[0].workload.clone();
    let ledger = watcher.ledger(&workload);
    drop(watcher);
    let second = start(&program);
    sleep(Duration::from_millis(300));
    let mut watcher = watch(&program, Some(&pin), vec![(workload, ledger)]);
    let after = poll_for(&mut watcher, 28);
    let processes = |deltas: &[Delta]| {
        deltas.iter().flat_map(|delta| &delta.roles).map(|role| role.processes).sum::<u64>()
    };
    assert_eq!((processes(&before), processes(&after)), (1, 1));
    assert_eq!((count(&before, "clock_nanosleep"), count(&after, "clock_nanosleep")), (1, 1));
    assert_eq!(count(&before, "brk"), count(&after, "brk"), "the second one's first calls were not counted");
    assert!(watcher.targets().iter().all(|target| target.is_whole), "{:?}", watcher.targets());
    end(first);
    end(second);
    watcher.into_kernel().detach().expect("nothing is left in the kernel");
    fs::remove_file(program).expect("the program can be removed");
}
