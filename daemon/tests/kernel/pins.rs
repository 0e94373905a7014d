//! Counting goes on while no daemon runs.
#![expect(clippy::expect_used, reason = "a helper that fails is a failed test")]

use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, io, thread};

use aya::maps::{MapInfo, loaded_maps};
use aya::programs::links::{FdLink, PinnedLink};
use aya::programs::{ProgramInfo, loaded_links, loaded_programs};
use seccinch::kernel::{
    Error, Happening, Kernel, LoadOptions, Slot, Source as _, Takeover, Targets as _, Verdict, unload,
};

use crate::support::{
    PATIENCE, PinFolder, Program, count, events, load, nr, pinned, unpinned, wait_for_exec,
};

/// Set for the process that is to crash: where to pin, and whom to count.
const CRASHING: &str = "SECCINCH_TEST_CRASHING";

/// Check that a daemon that is killed misses nothing: calls, executions, slots and verdicts are there for the
/// next one, under the same name.
#[test]
fn nothing_is_missed_between_a_crash_and_the_next_start() {
    if let Ok(task) = env::var(CRASHING) {
        let (pin, process) = task.rsplit_once(':').expect("a folder and a process");
        return crash(Path::new(pin), process.parse().expect("a process"));
    }
    let pin = PinFolder::new("crash");
    let program = Program::new("crash");
    let mut target = program.start(100);
    let (mut daemon, said) = start_crashing(pin.path(), target.id());
    let [epoch, slot, own] = &said[..] else { panic!("{said:?}") };
    let slot = Slot::new(slot.parse().expect("a number")).expect("a slot");
    target.call("1111");
    daemon.kill().expect("it can be killed");
    daemon.wait().expect("it ends");
    target.call("1111");
    let meanwhile = Program::new("meanwhile");
    let executed = meanwhile.run(9);
    target.call("2222");

    let mut kernel = load(&pinned(pin.path()));
    assert_eq!((kernel.taken_over(), kernel.epoch()), (&Takeover::TakenOver, epoch.as_str()));
    target.call("2222");
    assert_eq!((count(&kernel, slot, "getppid"), count(&kernel, slot, "ioctl")), (400, 4));
    let Happening::Exec { slot: of_new, .. } = wait_for_exec(&mut kernel, executed) else { unreachable!() };
    assert_eq!(count(&kernel, of_new, "getppid"), 9, "in a provisional slot, though nobody was there");
    assert_eq!(kernel.slot_of(target.id()), Some(slot));
    assert!(!kernel.give_column(slot, nr("getppid")), "its column is remembered");
    assert!(kernel.give_column(slot, nr("write")), "and others are free");
    target.call("1");
    assert_eq!(count(&kernel, slot, "getppid"), 500, "two calls do not share a column");
    assert_eq!(count(&kernel, slot, "write"), 5, "one answer to each word");
    let free = (0..).map_while(|_| kernel.take_slot().ok()).count();
    assert_eq!(free.to_string(), *own, "all slots but that one can be taken");
    assert!(kernel.programs().iter().all(|program| program.is_attached), "{:?}", kernel.programs());
    kernel.detach().expect("it detaches");
}

/// What a daemon does before it crashes: it counts a process, and moves a call of it to a column. Says which
/// load it was, which slot it took, and how many are left.
fn crash(pin: &Path, process: u32) {
    let mut kernel = load(&pinned(pin));
    kernel.untrack(process);
    let slot = kernel.take_slot().expect("a slot is free");
    kernel.track(process, slot);
    assert!(kernel.give_column(slot, nr("getppid")), "a column is free");
    let epoch = kernel.epoch().to_owned();
    let own = (0..).map_while(|_| kernel.take_slot().ok()).count();
    println!("\nready {epoch} {} {own}", slot.get());
    io::stdout().flush().expect("somebody reads");
    thread::sleep(PATIENCE * 6);
}

/// Runs this very test in another process, that is to crash.
fn start_crashing(pin: &Path, process: u32) -> (Child, Vec<String>) {
    let mut command = Command::new(env::current_exe().expect("this program has a path"));
    command.args(["--exact", "--nocapture", "pins::nothing_is_missed_between_a_crash_and_the_next_start"]);
    command.env(CRASHING, format!("{}:{process}", pin.display()));
    let mut child = command.stdout(Stdio::piped()).spawn().expect("it starts");
    let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let ready = lines.map_while(Result::ok).find_map(|line| {
        Some(line.strip_prefix("ready ")?.split(' ').map(str::to_owned).collect::<Vec<_>>())
    });
    (child, ready.expect("it gets ready"))
}

/// The kernel's numbers of everything that is pinned in a folder.
fn ids(pin: &Path) -> (Vec<u32>, Vec<u32>, Vec<u32>) {
    let version = fs::read_dir(pin).expect("pins").next().expect("one version").expect("readable").path();
    let paths = |kind: &str| {
        let entries = fs::read_dir(version.join(kind)).expect("a folder of pins");
        entries.map(|entry| entry.expect("readable").path()).collect::<Vec<_>>()
    };
    let link =
        |path| FdLink::from(PinnedLink::from_pin(path).expect("a link")).info().expect("its info").id();
    (
        paths("programs").iter().map(|path| ProgramInfo::from_pin(path).expect("a program").id()).collect(),
        paths("links").iter().map(link).collect(),
        paths("maps").iter().map(|path| MapInfo::from_pin(path).expect("a map").id()).collect(),
    )
}

