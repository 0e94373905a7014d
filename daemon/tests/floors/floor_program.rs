//! The Go program whose paths are walked (`daemon/tests/real/go/floor`), as each release builds it.

use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use seccinch::{
    model::{Arch, GoVersion},
    policy::floor::{self, Floor, NoNewPrivileges},
    syscalls,
};

use crate::{
    filter::Filter,
    launch::{self, Setting},
};

/// How long a path is walked over and over before the call that it leads to is said never to happen.
const WALK: &str = "10s";

/// The two releases that are tested: by default the oldest and the newest that there are.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Release {
    Oldest,
    Newest,
}

/// Whether the program has libc in it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Libc {
    Without,
    With,
}

impl Release {
    /// The release: `SECCINCH_FLOOR_OLDEST` and `SECCINCH_FLOOR_NEWEST` name others, for experiments.
    pub(crate) fn version(self) -> GoVersion {
        let (variable, default) = match self {
            Self::Oldest => ("SECCINCH_FLOOR_OLDEST", "1.19"),
            Self::Newest => ("SECCINCH_FLOOR_NEWEST", "1.27"),
        };
        let text = env::var(variable).unwrap_or_else(|_| default.to_owned());
        let (major, minor) = text.split_once('.').unwrap();
        GoVersion { major: major.parse().unwrap(), minor: minor.parse().unwrap() }
    }

    /// The names of this release's floors, of one of them if one is given.
    pub(crate) fn names(self, only: Option<Floor>) -> BTreeSet<&'static str> {
        let entries = floor::floor(Arch::NATIVE, Some(self.version()), None, NoNewPrivileges::Set).unwrap();
        let entries = entries.into_iter().filter(|entry| only.is_none_or(|floor| floor == entry.floor));
        entries.map(|entry| entry.name).collect()
    }
}

/// Where `cargo xtask setup` puts what tests need.
pub(crate) fn cache() -> PathBuf {
    let clone = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.cache");
    env::var_os("SECCINCH_CACHE").map_or(clone, PathBuf::from)
}

/// The program, about to walk a path; the empty path is no argument at all.
fn program(release: Release, libc: Libc, arguments: &[&str]) -> Command {
    let cgo = u8::from(matches!(libc, Libc::With));
    let path = cache().join(format!("go-programs/floor-go{}-cgo{cgo}", release.version()));
    assert!(path.is_file(), "{} is missing: run `cargo xtask setup`", path.display());
    let mut command = Command::new(path);
    // What a program whose go.mod says `go 1.25` or later has by default; ours says 1.19, so that every
    // release builds it. Older releases ignore the settings.
    command.env("GODEBUG", "containermaxprocs=1,updatemaxprocs=1,decoratemappings=1");
    command.args(arguments);
    command
}

/// Asserts that the floor holds a name exactly if the program dies without it on this path.
pub(crate) fn breaks_without(release: Release, floor: Floor, name: &str, path: &[&str], setting: Setting) {
    let held = release.names(Some(floor)).contains(name);
    if syscalls::number(Arch::NATIVE, name).is_none() {
        assert!(!held, "{name} is in the floor of an architecture that lacks it");
        return;
    }
    if setting == Setting::ProcessorLimit && !has_processor_limit() {
        eprintln!("skipped {name}: no cgroup hierarchy with a processor limit is mounted");
        return;
    }
    let libc =
        if path.first().is_some_and(|path| path.starts_with("libc-")) { Libc::With } else { Libc::Without };
    let refusing = Filter::without(name);
    let walk = if held && !path.is_empty() { &[path, &[WALK]].concat() } else { path };
    let ending = launch::run(program(release, libc, walk), Some(&refusing), setting);
    if held {
        assert!(ending.is_killed_by_filter(), "{path:?} without {name} does not break: {ending}");
    } else {
        assert!(ending.status.success(), "{path:?} needs {name}, which the floor lacks: {ending}");
    }
}

/// Asserts that a path is walked to its end under the floors and the calls that are its own.
pub(crate) fn works_on_floors(release: Release, libc: Libc, path: &[&str], own: &[&str], setting: Setting) {
    let allowed: Vec<&str> = release.names(None).into_iter().chain(own.iter().copied()).collect();
    let ending = launch::run(program(release, libc, path), Some(&Filter::only(&allowed)), setting);
    assert!(ending.status.success(), "{path:?} under the floors and {own:?}: {ending}");
}

/// Whether the Go runtime finds a processor limit to read: the file of this test's own cgroup, in the places
/// where systemd mounts the hierarchies.
fn has_processor_limit() -> bool {
    let cgroups = fs::read_to_string("/proc/self/cgroup").unwrap();
    cgroups.lines().any(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        let (controllers, path) = (fields.next().unwrap(), fields.next().unwrap().trim_start_matches('/'));
        let file = if controllers.is_empty() { "cpu.max" } else { "cpu.cfs_quota_us" };
        Path::new("/sys/fs/cgroup").join(controllers).join(path).join(file).is_file()
    })
}
