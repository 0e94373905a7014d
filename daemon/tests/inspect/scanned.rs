//! Scans by a worker: what it says is what is said without one, and what is left of it when it ends.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use nix::unistd::Pid;
use seccinch::collect::find_libraries;
use seccinch::files::Root;
use seccinch::golang;
use seccinch::golang::scan;
use seccinch::golang::scan::libraries::Found;
use seccinch::inspect::{Error, Inspector, Library, MOST_LIBRARIES, Patience, Scanned};

use crate::fixtures::Program;
use crate::support::{PATIENCE, PROGRAM, confined, describe, signal, status, worker};

const CADDY: Program = Program::Debian { package: "caddy", path: "usr/bin/caddy" };
const LARGEST: [Program; 3] = [
    Program::Debian { package: "rclone", path: "usr/bin/rclone" },
    Program::Debian { package: "prometheus", path: "usr/bin/prometheus" },
    Program::Debian { package: "containerd", path: "usr/bin/containerd" },
];

fn program(program: Program) -> PathBuf {
    program.path().expect("a program that was set up")
}

fn idle(inspector: &Inspector) -> Inspector {
    inspector
        .idle(Patience { start: PATIENCE.start, answer: Duration::from_mins(2) })
        .expect("one with workers")
}

/// Scans a program with the libraries of this machine.
fn scan(inspector: &Inspector, path: &Path) -> Result<Scanned, Error> {
    inspector.scan(File::open(path).expect("a file"), libraries(inspector, path)?)
}

fn libraries(inspector: &Inspector, path: &Path) -> Result<Vec<Library>, Error> {
    let root = Root::at(Path::new("/")).expect("a root");
    let program = inspector.needs(File::open(path).expect("a file"))?;
    let needs = |file: &File| inspector.needs(file.try_clone().ok()?).ok();
    let found = find_libraries(Some(&root), &program, path.parent(), MOST_LIBRARIES, Some, needs);
    let library = |found: Found<File>| Library { name: found.name, part: found.part, file: found.file };
    Ok(found.into_iter().map(library).collect())
}

/// As [`scan`], in this process and from bytes.
fn scan_here(path: &Path) -> Scanned {
    let bytes = fs::read(path).unwrap();
    let build = golang::inspect(String::new(), bytes.as_slice()).unwrap();
    let libraries = libraries(&Inspector::local(), path).unwrap();
    let read = |library: Library| scan::Library {
        name: library.name,
        part: library.part,
        bytes: library.file.map(|mut file| {
            let mut bytes = Vec::new();
            std::io::Seek::rewind(&mut file).unwrap();
            std::io::Read::read_to_end(&mut file, &mut bytes).unwrap();
            bytes
        }),
    };
    let libraries: Vec<_> = libraries.into_iter().map(read).collect();
    assert!(libraries.len() >= 2 && libraries.iter().all(|library| library.bytes.is_some()), "no libc here");
    Scanned { id: build.id, reachable: scan::scan(&bytes, &libraries).unwrap().reachable() }
}

/// Check that a worker finds what is found without one, of a program and of the libraries that it loads.
#[test]
fn a_worker_finds_the_same() {
    let (path, inspector) = (program(CADDY), idle(&confined()));
    let scanned = scan(&inspector, &path).unwrap();
    assert_eq!(scanned, scan_here(&path));
    let own = scanned.reachable.syscalls.values().filter(|reached| reached.is_go).count();
    assert!(own > 60 && own < scanned.reachable.syscalls.len(), "{own} from Go code");
    assert_eq!((inspector.worker(), inspector.deaths()), (None, 0), "it ends with the scan");
}

/// Check that the largest real programs fit into what a worker may have. Prints how long each took.
#[test]
fn large_programs_are_scanned() {
    let inspector = idle(&confined());
    for path in LARGEST.map(program) {
        let began = Instant::now();
        let scanned = scan(&inspector, &path).unwrap();
        println!("scan: {} in {:?}", path.display(), began.elapsed());
        assert!(scanned.reachable.syscalls.len() > 90, "{}", path.display());
    }
    assert_eq!(inspector.deaths(), 0);
}

