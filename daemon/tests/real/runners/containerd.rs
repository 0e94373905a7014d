//! A service in a container of containerd, from an image made here and never pushed anywhere.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::json;

use super::Running;
use super::rootfs::{self, Files};
use super::runc::RUNC;
use crate::services::{Launch, Service};
use crate::support::fixtures::Program;
use crate::support::poll;
use crate::support::process::{self, Process};
use crate::support::sandbox::Sandbox;

const CONTAINERD: Program = Program::Debian { package: "containerd", path: "usr/bin/containerd" };
const IMAGE: &str = "localhost/seccinch-test:1";

/// How long packing or unpacking an image may take.
const PACKING: Duration = Duration::from_mins(1);

/// A containerd of its own. All of it ends with the sandbox's control group.
pub(crate) struct Containerd {
    socket: PathBuf,
    _daemon: Process,
}

/// A container in it.
struct Container {
    // First, so that it can say goodbye to the daemon.
    run: Process,
    _containerd: Containerd,
}

/// Starts a containerd, gives it the image, and runs the service under a profile, or without.
pub(crate) fn start(
    sandbox: &Sandbox,
    service: &Service,
    launch: &Launch,
    profile: Option<&Path>,
) -> Result<Box<dyn Running>> {
    let (root, program) = rootfs::build(sandbox, service, Files::Copied)?;
    let containerd = Containerd::start(sandbox)?;
    containerd.import(sandbox, &root, IMAGE)?;

    let mut run = containerd.run(sandbox, "container")?;
    run.arg("--net-host");
    let work = sandbox.work().display().to_string();
    run.args(["--mount", &format!("type=bind,src={work},dst={work},options=rbind:rw")]);
    for (name, value) in &launch.env {
        run.args(["--env", &format!("{name}={value}")]);
    }
    if let Some(profile) = profile {
        run.arg("--seccomp").arg("--seccomp-profile").arg(profile);
    }
    run.args([IMAGE, "service", &program]).args(&launch.args);
    let run = Process::spawn(run.stdout(sandbox.open_log()?).stderr(sandbox.open_log()?))?;
    Ok(Box::new(Container { run, _containerd: containerd }))
}

impl Running for Container {
    fn ended(&mut self) -> Result<Option<i32>> {
        self.run.ended()
    }
}

fn sibling(name: &str) -> Result<PathBuf> {
    Ok(CONTAINERD.path()?.with_file_name(name))
}

impl Containerd {
    /// Starts it, with its state where it is on every host: the sandbox has a `/run` of its own.
    pub(crate) fn start(sandbox: &Sandbox) -> Result<Self> {
        let dir = sandbox.dir().join("containerd");
        fs::create_dir(&dir)?;
        let socket = dir.join("socket");
        let config = format!(
            "version = 2\nroot = \"{dir}/root\"\nstate = \"/run/containerd\"\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n\
             [grpc]\naddress = \"{}\"\n",
            socket.display(),
            dir = dir.display(),
        );
        fs::write(dir.join("config.toml"), config)?;
        let mut command = sandbox.command(&CONTAINERD.path()?);
        command.arg("--config").arg(dir.join("config.toml"));
        command.env("PATH", search_path()?).stdout(sandbox.open_log()?).stderr(sandbox.open_log()?);
        let mut daemon = Process::spawn(&mut command)?;
        poll::until("containerd's socket", poll::SOON, || {
            anyhow::ensure!(daemon.ended()?.is_none(), "containerd ended:\n{}", sandbox.last_words());
            Ok(socket.exists().then_some(()))
        })?;
        Ok(Self { socket, _daemon: daemon })
    }

    /// Gives it an image of this name with what is in this folder.
    pub(crate) fn import(&self, sandbox: &Sandbox, root: &Path, name: &str) -> Result<()> {
        let image = image(sandbox.dir(), root, name)?;
        let mut import = self.ctr(sandbox)?;
        import.args(["images", "import", "--snapshotter", "native"]).arg(&image);
        process::output(&mut import, PACKING).map(drop)
    }

