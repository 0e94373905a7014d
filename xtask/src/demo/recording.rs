//! Has seccinch record the service and build its profile.

use std::{
    fs,
    path::Path,
    process::{Child, Command},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::{PATIENCE, Service, http};
use crate::{build::binary, process, project::Project, say};

const OBSERVATIONS: &str = "observations.json";
const PROFILE: &str = "profile.json";
/// What the service is asked for while it is recorded, once a second.
const PATHS: &[&str] = &["/", "/metrics", "/metrics?collect[]=cpu", "/nothing", "/metrics", "/metrics"];

/// Records the service in `folder` for ten seconds, and gives it work meanwhile.
pub(super) fn record(project: &Project, folder: &Path, service: &Service) -> Result<()> {
    let observations = folder.join(OBSERVATIONS);
    // So that one of an earlier run can't be taken for this one's.
    let _ = fs::remove_file(&observations);
    let mut command = seccinch(project, folder);
    command.args(["record", "-o", OBSERVATIONS, "--duration", "10s", "--"]);
    command.arg(&service.program).args(service.arguments());
    say::detail("$ seccinch record -o observations.json --duration 10s -- \\");
    say::detail("      prometheus-node-exporter \\");
    say::detail(&format!("      {}", service.arguments().join(" \\\n          ")));
    let mut recorder = command.spawn().context("can't start the built seccinch")?;
    let worked = work(service);
    let left = children(&recorder);
    let status = recorder.wait().context("can't wait for seccinch record")?;
    // The service outlives the recorder if that ends at the end of the time.
    stop(&left, &service.program);
    if !observations.exists() {
        bail!("seccinch record left no observations ({status}): see its messages above");
    }
    worked.context("the service doesn't answer while it is recorded")
}

/// Builds the profile out of the observations, and reads it.
pub(super) fn build_profile(project: &Project, folder: &Path) -> Result<Value> {
    let words = ["profile", "build", OBSERVATIONS, "--to", "oci", "-o", PROFILE];
    say::detail(&format!("$ seccinch {}", words.join(" ")));
    process::run(seccinch(project, folder).args(words))?;
    let path = folder.join(PROFILE);
    let text = fs::read_to_string(&path).with_context(|| format!("can't read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is not JSON", path.display()))
}

fn seccinch(project: &Project, folder: &Path) -> Command {
    let mut command = Command::new(binary(project));
    command.current_dir(folder);
    command
}

fn work(service: &Service) -> Result<()> {
    http::get_within(service.address, "/", PATIENCE)?;
    for path in PATHS {
        http::get(service.address, path)?;
        thread::sleep(Duration::from_secs(1));
    }
    Ok(())
}

/// The processes that the recorder has started.
fn children(recorder: &Child) -> Vec<u32> {
    let Ok(tasks) = fs::read_dir(format!("/proc/{}/task", recorder.id())) else { return Vec::new() };
    tasks
        .filter_map(|task| fs::read_to_string(task.ok()?.path().join("children")).ok())
        .flat_map(|line| line.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
        .collect()
}

/// Ends those of `processes` that still run `program`.
fn stop(processes: &[u32], program: &Path) {
    for pid in processes {
        if fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|running| running.ends_with(program)) {
            let _ = Command::new("kill").arg(pid.to_string()).status();
        }
    }
}
