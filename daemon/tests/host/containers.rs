//! Containers that Kubernetes would have started: replicas are one workload, and a new build of it is the same
//! workload's.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use seccinch::model::Role;
use serde_json::Value;

use crate::daemon::{self, Home};
use crate::discovery::{HEAD, TABLES};
use crate::learned;
use crate::runners::containerd::Containerd;
use crate::support::fixtures::Program;
use crate::support::process::Process;
use crate::support::sandbox::{self, Sandbox};
use crate::support::{poll, process};

/// What the annotations below say.
pub(crate) const WORKLOAD: &str = "k8s:shop/Deployment/web/app";
/// Two replicas of one template, and one of the next template.
pub(crate) const PODS: [&str; 3] = ["web-7d4b9c6f5d-bcdfg", "web-7d4b9c6f5d-x2x5k", "web-58c6d7f9b4-zvh9n"];
const OLD: Program = Program::Go { program: "floor", variant: "go1.19-cgo0" };
const NEW: Program = Program::Go { program: "floor", variant: "go1.27-cgo0" };

/// Starts a container as containerd's CRI plugin would have done it for a pod.
pub(crate) fn pod(sandbox: &Sandbox, containerd: &Containerd, pod: &str, image: &str) -> Result<Process> {
    let mut run = containerd.run(sandbox, pod)?;
    for (name, value) in [
        ("container-type", "container"),
        ("container-name", "app"),
        ("sandbox-name", pod),
        ("sandbox-namespace", "shop"),
        ("image-name", image),
    ] {
        run.args(["--annotation", &format!("io.kubernetes.cri.{name}={value}")]);
    }
    // The id of the container is the name of its control group, as with CRI.
    run.args([image, pod, "/usr/bin/app", "wake", "10m"]);
    Process::spawn(run.stdout(sandbox.open_log()?).stderr(sandbox.open_log()?))
}

/// An image with nothing but this program, always by the same path.
fn import(sandbox: &Sandbox, containerd: &Containerd, program: Program, image: &str) -> Result<()> {
    let root = sandbox.dir().join("image");
    if root.exists() {
        fs::remove_dir_all(&root)?;
    }
    fs::create_dir_all(root.join("usr/bin"))?;
    for folder in ["proc", "sys", "dev", "tmp", "run", "etc"] {
        fs::create_dir(root.join(folder))?;
    }
    fs::copy(program.path()?, root.join("usr/bin/app"))?;
    containerd.import(sandbox, &root, image)
}

/// Waits until the daemon shows exactly these pods as live, and returns what it shows.
pub(crate) fn live(home: &Home, sandbox: &Sandbox, pods: &[&str]) -> Result<Value> {
    let due: BTreeSet<_> = pods.iter().copied().collect();
    poll::retry("the pods in what the daemon shows", poll::SOON, || {
        let shown = home.ask(&["workload", "show", WORKLOAD])?;
        let targets = shown["live"].as_array().context("live targets")?;
        let live: BTreeSet<_> = targets.iter().filter_map(|target| target["place"]["pod"].as_str()).collect();
        ensure!(live == due && targets.len() == due.len(), "live: {targets:?}");
        Ok(shown)
    })
    .with_context(|| format!("{}\n{}", sandbox.last_words(), home.log()))
}

/// Ends a pod's program, and waits until its container is gone.
fn end(shown: &Value, pod: &str, mut run: Process) -> Result<()> {
    let targets = shown["live"].as_array().context("live targets")?;
    let target = targets.iter().find(|target| target["place"]["pod"] == pod).context("the pod is live")?;
    let pid = Pid::from_raw(i32::try_from(target["pid"].as_i64().context("a process")?)?);
    let executable = fs::read_link(format!("/proc/{pid}/exe"))?;
    ensure!(executable == Path::new("/usr/bin/app"), "the target runs {}", executable.display());
    process::signal(pid, Signal::SIGTERM)?;
    poll::until("the container's end", poll::SOON, || run.ended()).map(drop)
}

/// Check that two replicas are one workload of two targets, and that a new build of it is the same workload's.
#[test]
fn replicas_and_new_builds_are_one_workload() -> Result<()> {
    let _alone = daemon::alone();
    sandbox::run(|sandbox| {
        let home = Home::create(sandbox.dir(), HEAD, TABLES)?;
        let daemon = home.start()?;
        let containerd = Containerd::start(sandbox)?;
        let images = ["localhost/web:1", "localhost/web:2"];
        import(sandbox, &containerd, OLD, images[0])?;
        import(sandbox, &containerd, NEW, images[1])?;
        let first = pod(sandbox, &containerd, PODS[0], images[0])?;
        live(&home, sandbox, &PODS[..1])?;
        let second = pod(sandbox, &containerd, PODS[1], images[0])?;
        let shown = live(&home, sandbox, &PODS[..2])?;
        let new = pod(sandbox, &containerd, PODS[2], images[1])?;
        end(&shown, PODS[0], first)?;
        end(&shown, PODS[1], second)?;
        let shown = live(&home, sandbox, &PODS[2..])?;
        ensure!(shown["live"][0]["place"]["image"] == images[1], "{}", shown["live"]);
        ensure!(shown["live"][0]["place"]["namespace"] == "shop", "{}", shown["live"]);
        end(&shown, PODS[2], new)?;
        learned::ends_are_seen(&home, WORKLOAD, 3)?;
        daemon.stop()?;
        builds_are_apart(&home)
    })
}

fn builds_are_apart(home: &Home) -> Result<()> {
    let baseline = learned::baseline(home, WORKLOAD)?;
    let main: Vec<_> = baseline.roles.iter().filter(|role| role.role == Role::Main).collect();
    let builds: BTreeSet<_> = main
        .iter()
        .map(|role| {
            let go = role.build.go.as_ref().map(|go| go.toolchain.as_str());
            (role.build.path.as_str(), go.map(|go| &go[..6.min(go.len())]), role.processes)
        })
        .collect();
    let expected = [("/usr/bin/app", Some("go1.19"), 2), ("/usr/bin/app", Some("go1.27"), 1)];
    ensure!(builds == expected.into(), "builds: {builds:?}");
    let others: Vec<_> = baseline.roles.iter().filter(|role| role.role != Role::Main).collect();
    ensure!(others.is_empty(), "other roles: {others:?}");
    ensure!((baseline.starts.whole, baseline.starts.partial) == (3, 0), "{:?}", baseline.starts);
    ensure!(baseline.losses.is_empty(), "lost: {:?}", baseline.losses);
    Ok(())
}
