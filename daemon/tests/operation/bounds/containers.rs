//! Containers that are restarted all the time. They are of a real runc, in bundles that lie where containerd's shim
//! has them, with what its CRI plugin notes in their configuration.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::{Kept, PATIENCE, RUNS, count};
use crate::daemon::{Home, alone};
use crate::programs::Metronome;
use crate::runners::runc::RUNC;
use crate::support::fixtures::Program;
use crate::support::poll;
use crate::support::sandbox::{self, Sandbox};

const PROGRAM: Program = Program::Go { program: "metronome", variant: "go1.27-cgo0" };
const WORKLOAD: &str = "k8s:shop/Deployment/web/app";
/// Pods that are restarted together.
const REPLICAS: usize = 10;
/// Where containerd keeps its bundles; below is a folder for each container.
const BUNDLES: &str = "/run/containerd/io.containerd.runtime.v2.task/k8s.io";

/// Check that ten pods that are restarted a hundred times, each time in a container of another id and name, are one
/// workload that was started and asked to end a thousand times, with every call of each.
#[test]
fn a_thousand_restarts_are_one_workload() -> Result<()> {
    let _alone = alone();
    sandbox::run(|sandbox| {
        let image = image(sandbox)?;
        let home = Home::create(sandbox.dir(), "poll_interval = \"100ms\"", "")?;
        let daemon = home.start()?;
        let mut calls = 0;
        for round in 0..RUNS / REPLICAS {
            let numbers = round * REPLICAS..(round + 1) * REPLICAS;
            let pods = numbers.map(|number| Pod::start(sandbox, &image, number));
            let pods = pods.collect::<Result<Vec<_>>>()?;
            are_live(&home, &pods).with_context(|| format!("{}\n{}", sandbox.last_words(), home.log()))?;
            for pod in pods {
                calls += pod.end()?;
            }
        }
        let starts = starts(&home)?;
        let kept = Kept::by(&home, |id| id == WORKLOAD)?;
        daemon.stop()?;
        ensure!(kept.ours == 1, "{}", kept.shown());
        let whole = count(&starts["whole"])?;
        // Somebody else's program that nobody could look at might have been one of these.
        ensure!(whole == RUNS as u64 || kept.undecided > 0, "{starts}");
        ensure!(whole + count(&starts["partial"])? == RUNS as u64, "{starts}");
        ensure!(starts["shutdowns"] == RUNS, "{starts}");
        let counted = kept.state.calls(WORKLOAD, "getppid")?;
        ensure!(counted == calls, "{counted} calls of {calls} were counted");
        kept.is_bounded()
    })
}

/// Waits until all pods are live, and no other is.
fn are_live(home: &Home, pods: &[Pod]) -> Result<()> {
    poll::retry("the pods in what the daemon shows", PATIENCE, || {
        let shown = home.ask(&["workload", "show", WORKLOAD])?;
        let live = shown["live"].as_array().context("live targets")?;
        let is_live = |pod: &Pod| live.iter().any(|target| target["place"]["container"] == pod.id.as_str());
        ensure!(live.len() == pods.len() && pods.iter().all(is_live), "live: {live:?}");
        Ok(())
    })
}

/// Waits until all starts are told of; which those were.
fn starts(home: &Home) -> Result<Value> {
    poll::retry("every start to be told of", PATIENCE, || {
        let shown = home.ask(&["workload", "show", WORKLOAD])?;
        let starts = &shown["starts"];
        let all = count(&starts["whole"])? + count(&starts["partial"])?;
        ensure!(all >= RUNS as u64, "{starts}; live: {}", shown["live"]);
        Ok(starts.clone())
    })
    .with_context(|| home.log())
}

/// What is in every container.
fn image(sandbox: &Sandbox) -> Result<PathBuf> {
    let root = sandbox.dir().join("image");
    fs::create_dir_all(root.join("proc"))?;
    fs::create_dir(root.join("dev"))?;
    fs::copy(PROGRAM.path()?, root.join("app"))?;
    Ok(root)
}

/// A pod with its one container.
struct Pod {
    id: String,
    bundle: PathBuf,
    running: Metronome,
}

impl Pod {
    /// Starts it as containerd would have it started. No two have the same number.
    fn start(sandbox: &Sandbox, image: &Path, number: usize) -> Result<Self> {
        // As containerd's ids are: 64 hexadecimal digits.
        let id = format!("{number:064x}");
        let bundle = Path::new(BUNDLES).join(&id);
        fs::create_dir_all(&bundle)?;
        fs::write(bundle.join("config.json"), config(sandbox, image, &id, number).to_string())?;
        let mut run = sandbox.command(&RUNC.path()?);
        run.arg("--root").arg(sandbox.dir().join("runc")).arg("run").arg("--bundle").arg(&bundle);
        run.arg("--pid-file").arg(bundle.join("init.pid")).arg(&id);
        run.stdin(Stdio::null()).stderr(sandbox.open_log()?);
        let running = Metronome::of(&mut run)?;
        Ok(Self { id, bundle, running })
    }

    /// Asks its program to end, which runc passes on, and removes what containerd would remove; how many calls the
    /// program made.
    fn end(self) -> Result<u64> {
        let made = self.running.stop()?;
        fs::remove_dir_all(&self.bundle)?;
        Ok(made)
    }
}

fn config(sandbox: &Sandbox, image: &Path, id: &str, number: usize) -> Value {
    let namespaces = ["pid", "mount"].map(|kind| json!({"type": kind}));
    json!({
        "ociVersion": "1.0.2",
        "process": {"user": {"uid": 0, "gid": 0}, "args": ["/app", "3", "10ms"], "cwd": "/"},
        "root": {"path": image, "readonly": true},
        // One of its own each: runc makes devices there.
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs"},
        ],
        "linux": {
            "namespaces": namespaces,
            "cgroupsPath": format!("/{}/pods/{id}", sandbox.cgroup().name()),
        },
        "annotations": {
            "io.kubernetes.cri.container-type": "container",
            "io.kubernetes.cri.container-name": "app",
            "io.kubernetes.cri.sandbox-name": format!("web-7d4b9c8f6d-{}", suffix(number)),
            "io.kubernetes.cri.sandbox-namespace": "shop",
        },
    })
}

/// Five letters of those that Kubernetes uses.
fn suffix(mut number: usize) -> String {
    const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    let mut text = String::new();
    for _ in 0..5 {
        text.push(char::from(LETTERS[number % LETTERS.len()]));
        number /= LETTERS.len();
    }
    text
}
