//! What the programs of containers could ever call: found out by the daemon, from the files that they see.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use seccinch::app::generations::learned_profile;
use seccinch::model::{Arch, Reachable, Role};
use seccinch::policy::Tier;
use seccinch::syscalls;

use crate::containers::{PODS, WORKLOAD, live, pod};
use crate::daemon::{self, Home, PORT};
use crate::learned;
use crate::runners::containerd::Containerd;
use crate::support::fixtures::Program;
use crate::support::sandbox::{self, Sandbox};
use crate::support::{http, poll};

/// A program that loads a C library.
const PROGRAM: Program = Program::Go { program: "floor", variant: "go1.27-cgo1" };
const LIBC: &str = "libc.so.6";
/// The same library by a name that only these containers have. It is as long, so that it fits into the program.
const OWN_LIBC: &str = "libq.so.6";
const LOADER: &str = "ld-linux-x86-64.so.2";
const IMAGE: &str = "localhost/own:1";
/// Nothing but the program is watched: what else runs on this machine would be scanned before it.
const HEAD: &str = "discover = \"none\"\npoll_interval = \"200ms\"";
const TABLES: &str = "[targets]\nexecutables = [\"/usr/bin/app\"]\nshortest_life = \"0s\"";
/// To be scanned by who gives way to everybody else on this machine.
const SCANNED: Duration = Duration::from_mins(1);
/// Many polls of these daemons.
const A_WHILE: Duration = Duration::from_secs(3);

/// An image with the program, which loads its C library by another name, and with that library.
fn import(sandbox: &Sandbox, containerd: &Containerd) -> Result<()> {
    let root = sandbox.dir().join("image");
    for folder in ["usr/bin", "lib64", "lib/x86_64-linux-gnu", "proc", "sys", "dev", "tmp", "run", "etc"] {
        fs::create_dir_all(root.join(folder))?;
    }
    let (source, program) = (PROGRAM.path()?, root.join("usr/bin/app"));
    // With its permissions.
    fs::copy(&source, &program)?;
    let mut bytes = fs::read(&source)?;
    let name = format!("{LIBC}\0");
    let at =
        bytes.windows(name.len()).position(|word| word == name.as_bytes()).context("a name to change")?;
    bytes[at..at + OWN_LIBC.len()].copy_from_slice(OWN_LIBC.as_bytes());
    fs::write(&program, bytes)?;
    fs::copy(Path::new("/lib64").join(LOADER), root.join("lib64").join(LOADER))?;
    fs::copy(
        Path::new("/lib/x86_64-linux-gnu").join(LIBC),
        root.join("lib/x86_64-linux-gnu").join(OWN_LIBC),
    )?;
    containerd.import(sandbox, &root, IMAGE)
}

/// What the daemon's file says that the service could ever call.
fn reachable(home: &Home) -> Result<Reachable> {
    let baseline = learned::baseline(home, WORKLOAD)?;
    let main = baseline.roles.iter().find(|role| role.role == Role::Main).context("a main program")?;
    Ok(Reachable::clone(main.reachable.as_ref().context("it is not scanned")?))
}

/// Waits until that is known.
fn known(home: &Home) -> Result<Reachable> {
    poll::retry("what the service could ever call", SCANNED, || reachable(home)).with_context(|| home.log())
}

fn scans(result: &str) -> Result<u64> {
    let text = http::get(PORT, "/metrics")?.expect(200)?.text();
    let name = format!("seccinch_scans_total{{result=\"{result}\"}} ");
    Ok(text.lines().find_map(|line| line.strip_prefix(&name)).context("a count of scans")?.parse()?)
}

/// The root of the one live container.
fn root(home: &Home, sandbox: &Sandbox) -> Result<PathBuf> {
    let shown = live(home, sandbox, &PODS[..1])?;
    let pid = shown["live"][0]["pid"].as_u64().context("a process")?;
    Ok(format!("/proc/{pid}/root").into())
}

