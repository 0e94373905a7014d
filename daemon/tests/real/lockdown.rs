//! Under a lockdown in real runc: what a program can't call kills it, what it could and never did fails.

use std::path::Path;

use ::seccinch::model::{Arch, SyscallNr};
use ::seccinch::syscalls;
use anyhow::{Result, ensure};

use crate::runners::runc::NoNewPrivileges;
use crate::runners::{Running, plain, runc};
use crate::services::{Launch, Service};
use crate::support::denials::{Denial, Refusal, Watch};
use crate::support::fixtures::Program;
use crate::support::folder::Folder;
use crate::support::forward::Start;
use crate::support::sandbox::{self, Sandbox};
use crate::support::seccinch::{self, Build, Strictness};
use crate::support::{poll, profile};

/// It makes the call whose number it is given, which no scan can find out, and ends well whatever comes of it.
const NUMBERS: Service = Service {
    name: "numbers",
    program: Program::Go { program: "numbers", variant: "go1.27-cgo0" },
    tools: &[],
    launch: |_| Ok(launch("getpid")),
    ready: |_| Ok(()),
    tls: (0, Start::Direct),
    operations: &[],
    ends_with: &[0],
    needed: "getsid",
};

/// How the shell writes the end by SIGSYS.
const KILLED: i32 = 128 + 31;

fn launch(call: &str) -> Launch {
    let number = syscalls::number(Arch::NATIVE, call).map_or(0, SyscallNr::get);
    Launch { args: vec!["0".to_owned(), number.to_string()], env: Vec::new() }
}

fn end(mut running: Box<dyn Running>) -> Result<i32> {
    poll::until("the program's end", poll::SOON, || running.ended())
}

fn record(observations: &Path) -> Result<()> {
    let words = seccinch::record(observations);
    let code =
        sandbox::run(|sandbox| end(plain::start(sandbox, &NUMBERS, &(NUMBERS.launch)(sandbox)?, &words)?))?;
    ensure!(code == 0, "the recording ended with {code}");
    Ok(())
}

/// Has the program make a call under a profile in runc: its end, and what was refused.
fn call(watch: &Watch, profile: &Path, name: &str) -> Result<(i32, Vec<Denial>)> {
    sandbox::run(|sandbox: &Sandbox| {
        watch.begin(sandbox.cgroup())?;
        let running = runc::start(sandbox, &NUMBERS, &launch(name), Some(profile), NoNewPrivileges::Yes)?;
        let code = end(running)?;
        Ok((code, watch.denied(sandbox.cgroup())?))
    })
}

/// Check that what was seen works, that what the scan finds and was never seen fails, and that what it does not find
/// kills.
#[test]
fn only_what_cannot_happen_kills() -> Result<()> {
    let (watch, folder) = (Watch::start()?, Folder::create()?);
    let (observations, locked) =
        (folder.path().join("observations.json"), folder.path().join("profile.json"));
    record(&observations)?;
    let build =
        Build { format: "oci", strictness: Strictness::Lockdown(NUMBERS.program), no_new_privileges: true };
    seccinch::build(&observations, build, &locked)?;
    let (reachable, allowed) = (seccinch::reachable(&NUMBERS.program.path()?)?, profile::allowed(&locked)?);

    let (code, denied) = call(&watch, &locked, "getpid")?;
    ensure!(code == 0 && denied.is_empty(), "getpid: {code}, {denied:?}");
    for (name, is_reachable, ends, how) in [
        ("getppid", true, 0, Refusal::Errno(libc::EPERM.cast_unsigned())),
        ("keyctl", false, KILLED, Refusal::Killed),
    ] {
        ensure!(!allowed.contains(name) && reachable.contains(name) == is_reachable, "{name} is no example");
        let (code, denied) = call(&watch, &locked, name)?;
        let is_refused = matches!(&denied[..], [one] if one.syscall == name && one.how == how);
        ensure!(code == ends && is_refused, "{name}: ended with {code}, refused: {denied:?}");
    }
    Ok(())
}