/// Check that who scans has 5 s on a CPU, little memory of its own, and gives way to everybody else.
#[test]
fn who_scans_is_in_nobodys_way() {
    let inspector = idle(&confined());
    describe(&inspector, PROGRAM).unwrap();
    let worker = worker(&inspector);
    let limits = fs::read_to_string(format!("/proc/{worker}/limits")).unwrap();
    for (name, most) in
        [("Max cpu time", "5"), ("Max data size", "268435456"), ("Max address space", "1073741824")]
    {
        let line = limits.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        assert_eq!(line.split_whitespace().take(2).collect::<Vec<_>>(), [most, most], "{name}");
    }
    // `proc_pid_stat(5)`: `nice` is the 19th field, and the name before the third may hold anything.
    let stat = fs::read_to_string(format!("/proc/{worker}/stat")).unwrap();
    let nice = stat.rsplit_once(") ").unwrap().1.split(' ').nth(16).unwrap();
    assert_eq!(nice, "19");
    assert_eq!(status(worker, "Seccomp"), "2");
}

/// Scans a copy of a program, and does something when its worker is at it. What came of that.
fn disturbed(inspector: &Inspector, victim: &Path, disturb: impl Fn(Pid)) -> Error {
    fs::copy(program(CADDY), victim).unwrap();
    thread::scope(|scope| {
        let scanned = scope.spawn(|| inspector.scan(File::open(victim).unwrap(), Vec::new()));
        let began = Instant::now();
        while reader(victim).is_none() {
            assert!(began.elapsed() < PATIENCE.start, "nobody reads it");
            thread::sleep(Duration::from_millis(5));
        }
        reader(victim).into_iter().for_each(disturb);
        scanned.join().unwrap().unwrap_err()
    })
}

/// A process that has a file mapped.
fn reader(path: &Path) -> Option<Pid> {
    let numbers =
        fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let is_there = |maps: String| maps.contains(&*path.to_string_lossy());
    numbers.map(Pid::from_raw).find(|pid| fs::read_to_string(format!("/proc/{pid}/maps")).is_ok_and(is_there))
}

/// Check that a file that shrinks while it is scanned ends its worker, and that others are scanned.
#[test]
fn a_file_that_shrinks_ends_its_worker() {
    let (inspector, folder) = (idle(&confined()), tempfile::tempdir().unwrap());
    let victim = folder.path().join("victim");
    let shrink = |_| File::options().write(true).open(&victim).unwrap().set_len(4096).unwrap();
    let error = disturbed(&inspector, &victim, shrink);
    assert!(matches!(&error, Error::Died { how } if how.contains("SIGBUS")), "{error}");
    assert_eq!(inspector.deaths(), 1);
    assert!(scan(&inspector, &program(CADDY)).is_ok());
}

/// Check that a file whose scan ends a worker is not scanned again soon, and is described as before.
#[test]
fn a_file_that_ends_its_worker_is_left_alone() {
    let main = confined();
    let (inspector, folder) = (idle(&main), tempfile::tempdir().unwrap());
    let victim = folder.path().join("victim");
    let error = disturbed(&inspector, &victim, |worker| signal(worker, Signal::SIGKILL));
    assert!(matches!(&error, Error::Died { how } if how.contains("SIGKILL")), "{error}");
    let again = inspector.scan(File::open(&victim).unwrap(), Vec::new()).unwrap_err();
    assert!(matches!(again, Error::Remembered), "{again}");
    assert!(describe(&main, &victim).unwrap().go.is_some(), "what it is stays known");
    assert_eq!((inspector.deaths(), main.deaths()), (1, 0));
}

/// Check that a file that is too large is told as such and ends no worker, and that one that is no program is damaged.
#[test]
fn what_can_not_be_scanned_is_told() {
    let (inspector, folder) = (idle(&confined()), tempfile::tempdir().unwrap());
    let large = folder.path().join("large");
    fs::copy(program(CADDY), &large).unwrap();
    File::options().write(true).open(&large).unwrap().set_len(513 << 20).unwrap();
    let error = inspector.scan(File::open(&large).unwrap(), Vec::new()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the file and its libraries are too large to be scanned: 513 MiB, and at most 512 are"
    );
    let error = inspector.scan(File::open("/bin/sh").unwrap(), Vec::new()).unwrap_err();
    assert!(matches!(error, Error::Damaged(_)), "{error}");
    assert_eq!(inspector.deaths(), 0);
    assert!(Inspector::local().idle(Patience::IDLE).is_none(), "no scan takes place in a daemon");
}
