//! A service in a container of runc, from a bundle made by hand.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::Running;
use super::rootfs::{self, Files};
use crate::services::{Launch, Service};
use crate::support::fixtures::Program;
use crate::support::poll;
use crate::support::process::{self, Process};
use crate::support::sandbox::Sandbox;

/// The runtime, also used by containerd.
pub(crate) const RUNC: Program = Program::Debian { package: "runc", path: "usr/sbin/runc" };

/// Whether a container's processes can gain privileges, which decides when runc loads the filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoNewPrivileges {
    /// The filter is loaded last.
    Yes,
    /// The filter is loaded before privileges are dropped, so it must allow that too.
    No,
}

/// What a default container of Docker or containerd may do.
const CAPABILITIES: [&str; 14] = [
    "CAP_AUDIT_WRITE",
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_MKNOD",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_RAW",
    "CAP_SETFCAP",
    "CAP_SETGID",
    "CAP_SETPCAP",
    "CAP_SETUID",
    "CAP_SYS_CHROOT",
];

/// A container, deleted when dropped.
struct Container {
    // First, so that `runc run` has ended when the container is deleted.
    run: Process,
    _delete: Delete,
}

struct Delete {
    runc: PathBuf,
    state: PathBuf,
    id: String,
}

/// The id of a sandbox's container, which no other sandbox's has.
pub(crate) fn id(sandbox: &Sandbox) -> String {
    format!("{}-container", sandbox.cgroup().name())
}

/// Starts the service under a profile, or without.
pub(crate) fn start(
    sandbox: &Sandbox,
    service: &Service,
    launch: &Launch,
    profile: Option<&Path>,
    privileges: NoNewPrivileges,
) -> Result<Box<dyn Running>> {
    let (root, program) = rootfs::build(sandbox, service, Files::Linked)?;
    let seccomp = profile.map(read).transpose()?;
    let config = config(sandbox, launch, &root, &program, privileges, seccomp.as_ref());
    let bundle = sandbox.dir().join("bundle");
    fs::create_dir_all(&bundle)?;
    fs::write(bundle.join("config.json"), serde_json::to_vec_pretty(&config)?)?;
    let runc = RUNC.path()?;
    let (state, id) = (sandbox.dir().join("runc"), id(sandbox));
    let mut command = sandbox.command(&runc);
    command.arg("--root").arg(&state).arg("run").arg("--bundle").arg(&bundle).arg(&id);
    command.stdout(sandbox.open_log()?).stderr(sandbox.open_log()?);
    let run = Process::spawn(&mut command)?;
    Ok(Box::new(Container { run, _delete: Delete { runc, state, id } }))
}

impl Running for Container {
    fn ended(&mut self) -> Result<Option<i32>> {
        self.run.ended()
    }
}

impl Drop for Delete {
    fn drop(&mut self) {
        let mut command = Command::new(&self.runc);
        command.arg("--root").arg(&self.state).args(["delete", "--force", &self.id]);
        if let Err(error) = process::output(&mut command, poll::SOON) {
            eprintln!("{error:#}");
        }
    }
}

fn read(profile: &Path) -> Result<Value> {
    let text = fs::read(profile).with_context(|| format!("reading {}", profile.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("{} as a profile", profile.display()))
}

fn config(
    sandbox: &Sandbox,
    launch: &Launch,
    root: &Path,
    program: &str,
    privileges: NoNewPrivileges,
    seccomp: Option<&Value>,
) -> Value {
    let args: Vec<&str> = std::iter::once(program).chain(launch.args.iter().map(String::as_str)).collect();
    let env: Vec<String> = std::iter::once("PATH=/usr/bin:/bin".to_owned())
        .chain(launch.env.iter().map(|(name, value)| format!("{name}={value}")))
        .collect();
    let namespaces = ["pid", "ipc", "uts", "mount", "cgroup"].map(|kind| json!({"type": kind}));
    json!({
        "ociVersion": "1.0.2",
        "process": {
            "user": {"uid": 0, "gid": 0},
            "args": args,
            "env": env,
            "cwd": "/",
            "capabilities": {"bounding": CAPABILITIES, "effective": CAPABILITIES, "permitted": CAPABILITIES},
            "noNewPrivileges": privileges == NoNewPrivileges::Yes,
        },
        "root": {"path": root, "readonly": true},
        "mounts": mounts(&sandbox.work()),
        "linux": {
            // The network is the sandbox's.
            "namespaces": namespaces,
            "cgroupsPath": format!("/{}/{}", sandbox.cgroup().name(), id(sandbox)),
            "seccomp": seccomp,
        },
    })
}

fn mounts(work: &Path) -> Value {
    let mount = |destination: &str, kind: &str, options: &[&str]| json!({"destination": destination, "type": kind, "source": kind, "options": options});
    json!([
        mount("/proc", "proc", &[]),
        mount("/dev", "tmpfs", &["nosuid", "mode=755"]),
        mount("/dev/pts", "devpts", &["nosuid", "newinstance", "ptmxmode=0666", "mode=0620"]),
        mount("/dev/shm", "tmpfs", &["nosuid", "nodev"]),
        mount("/sys", "sysfs", &["nosuid", "noexec", "nodev", "ro"]),
        mount("/sys/fs/cgroup", "cgroup", &["nosuid", "noexec", "nodev", "ro"]),
        mount("/run", "tmpfs", &["nosuid", "nodev"]),
        mount("/tmp", "tmpfs", &["nosuid", "nodev"]),
        {"destination": work, "type": "bind", "source": work, "options": ["rbind", "rw"]},
    ])
}
