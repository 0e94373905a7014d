//! The floors of container runtimes: a container whose program does nothing but end, so that whatever breaks
//! is the runtime's own.

use std::{
    collections::BTreeSet,
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{self, Command},
    sync::atomic::{AtomicU32, Ordering},
};

use seccinch::{
    model::Arch,
    policy::floor::{self, Floor, NoNewPrivileges, Runtime},
};
use serde_json::{Value, json};

use crate::{
    cgroup,
    floor_program::cache,
    launch::{self, Ending, Setting},
};

/// How many starts a name that only some starts need has to show itself in: `futex` is in 1 of 10.
const STARTS: usize = 300;

/// The last call that libseccomp 2.5.4 knows. runc answers `ENOSYS` to every number above the highest that a
/// profile names, whatever the default action is (`libcontainer/seccomp/patchbpf/enosys_linux.go`).
const TOP: &str = "set_mempolicy_home_node";

/// A program of one call, `exit_group(0)`, as an ELF file without libc.
#[cfg(target_arch = "x86_64")]
const PROGRAM: (u16, &[u8]) = (62, b"\x31\xff\xb8\xe7\x00\x00\x00\x0f\x05");
/// A program of one call, `exit_group(0)`, as an ELF file without libc.
#[cfg(target_arch = "aarch64")]
const PROGRAM: (u16, &[u8]) = (183, b"\x00\x00\x80\xd2\xc8\x0b\x80\xd2\x01\x00\x00\xd4");

/// What the seccomp default action is.
#[derive(Debug, Clone, Copy)]
enum Default {
    Errno,
    Kill,
}

/// A bundle in a temporary folder, removed at the end.
struct Bundle {
    runtime: Runtime,
    folder: PathBuf,
}

/// The names of the floors that a container's start stands on.
fn names(runtime: Runtime, privileges: NoNewPrivileges) -> BTreeSet<&'static str> {
    let entries = floor::floor(Arch::NATIVE, None, Some(runtime), privileges).unwrap();
    entries.into_iter().map(|entry| entry.name).collect()
}

/// The names of one floor.
fn names_of(floor: Floor) -> BTreeSet<&'static str> {
    let runtimes = [Runtime::Runc, Runtime::Crun].into_iter();
    let entries = runtimes
        .flat_map(|runtime| floor::floor(Arch::NATIVE, None, Some(runtime), NoNewPrivileges::Unset).unwrap());
    entries.filter(|entry| entry.floor == floor).map(|entry| entry.name).collect()
}

impl Bundle {
    /// A bundle whose profile allows these names.
    fn new(
        runtime: Runtime,
        privileges: NoNewPrivileges,
        user: u32,
        default: Default,
        names: &BTreeSet<&str>,
    ) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("seccinch-floor-{}-{number}", process::id()));
        fs::create_dir_all(folder.join("rootfs")).unwrap();
        write_program(&folder.join("rootfs/end"));
        let config = config(privileges, user, &seccomp(default, names));
        fs::write(folder.join("config.json"), config.to_string()).unwrap();
        Self { runtime, folder }
    }

    /// Starts the container once, and waits for its end.
    fn start(&self) -> Ending {
        let ending = self.run(&["run", "--bundle", self.folder.to_str().unwrap(), &self.id()]);
        if !ending.status.success() {
            self.run(&["delete", "--force", &self.id()]);
        }
        ending
    }

    fn id(&self) -> String {
        self.folder.file_name().unwrap().to_str().unwrap().to_owned()
    }

    /// Runs the runtime, in a mount namespace where the cgroup hierarchy is the unified one: crun refuses a
    /// host that mounts both.
    fn run(&self, arguments: &[&str]) -> Ending {
        let mounts = "umount -l /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup; exec \"$@\"";
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", mounts, "sh"]).arg(self.program());
        command.arg("--root").arg(self.folder.join("state")).args(arguments);
        command.env("LD_LIBRARY_PATH", cache().join("debian/crun/usr/lib/x86_64-linux-gnu"));
        // More threads in runc's init: more of the calls that depend on the moment.
        command.env("GOMAXPROCS", "16");
        launch::run(command, None, Setting::Plain)
    }

    fn program(&self) -> PathBuf {
        let program = match self.runtime {
            Runtime::Crun => "debian/crun/usr/bin/crun",
            Runtime::Runc | Runtime::Systemd => "debian/runc/usr/sbin/runc",
        };
        let path = cache().join(program);
        assert!(path.is_file(), "{} is missing: run `cargo xtask setup`", path.display());
        path
    }
}

impl Drop for Bundle {
    fn drop(&mut self) {
        // A runtime that could not start a container forgets its cgroup now and then.
        cgroup::remove(&self.id());
        fs::remove_dir_all(&self.folder).unwrap();
    }
}

/// Writes the program that does nothing but end.
pub(crate) fn write_program(path: &Path) {
    fs::write(path, elf()).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
}

/// The program as an ELF file: a header, one segment, the code (elf(5)).
fn elf() -> Vec<u8> {
    const BASE: u64 = 0x40_0000;
    const HEADERS: u16 = 64 + 56;
    let (machine, code) = PROGRAM;
    let length = u64::from(HEADERS) + code.len() as u64;
    let mut file = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    for half in [2, machine, 1, 0] {
        file.extend(u16::to_le_bytes(half));
    }
    for word in [BASE + u64::from(HEADERS), 64, 0] {
        file.extend(word.to_le_bytes());
    }
    for half in [0, 0, 64, 56, 1, 64, 0, 0] {
        file.extend(u16::to_le_bytes(half));
    }
    for word in [1 | (5 << 32), 0, BASE, BASE, length, length, 0x1000] {
        file.extend(u64::to_le_bytes(word));
    }
    file.extend(code);
    file
}