/// Check that a service's calls are told from the libraries in its own root, that its profile has their tiers, and that
/// a daemon that starts again does not scan it again.
#[test]
fn services_are_scanned_once_and_with_their_own_libraries() -> Result<()> {
    let _alone = daemon::alone();
    sandbox::run(|sandbox| {
        let home = Home::create(sandbox.dir(), HEAD, TABLES)?;
        let daemon = home.start()?;
        let containerd = Containerd::start(sandbox)?;
        import(sandbox, &containerd)?;
        let _run = pod(sandbox, &containerd, PODS[0], IMAGE)?;
        live(&home, sandbox, &PODS[..1])?;
        let found = known(&home)?;
        ensure!(found.limits.gaps.is_empty(), "{:?}", found.limits);
        let is_go = |name| {
            let nr = syscalls::number(Arch::NATIVE, name).context("a name")?;
            found.syscalls.get(&nr).map(|reached| reached.is_go).context(name)
        };
        ensure!(is_go("futex")? && !is_go("set_robust_list")?, "{:?}", found.syscalls);
        ensure!((scans("done")?, scans("failed")?) == (1, 0), "{}", home.log());
        tiers_are_told(&home)?;
        daemon.stop()?;
        let daemon = home.start()?;
        live(&home, sandbox, &PODS[..1])?;
        thread::sleep(A_WHILE);
        ensure!((scans("done")?, scans("failed")?) == (0, 0), "{}", home.log());
        daemon.stop()?;
        ensure!(reachable(&home)? == found, "it is another one after a restart");
        Ok(())
    })
}

/// The profile of what was learned knows each call's tier.
fn tiers_are_told(home: &Home) -> Result<()> {
    let profile = learned_profile(&learned::baseline(home, WORKLOAD)?, &[])?;
    let tier = |name| syscalls::number(Arch::NATIVE, name).map(|nr| profile.tier(nr));
    ensure!(tier("futex") == Some(Tier::Observed), "futex: {:?}", tier("futex"));
    // Nothing of the program or of its libraries is unresolved.
    ensure!(tier("kexec_load") == Some(Tier::Unreachable), "kexec_load: {:?}", tier("kexec_load"));
    let unseen = profile.reach().calls().keys().filter(|nr| profile.tier(**nr) == Tier::Reachable).count();
    ensure!(unseen > 10, "{unseen} calls are possible and were not seen");
    Ok(())
}

/// Check that a root in which nothing is what it seems holds nobody up: what can't be read there is told as such, and
/// the rest is scanned.
#[test]
fn a_hostile_root_is_a_gap() -> Result<()> {
    let _alone = daemon::alone();
    sandbox::run(|sandbox| {
        let home = Home::create(sandbox.dir(), HEAD, TABLES)?;
        let before = home.start()?;
        let containerd = Containerd::start(sandbox)?;
        import(sandbox, &containerd)?;
        let _run = pod(sandbox, &containerd, PODS[0], IMAGE)?;
        let root = root(&home, sandbox)?;
        known(&home)?;
        before.stop()?;
        let [loader, libc] =
            [root.join("lib64").join(LOADER), root.join("lib/x86_64-linux-gnu").join(OWN_LIBC)];
        fs::remove_file(&loader)?;
        fs::remove_file(&libc)?;
        symlink(LOADER, &loader)?;
        mkfifo(&libc, Mode::S_IRWXU)?;
        // Leads to the real one, for who follows it from outside.
        symlink("/proc/1/root/lib/x86_64-linux-gnu/libc.so.6", root.join("usr/lib64"))?;
        fs::remove_dir_all(home.state())?;
        let daemon = home.start()?;
        live(&home, sandbox, &PODS[..1])?;
        let found = known(&home)?;
        let gaps = [format!("{LOADER}: not found"), format!("{OWN_LIBC}: not found")];
        ensure!(found.limits.gaps == gaps.into(), "{:?}", found.limits);
        ensure!(found.syscalls.values().any(|reached| reached.is_go), "the program itself was not scanned");
        ensure!(http::get(PORT, "/readyz")?.status == 200, "{}", home.log());
        daemon.stop()
    })
}
