//! The profile that a daemon learned carries the service that it was learned from.

use std::fs;

use anyhow::{Result, bail};

use crate::daemon::{self, Home};
use crate::discovery::{HEAD, TABLES};
use crate::learned::{self, Generation};
use crate::lives::{Life, Place};
use crate::runners::{self, runc};
use crate::services::{Launch, NODE_EXPORTER, Service};
use crate::support::denials::{self, Watch};
use crate::support::folder::Folder;
use crate::support::load::Load;
use crate::support::sandbox;

const SERVICE: &Service = &NODE_EXPORTER;

/// Check that a service does all it can, on ten times the connections, under the profile that the daemon has made
/// of two lives of it, and that nothing is refused.
#[test]
fn a_service_works_under_what_was_learned() -> Result<()> {
    let _alone = daemon::alone();
    let folder = Folder::create()?;
    let profile = folder.path().join("seccomp.json");
    sandbox::run(|sandbox| {
        let home = Home::create(sandbox.dir(), HEAD, TABLES)?;
        let daemon = home.start()?;
        Life::new(sandbox, SERVICE, Place::Runc)?.twice()?;
        let id = Place::Runc.workload(sandbox, SERVICE)?;
        learned::ends_are_seen(&home, &id, 2)?;
        daemon.stop()?;
        fs::copy(Generation::newest(&home, &id)?.seccomp(), &profile)?;
        Ok(())
    })?;
    let watch = Watch::start()?;
    sandbox::run(|sandbox| {
        watch.begin(sandbox.cgroup())?;
        let start = |launch: &Launch| {
            runc::start(sandbox, SERVICE, launch, Some(&profile), runc::NoNewPrivileges::Yes)
        };
        let outcome = runners::run(sandbox, SERVICE, Load::REPLAYED, start, runners::is_filtered);
        match (outcome, denials::none(&watch, sandbox.cgroup())) {
            (Err(failed), Err(refused)) => bail!("{failed:#}; and {refused:#}"),
            (outcome, refused) => outcome.and(refused),
        }
    })
}