/// The smallest `config.json` of the OCI runtime specification that a runtime takes.
fn config(privileges: NoNewPrivileges, user: u32, seccomp: &Value) -> Value {
    let namespaces: Vec<_> = ["pid", "mount", "ipc", "uts"].map(|kind| json!({ "type": kind })).into();
    json!({
        "ociVersion": "1.0.2",
        "process": {
            "args": ["/end"],
            "cwd": "/",
            "env": [],
            "user": { "uid": user, "gid": user },
            "noNewPrivileges": privileges == NoNewPrivileges::Set,
            "capabilities": { "bounding": ["CAP_KILL"], "effective": ["CAP_KILL"], "permitted": ["CAP_KILL"] },
        },
        "root": { "path": "rootfs" },
        "mounts": [
            { "destination": "/proc", "type": "proc", "source": "proc" },
            { "destination": "/dev", "type": "tmpfs", "source": "tmpfs" },
        ],
        "linux": { "namespaces": namespaces, "seccomp": seccomp },
    })
}

/// A profile that allows names.
fn seccomp(default: Default, names: &BTreeSet<&str>) -> Value {
    let action = match default {
        Default::Errno => "SCMP_ACT_ERRNO",
        Default::Kill => "SCMP_ACT_KILL_PROCESS",
    };
    json!({
        "defaultAction": action,
        "syscalls": [
            { "names": names, "action": "SCMP_ACT_ALLOW" },
            { "names": [TOP], "action": action },
        ],
    })
}

/// Whether this Debian release's runtime makes the call, or only a later one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Needed {
    Here,
    Later,
}

/// Asserts that a container does not start without a name, or, if only a later runtime needs it, that it does.
fn breaks_without(runtime: Runtime, privileges: NoNewPrivileges, name: &str, needed: Needed) {
    let mut allowed = names(runtime, privileges);
    assert!(allowed.remove(name), "{name} is not in the floor");
    // A user other than root: only then the runtime gives files to it.
    let bundle = Bundle::new(runtime, privileges, 1000, Default::Kill, &allowed);
    let starts = if needed == Needed::Here { STARTS } else { 3 };
    let broken = (0..starts).map(|_| bundle.start()).find(|ending| !ending.status.success());
    match (needed, broken) {
        (Needed::Here, None) => panic!("{starts} starts without {name} went well"),
        (Needed::Later, Some(ending)) => panic!("this release needs {name} already: {ending}"),
        (Needed::Here, Some(_)) | (Needed::Later, None) => {}
    }
}

/// Asserts that containers start under the floors, as root and not, under both default actions.
fn floors_are_enough(runtime: Runtime) {
    for privileges in [NoNewPrivileges::Set, NoNewPrivileges::Unset] {
        for default in [Default::Errno, Default::Kill] {
            for user in [0, 1000] {
                let bundle = Bundle::new(runtime, privileges, user, default, &names(runtime, privileges));
                let broken = (0..10).map(|_| bundle.start()).find(|ending| !ending.status.success());
                assert!(broken.is_none(), "{privileges:?}, user {user}, {default:?}: {}", broken.unwrap());
            }
        }
    }
}

/// A test for each name of a floor, one that none is forgotten, and one that the floor is enough.
macro_rules! names {
    ($floor:expr, $runtime:expr, $privileges:expr, $($name:ident $needed:ident;)+) => {
        use super::*;

        /// Check that every name of the floor has its test here.
        #[test]
        fn no_name_is_forgotten() {
            assert_eq!(names_of($floor), BTreeSet::from([$(stringify!($name)),+]));
        }

        $(
            #[doc = concat!("Check that no container starts without `", stringify!($name), "`, or one does if only later runtimes need it.")]
            #[test]
            fn $name() {
                breaks_without($runtime, $privileges, stringify!($name), Needed::$needed);
            }
        )+
    };
}

/// runc with `no_new_privs`.
mod runc {
    names! { Floor::Runc, Runtime::Runc, NoNewPrivileges::Set,
        close Here;
        epoll_ctl Here;
        fcntl Later;
        fstat Later;
        fstatfs Here;
        futex Here;
        getdents64 Here;
        getpid Here;
        mmap Later;
        openat Here;
        openat2 Later;
        statx Later;
        write Here;
    }
}

/// runc without `no_new_privs`.
mod runc_privileges {
    names! { Floor::RuncPrivileges, Runtime::Runc, NoNewPrivileges::Unset,
        capget Here;
        capset Here;
        chdir Here;
        close_range Later;
        faccessat2 Here;
        fchown Here;
        getcwd Here;
        getppid Here;
        newfstatat Here;
        prctl Here;
        read Here;
        setgid Here;
        setgroups Here;
        setuid Here;
        tgkill Later;
    }
}

/// crun with `no_new_privs`.
mod crun {
    names! { Floor::Crun, Runtime::Crun, NoNewPrivileges::Set,
        close Here;
        close_range Later;
    }
}

/// crun without `no_new_privs`.
mod crun_privileges {
    names! { Floor::CrunPrivileges, Runtime::Crun, NoNewPrivileges::Unset,
        capset Here;
        prctl Here;
        rt_sigaction Here;
        rt_sigprocmask Here;
        setresgid Here;
        setresuid Here;
        write Here;
    }
}

/// Check that runc starts containers under its floors.
#[test]
fn floors_are_enough_for_runc() {
    floors_are_enough(Runtime::Runc);
}

/// Check that crun starts containers under its floors.
#[test]
fn floors_are_enough_for_crun() {
    floors_are_enough(Runtime::Crun);
}
