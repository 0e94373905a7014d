//! The service in a container of runc's, from a bundle made by hand.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::Service;
use crate::{process, project::Project, setup};

const NAME: &str = "seccinch-demo";
const PROGRAM: &str = "/service";
/// Folders of the host that the container sees, read-only: libraries, and what the service reports on.
const SHARED: &[&str] = &["/usr", "/lib", "/lib64", "/sys"];

/// A running container, removed when dropped.
#[derive(Debug)]
pub(super) struct Container {
    runc: PathBuf,
    state: PathBuf,
    log: PathBuf,
    pid_file: PathBuf,
    process: Child,
}

impl Container {
    /// Starts the service under `profile`, in a bundle below `folder`.
    pub(super) fn start(
        project: &Project,
        folder: &Path,
        service: &Service,
        profile: &Value,
    ) -> Result<Self> {
        let bundle = folder.join("bundle");
        write_bundle(&bundle, service, profile)
            .with_context(|| format!("can't write the bundle {}", bundle.display()))?;
        let runc = setup::program(project, "runc", "usr/sbin/runc");
        let (state, pid_file) = (folder.join("runc"), folder.join("container.pid"));
        let log = project.cached("logs/demo-container.log");
        // What an interrupted demonstration may have left.
        remove(&runc, &state);
        let output = File::create(&log).with_context(|| format!("can't write {}", log.display()))?;
        let process = Command::new(&runc)
            .arg("--root")
            .arg(&state)
            .args(["run", "--pid-file"])
            .arg(&pid_file)
            .arg("--bundle")
            .arg(&bundle)
            .arg(NAME)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("can't start {}", runc.display()))?;
        Ok(Self { runc, state, log, pid_file, process })
    }

    /// The service's process id, as the host sees it.
    pub(super) fn pid(&self) -> Result<u32> {
        let text = fs::read_to_string(&self.pid_file)
            .with_context(|| format!("can't read {}", self.pid_file.display()))?;
        text.trim().parse().with_context(|| format!("{} holds no number", self.pid_file.display()))
    }

    /// The end of what runc and the service have said.
    pub(super) fn log(&self) -> String {
        process::tail(&self.log)
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        remove(&self.runc, &self.state);
        let _ = self.process.wait();
    }
}

/// Kills and removes the container, if there is one.
fn remove(runc: &Path, state: &Path) {
    let mut delete = Command::new(runc);
    delete.arg("--root").arg(state).args(["delete", "--force", NAME]);
    let _ = delete.stdout(Stdio::null()).stderr(Stdio::null()).status();
}

fn write_bundle(bundle: &Path, service: &Service, profile: &Value) -> Result<()> {
    fs::create_dir_all(bundle.join("rootfs"))?;
    let config = config(service, profile);
    fs::write(bundle.join("config.json"), serde_json::to_string_pretty(&config)?)?;
    Ok(())
}

/// The least of an OCI configuration: no capability, the host's network, and the profile.
fn config(service: &Service, profile: &Value) -> Value {
    let mut arguments = vec![PROGRAM.to_owned()];
    arguments.extend(service.arguments());
    let mut mounts = vec![
        json!({ "destination": "/proc", "type": "proc", "source": "proc" }),
        shared(&service.program, PROGRAM.as_ref()),
    ];
    let there = SHARED.iter().map(Path::new).filter(|folder| folder.exists());
    mounts.extend(there.map(|folder| shared(folder, folder)));
    json!({
        "ociVersion": "1.0.2",
        "root": { "path": "rootfs", "readonly": true },
        "process": {
            "user": { "uid": 0, "gid": 0 },
            "cwd": "/",
            "args": arguments,
            "env": ["PATH=/usr/bin"],
            "noNewPrivileges": true,
        },
        "mounts": mounts,
        "linux": {
            "namespaces": [{ "type": "pid" }, { "type": "mount" }, { "type": "ipc" }, { "type": "uts" }],
            "seccomp": profile,
        },
    })
}

fn shared(source: &Path, destination: &Path) -> Value {
    json!({
        "destination": destination,
        "type": "bind",
        "source": source,
        "options": ["rbind", "ro"],
    })
}
