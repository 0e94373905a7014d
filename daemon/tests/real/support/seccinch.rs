//! The program under test: the one place that knows its options.

use std::collections::BTreeSet;
use std::env;
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use serde_json::Value;

use super::fixtures::Program;
use super::poll;
use super::process::{self, Process};

/// A profile to be built.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Build {
    pub(crate) format: &'static str,
    pub(crate) strictness: Strictness,
    pub(crate) no_new_privileges: bool,
}

/// What happens to what the profile does not allow.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Strictness {
    /// This default action.
    Default(&'static str),
    /// What a scan of this program does not find kills it, whatever the scan could not find out.
    Lockdown(Program),
}

/// The binary: the one that Cargo built, or another that is to be tested.
pub(crate) fn program() -> PathBuf {
    env::var_os("SECCINCH_BIN").map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_seccinch")), PathBuf::from)
}

/// The words before a command that is to be recorded.
pub(crate) fn record(observations: &Path) -> Vec<OsString> {
    vec![program().into(), "record".into(), "-o".into(), observations.into(), "--".into()]
}

/// The words before a command that is to run under a profile.
pub(crate) fn exec(profile: &Path) -> Vec<OsString> {
    vec![program().into(), "exec".into(), "--profile".into(), profile.into(), "--".into()]
}

/// Fails unless a process runs under this profile: every call is asked about in its live filter.
pub(crate) fn verify(pid: Pid, profile: &Path) -> Result<()> {
    let mut command = Command::new(program());
    command.args(["verify", "--format", "json", "--pid", &pid.to_string(), "--profile"]).arg(profile);
    let output = command.output()?;
    let said: Value = serde_json::from_slice(&output.stdout)
        .with_context(|| format!("verify said {}", String::from_utf8_lossy(&output.stderr)))?;
    ensure!(said["asked"].as_u64() > Some(500), "{said}");
    ensure!(
        said["differences"].as_array().is_some_and(Vec::is_empty),
        "another filter: {}",
        said["differences"]
    );
    Ok(())
}

/// A recording of something that it did not start.
pub(crate) struct Attached {
    recorder: Process,
}

impl Attached {
    /// Attaches to a process, and waits until it counts. The recording ends with the process.
    pub(crate) fn to(pid: Pid, folder: &Path, observations: &Path) -> Result<Self> {
        Self::watching(&["--pid", &pid.to_string()], folder, observations)
    }

    /// Watches what these options name, and waits until it counts.
    pub(crate) fn watching(subject: &[&str], folder: &Path, observations: &Path) -> Result<Self> {
        let log = folder.join("recorder.log");
        let mut command = Command::new(program());
        command.arg("record").args(subject).arg("-o").arg(observations);
        command.env("SECCINCH_LOG", "info").stdout(Stdio::null()).stderr(File::create(&log)?);
        let mut recorder = Process::spawn(&mut command)?;
        poll::until("the recorder to count", poll::SOON, || {
            let said = fs::read_to_string(&log)?;
            ensure!(recorder.ended()?.is_none(), "the recorder ended: {said}");
            Ok(said.contains("counting").then_some(()))
        })?;
        Ok(Self { recorder })
    }

    /// Ends it as Ctrl-C does, and waits for its end.
    pub(crate) fn stop(self) -> Result<()> {
        process::signal(self.recorder.pid(), Signal::SIGINT)?;
        self.finish()
    }

    /// Waits for its end.
    pub(crate) fn finish(mut self) -> Result<()> {
        let code = poll::until("the end of the recording", poll::SOON, || self.recorder.ended())?;
        ensure!(code == 0, "the recorder ended with {code}");
        Ok(())
    }
}

/// The names of all the calls in observations, whichever program made them.
pub(crate) fn observed(observations: &Path) -> Result<BTreeSet<String>> {
    let text = fs::read(observations).with_context(|| format!("reading {}", observations.display()))?;
    let document: Value = serde_json::from_slice(&text)?;
    let roles = document["roles"].as_array().context("observations have roles")?;
    let calls = roles.iter().flat_map(|role| role["syscalls"].as_object().into_iter().flatten());
    Ok(calls.map(|(name, _)| name.clone()).collect())
}

/// What a program did, in whichever roles.
fn roles_of(observations: &Path, program: &Path) -> Result<Vec<Value>> {
    let text = fs::read(observations).with_context(|| format!("reading {}", observations.display()))?;
    let document: Value = serde_json::from_slice(&text)?;
    let roles = document["roles"].as_array().context("observations have roles")?.iter();
    let name = program.to_str().context("a path in UTF-8")?;
    let own = roles.filter(|role| role["build"]["path"].as_str().is_some_and(|path| path.ends_with(name)));
    Ok(own.cloned().collect())
}

