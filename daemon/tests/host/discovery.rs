//! Services that are started, stopped and started again while the daemon runs: found, and counted from their first
//! call.

use anyhow::{Result, ensure};
use seccinch::model::{Baseline, Phase, Role, Starts};

use crate::daemon::{self, Home};
use crate::learned;
use crate::lives::{Life, Place};
use crate::services::Service;
use crate::support::sandbox;

/// Looks often, and takes whatever lives at all.
pub(crate) const HEAD: &str = "discover = \"go\"\npoll_interval = \"200ms\"";
pub(crate) const TABLES: &str = "[targets]\nshortest_life = \"0s\"";

/// A service's first two lives are both under the eyes of a daemon that has never seen it.
fn discovered(service: &Service, place: Place) -> Result<()> {
    let _alone = daemon::alone();
    sandbox::run(|sandbox| {
        let home = Home::create(sandbox.dir(), HEAD, TABLES)?;
        let daemon = home.start()?;
        let traced = Life::new(sandbox, service, place)?.twice()?;
        let id = place.workload(sandbox, service)?;
        learned::ends_are_seen(&home, &id, 2)?;
        daemon.stop()?;
        let baseline = learned::baseline(&home, &id)?;
        learned::nothing_missed(service.name, &baseline, &traced)?;
        learned::callers_are_known(service.name, &baseline)?;
        ensure!(
            baseline.starts == Starts { whole: 2, partial: 0, shutdowns: 2 },
            "{:?}; the daemon's log:\n{}",
            baseline.starts,
            home.log()
        );
        is_the_service_alone(&baseline, &place.program(service)?)
    })
}

/// Fails unless the service has the only main role, recognised as Go and seen to start.
fn is_the_service_alone(baseline: &Baseline, program: &str) -> Result<()> {
    let main: Vec<_> = baseline.roles.iter().filter(|role| role.role == Role::Main).collect();
    let paths: Vec<_> = main.iter().map(|role| role.build.path.as_str()).collect();
    ensure!(paths == [program], "main roles: {paths:?}");
    ensure!(main[0].build.go.is_some(), "it is not known to be Go");
    // Go's runtime asks for it before anything else runs. How a program ends is its own affair.
    ensure!(learned::in_phase(baseline, "sched_getaffinity", Phase::Startup) >= 2, "no start was seen");
    let last: u64 = main[0].syscalls.values().map(|seen| seen.counts.get(Phase::Shutdown)).sum();
    ensure!(last > 0, "nothing was seen after it was asked to end");
    Ok(())
}

/// The tests of a service.
macro_rules! discovered {
    ($($service:ident: $value:path;)*) => {$(
        mod $service {
            use crate::lives::Place;

            /// Check that nothing that strace sees of two lives on the host is missed.
            #[test]
            fn on_the_host() -> anyhow::Result<()> {
                super::discovered(&$value, Place::Host)
            }

            /// Check that nothing that strace sees of two lives in a container is missed.
            #[test]
            fn in_runc() -> anyhow::Result<()> {
                super::discovered(&$value, Place::Runc)
            }

            /// Check that nothing that strace sees of two lives as a unit is missed.
            #[test]
            fn in_systemd() -> anyhow::Result<()> {
                super::discovered(&$value, Place::Systemd)
            }
        }
    )*};
}

discovered! {
    caddy: crate::services::CADDY;
    etcd: crate::services::ETCD;
    nats: crate::services::NATS;
    node_exporter: crate::services::NODE_EXPORTER;
    prometheus: crate::services::PROMETHEUS;
    rclone: crate::services::RCLONE;
}