/// Whether anything of these is still in the kernel.
fn is_left((programs, links, maps): &(Vec<u32>, Vec<u32>, Vec<u32>)) -> bool {
    loaded_programs().filter_map(Result::ok).any(|program| programs.contains(&program.id()))
        || loaded_links().filter_map(Result::ok).any(|link| links.contains(&link.id()))
        || loaded_maps().filter_map(Result::ok).any(|map| maps.contains(&map.id()))
}

/// The kernel frees what nobody holds a little later.
fn assert_gone(ids: &(Vec<u32>, Vec<u32>, Vec<u32>)) {
    let deadline = Instant::now() + PATIENCE;
    while is_left(ids) {
        assert!(Instant::now() < deadline, "something of {ids:?} is left in the kernel");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Check that a clean end, and `unload` after a crash, leave no program, no link and no map.
#[test]
fn nothing_is_left_after_the_end() {
    let pin = PinFolder::new("end");
    let kernel = load(&pinned(pin.path()));
    assert_eq!(kernel.taken_over(), &Takeover::Fresh);
    assert!(kernel.programs().iter().all(|program| program.is_attached), "{:?}", kernel.programs());
    let before = ids(pin.path());
    assert_eq!((before.0.len(), before.1.len()), (5, 5));
    assert!(is_left(&before), "they are there");
    let names = kernel.detach().expect("it detaches");
    assert_eq!(names, ["exec", "exit", "fork", "signal", "sys_enter"]);
    assert!(!pin.path().exists());
    assert_gone(&before);

    drop(load(&pinned(pin.path())));
    let before = ids(pin.path());
    assert!(is_left(&before), "pins keep them");
    assert_eq!(unload(pin.path()).expect("it unloads"), names);
    assert_gone(&before);
    assert_eq!(unload(pin.path()).expect("nothing to do"), Vec::<String>::new());
}

/// Check that what can't be taken over is replaced, and why is said.
#[test]
fn what_does_not_fit_is_replaced() {
    let pin = PinFolder::new("replaced");
    let folder = pin.path().join(seccinch_common::ABI_VERSION.to_string());
    let replaced = |kernel: &Kernel| match kernel.taken_over() {
        Takeover::Replaced { reason } => reason.clone(),
        other => panic!("{other:?}"),
    };
    drop(load(&pinned(pin.path())));
    fs::remove_file(folder.join("stamp")).expect("a stamp");
    let kernel = load(&pinned(pin.path()));
    assert_eq!(replaced(&kernel), "incomplete pins");
    let first = kernel.epoch().to_owned();
    drop(kernel);

    let kernel = load(&LoadOptions { pin: Some(pin.path().into()), ..LoadOptions::default() });
    assert_eq!(replaced(&kernel), "loaded with other options");
    assert_ne!(kernel.epoch(), first, "another load");
    drop(kernel);

    let before = ids(pin.path());
    fs::rename(&folder, pin.path().join("1")).expect("it can be renamed");
    let kernel = load(&pinned(pin.path()));
    assert_eq!(replaced(&kernel), "another kernel abi");
    assert!(!pin.path().join("1").exists());
    assert_gone(&before);
    drop(kernel);

    fs::remove_file(folder.join("links/exec")).expect("a link");
    let kernel = load(&pinned(pin.path()));
    assert!(replaced(&kernel).contains("links/exec"), "{}", replaced(&kernel));
}

/// Check that nobody takes over while another still counts.
#[test]
fn two_at_once_are_refused() {
    let pin = PinFolder::new("second");
    let first = load(&pinned(pin.path()));
    let second = Kernel::load(&pinned(pin.path())).map(drop);
    assert!(matches!(second, Err(Error::PinInUse { .. })), "{second:?}");
    drop(first);
    assert_eq!(*load(&pinned(pin.path())).taken_over(), Takeover::TakenOver);
}

/// Check that verdicts and alerts hold for the next one, and that what was read once does not come again.
#[test]
fn decisions_outlive_the_daemon() {
    let pin = PinFolder::new("decisions");
    let program = Program::new("decided");
    let mut kernel = load(&pinned(pin.path()));
    let seen = program.run(1);
    let Happening::Exec { file, .. } = wait_for_exec(&mut kernel, seen) else { unreachable!() };
    kernel.decide(file, Verdict::Ignored).expect("a verdict is taken");
    kernel.alert_on(&[nr("getppid")].into()).expect("alerts are set");
    drop(kernel);

    let mut kernel = load(&pinned(pin.path()));
    assert_eq!(kernel.taken_over(), &Takeover::TakenOver);
    let ignored = program.run(1);
    let about =
        |process| move |event: &Happening| matches!(event, Happening::Exec { tgid, .. } if *tgid == process);
    let events = events(&mut kernel);
    assert!(!events.iter().any(about(seen)), "it was read before");
    assert!(!events.iter().any(about(ignored)), "it was decided before");
    let slot = kernel.take_slot().expect("a slot is free");
    assert!(!kernel.give_column(slot, nr("getppid")), "it is told of");
}

/// Check that a folder that is on no BPF file system is refused with what to do.
#[test]
fn other_file_systems_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = LoadOptions { pin: Some(folder.path().join("pins")), ..unpinned() };
    match Kernel::load(&options) {
        Err(error @ Error::NoBpfFileSystem { .. }) => {
            assert!(error.to_string().contains("mount -t bpf bpf /sys/fs/bpf"), "{error}");
        }
        other => panic!("{:?}", other.map(drop)),
    }
    assert!(!folder.path().join("pins").exists(), "nothing was made there");
}