/// The stacks of this program's calls, by the functions' names, the innermost first; whether a goroutine made the call.
pub(crate) fn callers_of(observations: &Path, program: &Path) -> Result<Vec<(bool, Vec<String>)>> {
    let mut callers = Vec::new();
    for role in roles_of(observations, program)? {
        let seen = role["syscalls"].as_object().into_iter().flatten();
        for caller in seen.flat_map(|(_, seen)| seen["callers"].as_array().into_iter().flatten()) {
            let positions = caller["frames"].as_array().context("a caller has frames")?.iter();
            let frames = positions.map(|position| {
                &role["frames"]
                    [position.as_u64().and_then(|at| usize::try_from(at).ok()).unwrap_or(usize::MAX)]
            });
            let functions = frames.map(|frame| frame["function"].as_str().map(str::to_owned));
            let functions = functions.collect::<Option<_>>().context("frames have functions")?;
            callers.push((!caller["goroutine"].is_null(), functions));
        }
    }
    Ok(callers)
}

/// The names of the calls that this program made itself.
pub(crate) fn observed_of(observations: &Path, program: &Path) -> Result<BTreeSet<String>> {
    let own = roles_of(observations, program)?;
    let calls = own.iter().flat_map(|role| role["syscalls"].as_object().into_iter().flatten());
    let names: BTreeSet<String> = calls.map(|(name, _)| name.clone()).collect();
    ensure!(names.len() > 10, "{} made next to no calls: {names:?}", program.display());
    Ok(names)
}

/// The names of the calls that a scan of the program finds, with the libraries of this host.
pub(crate) fn reachable(program: &Path) -> Result<BTreeSet<String>> {
    let document = scan(program)?;
    let syscalls = document["syscalls"].as_array().context("a scan has syscalls")?.iter();
    Ok(syscalls.filter_map(|syscall| Some(syscall["name"].as_str()?.to_owned())).collect())
}

/// The functions in which a scan leaves a number unresolved.
pub(crate) fn unresolved(program: &Path) -> Result<BTreeSet<String>> {
    let document = scan(program)?;
    let sites = document["unresolved"].as_array().context("a scan has unresolved sites")?.iter();
    Ok(sites.filter_map(|site| Some(site["function"].as_str()?.to_owned())).collect())
}

fn scan(program: &Path) -> Result<Value> {
    let mut command = Command::new(self::program());
    command.arg("scan").arg(program).args(["--format", "json"]);
    let document: Value = serde_json::from_str(&process::output(&mut command, Duration::from_mins(1))?)?;
    ensure!(document["gaps"] == serde_json::json!([]), "not looked at: {}", document["gaps"]);
    Ok(document)
}

/// Writes observations without a program that only watched: the service takes its place as the main one.
pub(crate) fn without(observations: &Path, watcher: &str, service: &Path, changed: &Path) -> Result<()> {
    let text = fs::read(observations).with_context(|| format!("reading {}", observations.display()))?;
    let mut document: Value = serde_json::from_slice(&text)?;
    let roles = document["roles"].as_array_mut().context("observations have roles")?;
    let runs = |role: &Value, program: &str| {
        role["build"]["path"].as_str().is_some_and(|path| path.ends_with(program))
    };
    roles.retain(|role| !runs(role, watcher));
    let service = service.to_str().context("a path in UTF-8")?;
    let main = roles.iter_mut().find(|role| runs(role, service)).context("the service has a role")?;
    main["role"] = "main".into();
    fs::write(changed, document.to_string()).with_context(|| format!("writing {}", changed.display()))
}

/// Builds a profile.
pub(crate) fn build(observations: &Path, build: Build, profile: &Path) -> Result<()> {
    let mut command = Command::new(program());
    command.args(["profile", "build"]).arg(observations).args(["--to", build.format]);
    match build.strictness {
        Strictness::Default(action) => command.args(["--default-action", action]),
        Strictness::Lockdown(program) => {
            command.args(["--stage", "lockdown", "--accept-unresolved", "--binary"]).arg(program.path()?)
        }
    };
    command.args(["--no-new-privs", if build.no_new_privileges { "yes" } else { "no" }]);
    // A scan by an unoptimized build takes its time.
    process::output(command.arg("-o").arg(profile), Duration::from_mins(3)).map(drop)
}
