//! A real systemd with the shipped unit, on the host's processes: eBPF knows these by the host's numbers, so it can't
//! be the process 1 of a namespace. It runs as the manager of a user that is root, with the folders that a system's
//! manager would have.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::unistd::Pid;
use serde_json::Value;

use crate::support::process::{self, Process};
use crate::support::sandbox::Sandbox;
use crate::support::{fixtures, poll, seccinch};

/// The shipped unit.
pub(crate) const UNIT: &str = "seccinch.service";
const SYSTEMD: &str = "/lib/systemd/systemd";
const TARGET: &str = "operation.target";
/// How long systemd may take to do what is asked.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Shows the manager a machine on which seccinch is installed. What is mounted here ends with it.
const BOOT: &str = r#"
set -e
mount -t tmpfs -o mode=755 bin /usr/local/bin
touch /usr/local/bin/seccinch
mount --bind "$1" /usr/local/bin/seccinch
mount --bind "$0/lib" /var/lib
mount -t bpf bpf /sys/fs/bpf
mkdir -p /run/systemd/system
# A system's manager makes these by itself.
nodes=/run/systemd/inaccessible
mkdir -p $nodes/dir
chmod 0 $nodes/dir
touch $nodes/reg $nodes/sock
mkfifo -m 0 $nodes/fifo
mknod -m 0 $nodes/chr c 0 0
mknod -m 0 $nodes/blk b 0 0
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME="$0" XDG_RUNTIME_DIR=/run XDG_CONFIG_HOME=/var/lib \
    SYSTEMD_UNIT_PATH="$0/units" SYSTEMD_LOG_TARGET=console /lib/systemd/systemd --user --unit=operation.target
"#;

/// A machine that has booted, or is about to. Its processes end with the sandbox.
pub(crate) struct Machine<'a> {
    sandbox: &'a Sandbox,
    units: PathBuf,
    systemd: Option<Process>,
}

impl<'a> Machine<'a> {
    /// Installs the unit with a configuration and a drop-in, and boots nothing yet.
    pub(crate) fn install(sandbox: &'a Sandbox, config: &str, drop_in: &str) -> Result<Self> {
        let units = sandbox.dir().join("units");
        fs::create_dir_all(units.join(format!("{UNIT}.d")))?;
        fs::create_dir(sandbox.dir().join("lib"))?;
        fs::copy(shipped(), units.join(UNIT))?;
        let log = sandbox.log();
        let drop_in = format!("[Service]\nStandardError=append:{}\n{drop_in}", log.display());
        fs::write(units.join(format!("{UNIT}.d/test.conf")), drop_in)?;
        let basic = "[Unit]\nDefaultDependencies=no\nWants=seccinch.service\n";
        fs::write(units.join("basic.target"), basic)?;
        let shutdown = "[Unit]\nDefaultDependencies=no\n";
        fs::write(units.join("shutdown.target"), shutdown)?;
        fs::create_dir_all("/etc/seccinch")?;
        fs::write(CONFIG, config)?;
        // What `deploy/sysusers.d` makes.
        let groups = fs::read_to_string("/etc/group")?;
        fs::write("/etc/group", groups + "seccinch:x:64123:\n")?;
        Ok(Self { sandbox, units, systemd: None })
    }

    /// Installs another service, which is started at boot.
    pub(crate) fn add_service(&self, name: &str, command: &str) -> Result<()> {
        let unit = format!(
            "[Unit]\nRequires=basic.target\nAfter=basic.target\nDefaultDependencies=no\n\
             [Service]\nType=exec\nExecStart={command}\n"
        );
        fs::write(self.units.join(name), unit)?;
        let wants = self.units.join(format!("{TARGET}.wants"));
        fs::create_dir_all(&wants)?;
        Ok(symlink(self.units.join(name), wants.join(name))?)
    }

    /// Boots, and waits until the unit says that it is ready.
    pub(crate) fn boot(&mut self) -> Result<()> {
        ensure!(Path::new(SYSTEMD).exists(), "{SYSTEMD} is missing: run `cargo xtask setup`");
        let target = "[Unit]\nDefaultDependencies=no\nRequires=basic.target\nAfter=basic.target\n";
        fs::write(self.units.join(TARGET), target)?;
        let mut command = self.sandbox.command(Path::new("unshare"));
        command.args(["--mount", "--propagation", "private", "/bin/sh", "-c", BOOT]);
        command.arg(self.sandbox.dir()).arg(seccinch::program().canonicalize()?);
        command.stdout(self.sandbox.open_log()?).stderr(self.sandbox.open_log()?);
        let mut systemd = Process::spawn(&mut command)?;
        let booted = poll::until("the unit to be ready", PATIENCE, || {
            ensure!(systemd.ended()?.is_none(), "systemd ended");
            Ok((self.property("ActiveState").is_ok_and(|state| state == "active")).then_some(()))
        });
        self.systemd = Some(systemd);
        booted.with_context(|| self.said())
    }

    /// Asks systemd for something.
    pub(crate) fn systemctl(&self, words: &[&str]) -> Result<String> {
        process::output(&mut systemctl(words), PATIENCE).with_context(|| self.said())
    }

    /// A property of the unit.
    pub(crate) fn property(&self, name: &str) -> Result<String> {
        let value = self.systemctl(&["show", "--value", "--property", name, UNIT])?;
        Ok(value.trim().to_owned())
    }

    /// The daemon's process.
    pub(crate) fn main_pid(&self) -> Result<Pid> {
        Ok(Pid::from_raw(self.property("MainPID")?.parse()?))
    }

    /// The document that a command prints about the daemon.
    pub(crate) fn ask(words: &[&str]) -> Result<Value> {
        let mut command = Command::new(seccinch::program());
        command.args(words).args(["--format", "json"]);
        Ok(serde_json::from_str(&process::output(&mut command, PATIENCE)?)?)
    }

    /// The state folder, as it is seen from outside.
    pub(crate) fn state(&self) -> PathBuf {
        self.sandbox.dir().join("lib/seccinch")
    }

    /// What the daemon said, and what systemd says of it. Without a journal or a terminal systemd has nowhere to
    /// say more.
    pub(crate) fn said(&self) -> String {
        let status = systemctl(&["status", UNIT]).output();
        let status = status.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        fs::read_to_string(self.sandbox.log()).unwrap_or_default() + &status.unwrap_or_default()
    }
}

fn systemctl(words: &[&str]) -> Command {
    let mut command = Command::new("systemctl");
    command.args(["--user", "--no-pager", "--full"]).args(words);
    command.env_clear().env("XDG_RUNTIME_DIR", "/run").env("PATH", "/usr/bin:/bin");
    command
}

/// Where the unit's daemon reads its configuration.
pub(crate) const CONFIG: &str = "/etc/seccinch/seccinch.toml";

/// The unit's file in the source.
pub(crate) fn shipped() -> PathBuf {
    fixtures::clone().join("deploy").join(UNIT)
}
