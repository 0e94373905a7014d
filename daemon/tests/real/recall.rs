//! Nothing that strace sees is missing from what was recorded, nothing that was recorded is missing from a scan of the
//! binary (`scanned`); and little else is allowed.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::runners::{self, plain};
use crate::scanned::reachable;
use crate::services::{Launch, Service};
use crate::support::folder::Folder;
use crate::support::load::Load;
use crate::support::seccinch::{self, Build, Strictness};
use crate::support::{docker, poll, profile, sandbox, strace};

/// Files of a comparison.
struct Comparison {
    folder: Folder,
}

impl Comparison {
    fn new() -> Result<Self> {
        Ok(Self { folder: Folder::create()? })
    }

    fn file(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn observations(&self) -> std::path::PathBuf {
        self.file("observations.json")
    }

    /// Fails unless everything that strace saw was recorded.
    fn nothing_missed(&self) -> Result<BTreeSet<String>> {
        let traced = strace::names(&self.file("trace"))?;
        let observed = seccinch::observed(&self.observations())?;
        let missed: Vec<_> = traced.difference(&observed).collect();
        ensure!(
            missed.is_empty(),
            "strace saw {} calls, and of these not recorded: {missed:?}",
            traced.len()
        );
        Ok(traced)
    }
}

/// Records a service from its first instruction, as strace watches it too.
fn started(service: &Service) -> Result<()> {
    let comparison = Comparison::new()?;
    let recorder = seccinch::record(&comparison.observations());
    let words: Vec<OsString> = [recorder, strace::words(&comparison.file("trace"))].concat();
    sandbox::run(|sandbox| {
        let start = |launch: &Launch| plain::start(sandbox, service, launch, &words);
        runners::run(sandbox, service, Load::RECORDED, start, |_| Ok(()))?;
        // The tracer is not the service's parent, so it may end after it.
        poll::until("the end of strace", poll::SOON, || {
            Ok(sandbox.cgroup().processes().is_empty().then_some(()))
        })
    })?;
    let traced = comparison.nothing_missed()?;
    let alone = comparison.file("service.json");
    seccinch::without(&comparison.observations(), "/strace", &service.program.path()?, &alone)?;
    reachable(service.name, &service.program.path()?, &alone)?;
    called(service.name, &service.program.path()?, &alone)?;
    size(service.name, &traced, &alone, &comparison.file("profile.json"))
}

/// Records a service that runs already, as strace watches it too, to its end.
fn attached(service: &Service) -> Result<()> {
    let comparison = Comparison::new()?;
    let mut watching = None;
    sandbox::run(|sandbox| {
        let start = |launch: &Launch| plain::start(sandbox, service, launch, &[]);
        runners::run(sandbox, service, Load::RECORDED, start, |pid| {
            // In this order, strace sees nothing that the recorder can't.
            let recorder = seccinch::Attached::to(pid, comparison.folder.path(), &comparison.observations())?;
            watching = Some((recorder, strace::Attached::to(pid, &comparison.file("trace"))?));
            Ok(())
        })?;
        let (recorder, tracer) = watching.take().context("nobody watched")?;
        tracer.finish()?;
        recorder.finish()
    })?;
    comparison.nothing_missed().map(drop)
}

/// As many frames as are kept of a stack.
const MOST_FRAMES: usize = 64;

/// Fails unless it is known who made the calls, and the stack of every goroutine leads to where it began; prints a row.
fn called(name: &str, program: &Path, observations: &Path) -> Result<()> {
    let callers = seccinch::callers_of(observations, program)?;
    let of_goroutines: Vec<_> = callers.iter().filter(|(is_goroutine, _)| *is_goroutine).collect();
    println!("callers: {name:32} {} stacks, {} of goroutines", callers.len(), of_goroutines.len());
    ensure!(of_goroutines.len() >= 20, "{name}: next to no caller is known");
    for (_, functions) in of_goroutines {
        let outermost = functions.last().context("a stack has functions")?;
        // While its stack is moved to a larger one, the runtime works for it on another.
        let is_growing = outermost == "runtime.morestack";
        let is_whole = outermost == "runtime.goexit" || is_growing || functions.len() >= MOST_FRAMES;
        ensure!(is_whole, "{name}: a stack ends early: {functions:?}");
    }
    Ok(())
}

/// Fails unless the profile holds at most a quarter more than strace saw, beside the floor; prints a row.
fn size(name: &str, traced: &BTreeSet<String>, observations: &Path, profile: &Path) -> Result<()> {
    let build = Build { format: "oci", strictness: Strictness::Default("errno"), no_new_privileges: true };
    seccinch::build(observations, build, profile)?;
    let allowed = profile::allowed(profile)?;
    let observed = seccinch::observed(observations)?;
    let floor = allowed.difference(&observed).count();
    let learned = allowed.len() - floor;
    let docker = docker::allowed()?.map_or_else(|| "?".to_owned(), |names| names.len().to_string());
    println!(
        "size: {name:32} strace {:3}, profile {:3} ({learned} observed, {floor} from floors), Docker's default {docker}",
        traced.len(),
        allowed.len()
    );
    ensure!(
        4 * learned <= 5 * traced.len(),
        "{name}: strace saw {}, the profile allows {learned} beside its floor: {:?}",
        traced.len(),
        allowed.difference(traced).collect::<Vec<_>>()
    );
    Ok(())
}

/// The two tests of a service.
macro_rules! recall {
    ($($service:ident: $value:path;)*) => {$(
        mod $service {
            /// Check that all that strace sees of the service from its start was recorded.
            #[test]
            fn started() -> anyhow::Result<()> {
                super::started(&$value)
            }

            /// Check that all that strace sees of the running service was recorded.
            #[test]
            fn attached() -> anyhow::Result<()> {
                super::attached(&$value)
            }
        }
    )*};
}

recall! {
    node_exporter: crate::services::NODE_EXPORTER;
    caddy: crate::services::CADDY;
    etcd: crate::services::ETCD;
    nats: crate::services::NATS;
    prometheus: crate::services::PROMETHEUS;
    rclone: crate::services::RCLONE;
    websvc_go1_19: crate::services::websvc::GO1_19;
    websvc_go1_19_cgo_stripped: crate::services::websvc::GO1_19_CGO_STRIPPED;
    websvc_go1_27_stripped: crate::services::websvc::GO1_27_STRIPPED;
    websvc_go1_27_cgo: crate::services::websvc::GO1_27_CGO;
}