    /// The first words of a command that runs a container, in a control group of this name below the sandbox's.
    pub(crate) fn run(&self, sandbox: &Sandbox, group: &str) -> Result<Command> {
        let mut run = self.ctr(sandbox)?;
        run.args(["run", "--rm", "--snapshotter", "native"]);
        // No share of the processor: its controller may be in the other hierarchy.
        run.args(["--cpu-shares", "0"]);
        run.args(["--cgroup", &format!("/{}/{group}", sandbox.cgroup().name())]);
        Ok(run)
    }

    fn ctr(&self, sandbox: &Sandbox) -> Result<Command> {
        let mut command = sandbox.command(&sibling("ctr")?);
        command.arg("--address").arg(&self.socket);
        Ok(command)
    }
}

/// Where containerd finds its shim and runc, before anything else.
fn search_path() -> Result<OsString> {
    let own = [CONTAINERD.path()?, RUNC.path()?];
    let own = own.iter().filter_map(|program| program.parent()).map(Path::to_owned);
    let rest = env::var_os("PATH").unwrap_or_default();
    Ok(env::join_paths(own.chain(env::split_paths(&rest)))?)
}

/// Packs the folder into an image: an OCI layout (image-spec 1.0, image-layout.md) in a tar file.
fn image(dir: &Path, root: &Path, name: &str) -> Result<PathBuf> {
    let layout = dir.join("layout");
    // An image that was made here before has been imported.
    if layout.exists() {
        fs::remove_dir_all(&layout)?;
    }
    fs::create_dir_all(layout.join("blobs/sha256"))?;
    let layer = dir.join("layer.tar");
    tar(&layer, root)?;
    let layer = Blob::add(&layout, &layer)?;
    let config = json!({
        "architecture": architecture(), "os": "linux", "config": {},
        "rootfs": {"type": "layers", "diff_ids": [layer.digest]},
    });
    let config = Blob::write(dir, &layout, &config)?;
    let manifest = json!({
        "schemaVersion": 2,
        "config": config.descriptor("application/vnd.oci.image.config.v1+json"),
        "layers": [layer.descriptor("application/vnd.oci.image.layer.v1.tar")],
    });
    let mut manifest =
        Blob::write(dir, &layout, &manifest)?.descriptor("application/vnd.oci.image.manifest.v1+json");
    manifest["annotations"] = json!({"io.containerd.image.name": name});
    fs::write(layout.join("index.json"), json!({"schemaVersion": 2, "manifests": [manifest]}).to_string())?;
    fs::write(layout.join("oci-layout"), "{\"imageLayoutVersion\": \"1.0.0\"}")?;
    let image = dir.join("image.tar");
    tar(&image, &layout)?;
    Ok(image)
}

/// The processor's name as images write it.
fn architecture() -> &'static str {
    if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" }
}

fn tar(file: &Path, folder: &Path) -> Result<()> {
    let mut command = Command::new("tar");
    command.arg("--create").arg("--file").arg(file).arg("--directory").arg(folder).arg(".");
    process::output(&mut command, PACKING).map(drop)
}

/// A file in an image, under the name of its digest.
struct Blob {
    digest: String,
    size: u64,
}

impl Blob {
    fn add(layout: &Path, file: &Path) -> Result<Self> {
        let said = process::output(Command::new("sha256sum").arg(file), PACKING)?;
        let sum = said.split(' ').next().context("a checksum")?;
        let size = fs::metadata(file)?.len();
        fs::rename(file, layout.join("blobs/sha256").join(sum))?;
        Ok(Self { digest: format!("sha256:{sum}"), size })
    }

    fn write(dir: &Path, layout: &Path, value: &serde_json::Value) -> Result<Self> {
        let file = dir.join("blob.json");
        fs::write(&file, value.to_string())?;
        Self::add(layout, &file)
    }

    fn descriptor(&self, media_type: &str) -> serde_json::Value {
        json!({"mediaType": media_type, "digest": self.digest, "size": self.size})
    }
}
