//! A service as a unit of a real systemd, which runs as process 1 of its own namespaces on the host's files.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::Running;
use crate::services::{Launch, Service};
use crate::support::process::Process;
use crate::support::sandbox::Sandbox;

const SYSTEMD: &str = "/lib/systemd/systemd";

/// A sandbox's unit, which no other sandbox has.
pub(crate) fn unit_name(sandbox: &Sandbox) -> String {
    format!("{}.service", sandbox.cgroup().name())
}

/// Makes the namespaces look like a small machine, and becomes systemd. What is mounted here ends with them.
/// The host's files can't be written, but for the sandbox's folder and what the sandbox covers.
const BOOT: &str = r#"
set -e
mount --make-rprivate /
mount --bind "$0" "$0"
mount -o remount,bind,ro /
mount -t proc proc /proc
mount -t sysfs -o ro sysfs /sys
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t tmpfs -o mode=755 dev /dev
mknod -m 666 /dev/null c 1 3
mknod -m 666 /dev/zero c 1 5
mknod -m 666 /dev/full c 1 7
mknod -m 666 /dev/random c 1 8
mknod -m 666 /dev/urandom c 1 9
mknod -m 666 /dev/tty c 5 0
mkdir /dev/pts /dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts /dev/pts
ln -s pts/ptmx /dev/ptmx
mount -t tmpfs shm /dev/shm
mkdir -p /run/systemd
cp -r "$0/units" /run/systemd/system
exec env -i container=seccinch-test PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"
"#;

/// The running systemd.
struct Machine {
    systemd: Process,
    ended: PathBuf,
}

/// Boots a systemd that starts the service with a drop-in, or without.
pub(crate) fn start(
    sandbox: &Sandbox,
    service: &Service,
    launch: &Launch,
    drop_in: Option<&Path>,
) -> Result<Box<dyn Running>> {
    let units = sandbox.dir().join("units");
    let ended = sandbox.dir().join("ended");
    // Of a service that was started here before.
    if ended.exists() {
        fs::remove_file(&ended)?;
    }
    let name = unit_name(sandbox);
    fs::create_dir_all(units.join(format!("{name}.d")))?;
    fs::write(units.join(&name), unit(sandbox, service, launch, &ended)?)?;
    // Nothing but the unit: none of the host's own services is wanted by this target.
    let target = format!("[Unit]\nDefaultDependencies=no\nWants={name}\nAllowIsolate=yes\n");
    fs::write(units.join("seccinch-test.target"), target)?;
    if let Some(drop_in) = drop_in {
        fs::copy(drop_in, units.join(format!("{name}.d/10-seccinch.conf")))?;
    }
    ensure!(Path::new(SYSTEMD).exists(), "{SYSTEMD} is missing: run `cargo xtask setup`");
    let mut command = sandbox.command(Path::new("unshare"));
    command.args(["--pid", "--mount", "--cgroup", "--uts", "--ipc", "--fork", "--kill-child"]);
    command.args(["/bin/sh", "-c", BOOT]).arg(sandbox.dir());
    command.args([SYSTEMD, "--system", "--unit=seccinch-test.target", "--log-target=console"]);
    command.stdout(sandbox.open_log()?).stderr(sandbox.open_log()?);
    Ok(Box::new(Machine { systemd: Process::spawn(&mut command)?, ended }))
}

impl Running for Machine {
    fn ended(&mut self) -> Result<Option<i32>> {
        if let Ok(said) = fs::read_to_string(&self.ended) {
            return code(&said).map(Some);
        }
        ensure!(self.systemd.ended()?.is_none(), "systemd itself ended");
        Ok(None)
    }
}

/// What systemd says of the service's end, as a shell's code.
fn code(said: &str) -> Result<i32> {
    let words: Vec<&str> = said.split_whitespace().collect();
    match words[..] {
        ["exited", status] => Ok(status.parse()?),
        [_, "TERM"] => Ok(128 + 15),
        [_, "SYS"] => Ok(128 + 31),
        _ => anyhow::bail!("systemd says that it ended so: {said:?}"),
    }
}

fn unit(sandbox: &Sandbox, service: &Service, launch: &Launch, ended: &Path) -> Result<String> {
    let program = service.program.path()?;
    let words = std::iter::once(program.to_str().context("a path in UTF-8")?);
    let words: Vec<String> = words.chain(launch.args.iter().map(String::as_str)).map(quoted).collect();
    let environment = launch.env.iter().fold(String::new(), |lines, (name, value)| {
        lines + "Environment=" + &quoted(&format!("{name}={value}")) + "\n"
    });
    let (log, work, ended) = (sandbox.log(), sandbox.work(), ended.display());
    Ok(format!(
        "[Unit]\nDefaultDependencies=no\n\
         [Service]\nType=exec\nExecStart={}\n{environment}WorkingDirectory={}\n\
         StandardOutput=append:{log}\nStandardError=append:{log}\n\
         # With a plus: not under the filter.\n\
         ExecStopPost=+/bin/sh -c 'echo $$EXIT_CODE $$EXIT_STATUS >{ended}.new && mv {ended}.new {ended}'\n",
        words.join(" "),
        work.display(),
        log = log.display(),
    ))
}

/// A word as units quote it (systemd.service(5), "Command lines").
fn quoted(word: &str) -> String {
    let escaped = word.replace('\\', "\\\\").replace('"', "\\\"").replace('%', "%%").replace('$', "$$");
    format!("\"{escaped}\"")
}
