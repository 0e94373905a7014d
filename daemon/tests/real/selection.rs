//! What runs in a container, a unit or a control group is found there from its first instruction on, what
//! comes in from outside is kept apart, and nothing else is recorded.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use nix::unistd::Pid;
use seccinch::files::Input;
use seccinch::learn;
use seccinch::model::{Arch, Losses, Observations, Phase, Role, RoleObservations};
use seccinch::syscalls;

use crate::runners::{self, Running, runc, systemd};
use crate::services::{Launch, Service, websvc};
use crate::support::fixtures::cache;
use crate::support::folder::Folder;
use crate::support::load::Load;
use crate::support::poll;
use crate::support::process::{self, Process};
use crate::support::sandbox::{self, Sandbox};
use crate::support::seccinch::Attached;

const SERVICE: &Service = &websvc::GO1_27_STRIPPED;

/// Records what `subject` names, before it is there, while the service starts, works and stops.
fn record(
    subject: impl FnOnce(&Sandbox) -> [String; 2] + Send,
    start: impl FnOnce(&Sandbox, &Launch) -> Result<Box<dyn Running>> + Send,
    while_running: impl FnOnce(&Sandbox, Pid) -> Result<()> + Send,
) -> Result<Observations> {
    let folder = Folder::create()?;
    let output = folder.path().join("observations.json");
    sandbox::run(|sandbox| {
        let subject = subject(sandbox);
        let recorder = Attached::watching(&subject.each_ref().map(String::as_str), folder.path(), &output)?;
        let start = |launch: &Launch| start(sandbox, launch);
        runners::run(sandbox, SERVICE, Load::RECORDED, start, |pid| while_running(sandbox, pid))?;
        recorder.stop()
    })?;
    Ok(learn::file::read(&Input::File(output))?)
}

/// The only role that is the service itself.
fn main_role(observations: &Observations) -> Result<&RoleObservations> {
    let mut main = observations.roles.iter().filter(|role| role.role == Role::Main);
    let only = main.next().context("no main role")?;
    let others: Vec<_> = main.map(|role| &role.build.path).collect();
    ensure!(others.is_empty(), "other main roles than {}: {others:?}", only.build.path);
    Ok(only)
}

/// Fails unless the service was recorded from its start to its stop, and recognised.
fn is_whole(observations: &Observations) -> Result<()> {
    let main = main_role(observations)?;
    let program = SERVICE.program.path()?;
    ensure!(
        Path::new(&main.build.path).file_name() == program.file_name(),
        "the service is {}",
        main.build.path
    );
    let go = main.build.go.as_ref().context("the service is not known to be Go")?;
    ensure!(go.toolchain.starts_with("go1.27"), "built with {}", go.toolchain);
    for (name, phase) in
        [("listen", Phase::Startup), ("arch_prctl", Phase::Startup), ("exit_group", Phase::Shutdown)]
    {
        let nr = syscalls::number(Arch::NATIVE, name).context("a known call")?;
        let count = main.syscalls.get(&nr).map_or(0, |seen| seen.counts.get(phase));
        ensure!(count > 0, "no {name} in the {} phase", phase.name());
    }
    // Stacks of the runtime's own programs, which are gone at once, have no names.
    let mut lost = observations.losses.0.iter().filter(|(reason, _)| Losses::may_hide_calls(reason));
    ensure!(lost.next().is_none(), "lost: {:?}", observations.losses);
    Ok(())
}

/// Check that a container is recorded from its program's first instruction, without the runtime's own calls.
#[test]
fn a_container_is_found_by_its_id() -> Result<()> {
    let observations = record(
        |sandbox| ["--container".into(), runc::id(sandbox)],
        |sandbox, launch| runc::start(sandbox, SERVICE, launch, None, runc::NoNewPrivileges::Yes),
        |_, _| Ok(()),
    )?;
    is_whole(&observations)?;
    let pivot = syscalls::number(Arch::NATIVE, "pivot_root").context("a known call")?;
    let by_runtime = observations.roles.iter().any(|role| role.syscalls.contains_key(&pivot));
    ensure!(!by_runtime, "the runtime's own calls were recorded");
    Ok(())
}

/// Check that a unit is recorded from its program's first instruction, wherever its group lies.
#[test]
fn a_unit_is_found_by_its_name() -> Result<()> {
    let observations = record(
        |sandbox| ["--unit".into(), systemd::unit_name(sandbox)],
        |sandbox, launch| systemd::start(sandbox, SERVICE, launch, None),
        |_, _| Ok(()),
    );
    // systemd's own `ExecStopPost=` of the test's unit runs in the unit too, when the service has ended.
    let mut observations = observations?;
    observations.roles.retain(|role| !role.build.path.ends_with("sh"));
    is_whole(&observations)
}

/// Check that a program that joins the group of a running service is `entered`, and teaches nothing.
#[test]
fn what_comes_in_from_outside_is_kept_apart() -> Result<()> {
    let observations = record(
        |sandbox| ["--cgroup".into(), format!("/{}/{}", sandbox.cgroup().name(), runc::id(sandbox))],
        |sandbox, launch| runc::start(sandbox, SERVICE, launch, None, runc::NoNewPrivileges::Yes),
        |sandbox, _| {
            let group = sandbox.cgroup().path().join(runc::id(sandbox));
            let script = "echo $$ >\"$0/cgroup.procs\" && exec date";
            process::output(Command::new("/bin/sh").args(["-c", script]).arg(group), poll::SOON).map(drop)
        },
    )?;
    is_whole(&observations)?;
    let entered = observations.roles.iter().filter(|role| matches!(role.role, Role::Entered(_)));
    let entered: Vec<_> = entered.map(|role| role.role.clone()).collect();
    // The shell is in the group for a moment, and may be seen there.
    let of = |name: &str| Role::Entered(name.to_owned());
    ensure!(entered.contains(&of("date")), "entered: {entered:?}");
    let others = entered.iter().filter(|role| ![of("date"), of("dash"), of("sh")].contains(role));
    ensure!(others.count() == 0, "entered: {entered:?}");
    Ok(())
}

/// Check that a running program is recognised as Go though it is stripped and its file is deleted.
#[test]
fn a_deleted_and_stripped_program_is_recognised() -> Result<()> {
    let folder = Folder::create()?;
    let (program, output) = (folder.path().join("deleted"), folder.path().join("observations.json"));
    // By another process: a program that somebody holds open for writing, as a fork of ours might, can't run.
    let original = cache().join("go-programs/floor-go1.27-cgo0-stripped");
    process::output(Command::new("cp").arg(original).arg(&program), poll::SOON)?;
    let mut running = Process::spawn(Command::new(&program).args(["wake", "10m"]).stdout(Stdio::null()))?;
    fs::remove_file(&program)?;
    let recorder = Attached::to(running.pid(), folder.path(), &output)?;
    recorder.stop()?;
    ensure!(running.ended()?.is_none(), "the program ended by itself");
    let observations = learn::file::read(&Input::File(output))?;
    let build = &main_role(&observations)?.build;
    ensure!(Path::new(&build.path) == program, "its path is {}", build.path);
    let go = build.go.as_ref().context("it is not known to be Go")?;
    ensure!(go.toolchain == "go1.27.3" && go.cgo == Some(false), "{go:?}");
    ensure!(go.module.as_ref().is_some_and(|(path, _)| !path.is_empty()), "{go:?}");
    ensure!(build.id.is_some(), "no build id");
    ensure!(
        build.linkage.as_ref().is_some_and(|linkage| linkage.interpreter.is_none()),
        "{:?}",
        build.linkage
    );
    Ok(())
}
