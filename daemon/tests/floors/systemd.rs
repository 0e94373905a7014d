//! The floor of systemd: units whose program does nothing but end, in a systemd of their own.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{self, Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use seccinch::{
    model::Arch,
    policy::floor::{self, Floor, NoNewPrivileges, Runtime},
};

use crate::{cgroup, container};

/// Longer than any boot, unless it hangs.
const BOOT: Duration = Duration::from_mins(1);

/// The host's systemd, booted in namespaces; it ends with this value.
struct Systemd {
    root: PathBuf,
    unshare: Child,
}

/// The names of every floor that a unit stands on.
fn names() -> BTreeSet<&'static str> {
    let entries = floor::floor(Arch::NATIVE, None, Some(Runtime::Systemd), NoNewPrivileges::Unset).unwrap();
    entries.into_iter().map(|entry| entry.name).collect()
}

/// A unit of `Type=exec` that may call these.
fn unit(names: &BTreeSet<&str>) -> String {
    let names = names.iter().copied().collect::<Vec<_>>().join(" ");
    format!(
        "[Unit]\nDefaultDependencies=no\n[Service]\nType=exec\nExecStart=/run/end\n\
         SystemCallArchitectures=native\nSystemCallFilter={names}\n"
    )
}

impl Systemd {
    /// Boots with these units, and returns when systemd takes commands.
    fn boot(units: &[(&str, String)]) -> Self {
        let root = std::env::temp_dir().join(format!("seccinch-systemd-{}", process::id()));
        let run = root.with_extension("run");
        fs::create_dir_all(&root).unwrap();
        fs::create_dir_all(run.join("systemd/system")).unwrap();
        container::write_program(&run.join("end"));
        fs::write(run.join("systemd/system/floor.target"), "[Unit]\nDefaultDependencies=no\n").unwrap();
        for (name, text) in units {
            fs::write(run.join(format!("systemd/system/{name}.service")), text).unwrap();
        }
        let cgroup = cgroup::unified_hierarchy().join(root.file_name().unwrap());
        fs::create_dir_all(&cgroup).unwrap();
        let unshare = boot(&root, &cgroup);
        let systemd = Self { root, unshare };
        systemd.wait();
        systemd
    }

    fn wait(&self) {
        let deadline = Instant::now() + BOOT;
        while !self.systemctl(&["list-units"]).status.success() {
            let log = fs::read_to_string(self.root.with_extension("log")).unwrap();
            assert!(Instant::now() < deadline, "systemd takes no commands: {log}");
            std::thread::yield_now();
        }
    }

    /// Runs `systemctl` inside.
    fn systemctl(&self, arguments: &[&str]) -> Output {
        let children = format!("/proc/{0}/task/{0}/children", self.unshare.id());
        let init = fs::read_to_string(children).unwrap_or_default();
        let mut command = Command::new("nsenter");
        command.args(["-t", init.trim(), "-m", "-p", "-u", "-i", "-n", "-C", "systemctl"]).args(arguments);
        command.output().unwrap()
    }
}

impl Drop for Systemd {
    fn drop(&mut self) {
        // `unshare --kill-child` takes the first process of the namespaces with it, and that all others.
        self.unshare.kill().unwrap();
        self.unshare.wait().unwrap();
        cgroup::remove(self.root.file_name().unwrap().to_str().unwrap());
        fs::remove_dir(&self.root).unwrap();
        fs::remove_dir_all(self.root.with_extension("run")).unwrap();
        fs::remove_file(self.root.with_extension("log")).unwrap();
    }
}

/// Starts the boot script in new namespaces and in a cgroup that is the root of what it sees.
fn boot(root: &Path, cgroup: &Path) -> Child {
    let log = File::create(root.with_extension("log")).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/floors/systemd-boot.sh");
    let join = "echo $$ >\"$0/cgroup.procs\" && exec unshare --pid --mount --cgroup --uts --ipc --net --fork \
                --kill-child sh \"$@\"";
    let mut command = Command::new("sh");
    command.args(["-c", join]).arg(cgroup).arg(script).arg(root).process_group(0);
    command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap()
}

/// Check that the floor is `write` alone, that a unit starts under it, and that on systemd 252 it does not
/// without `write`.
#[test]
fn write() {
    let whole = names();
    let mut less = whole.clone();
    assert!(less.remove("write"), "the floor has no write");
    let systemd = Systemd::boot(&[("whole", unit(&whole)), ("less", unit(&less))]);
    let started = |name| systemd.systemctl(&["start", name]);
    let output = started("whole");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(!started("less").status.success(), "a unit starts without write");
    let shown = systemd.systemctl(&["show", "--property=ExecMainStatus", "less"]);
    assert_eq!(String::from_utf8_lossy(&shown.stdout).trim(), format!("ExecMainStatus={}", libc::SIGSYS));
}

/// Check that every name of the floor has its test here.
#[test]
fn no_name_is_forgotten() {
    let entries = floor::floor(Arch::NATIVE, None, Some(Runtime::Systemd), NoNewPrivileges::Unset).unwrap();
    let held: Vec<_> = entries.iter().filter(|entry| entry.floor == Floor::Systemd).collect();
    assert_eq!(held.iter().map(|entry| entry.name).collect::<Vec<_>>(), ["write"]);
}
