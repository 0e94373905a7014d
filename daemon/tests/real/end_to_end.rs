//! The whole way, for each service: recorded, made a profile of, run under it everywhere, and broken by one
//! name less.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use crate::runners::runc::NoNewPrivileges;
use crate::runners::{self, Running, containerd, plain, runc, systemd};
use crate::services::{self, Launch, Service};
use crate::support::denials::{self, Refusal, Watch};
use crate::support::folder::Folder;
use crate::support::load::Load;
use crate::support::profile;
use crate::support::sandbox::{self, Sandbox};
use crate::support::seccinch::{self, Build, Strictness};

/// What a profile does with what it does not allow.
#[derive(Debug, Clone, Copy)]
enum DefaultAction {
    Errno,
    KillProcess,
    /// What can happen fails, and the rest kills.
    Lockdown,
}

/// What starts the service under its profile.
#[derive(Debug, Clone, Copy)]
enum Place {
    Runc(NoNewPrivileges),
    Containerd,
    Systemd,
    Exec,
}

impl DefaultAction {
    const ALL: [Self; 2] = [Self::Errno, Self::KillProcess];

    fn strictness(self, service: &Service) -> Strictness {
        match self {
            Self::Errno => Strictness::Default("errno"),
            Self::KillProcess => Strictness::Default("kill-process"),
            Self::Lockdown => Strictness::Lockdown(service.program),
        }
    }

    fn refuses(self, how: Refusal) -> bool {
        match self {
            Self::Errno => matches!(how, Refusal::Errno(_)),
            Self::KillProcess | Self::Lockdown => how == Refusal::Killed,
        }
    }
}

impl Place {
    const ALL: [Self; 5] = [
        Self::Runc(NoNewPrivileges::No),
        Self::Runc(NoNewPrivileges::Yes),
        Self::Containerd,
        Self::Systemd,
        Self::Exec,
    ];

    fn build(self, action: DefaultAction, service: &Service) -> Build {
        Build {
            format: if matches!(self, Self::Systemd) { "systemd" } else { "oci" },
            strictness: action.strictness(service),
            no_new_privileges: !matches!(self, Self::Runc(NoNewPrivileges::No)),
        }
    }

    fn start(
        self,
        sandbox: &Sandbox,
        service: &Service,
        launch: &Launch,
        profile: &Path,
    ) -> Result<Box<dyn Running>> {
        match self {
            Self::Runc(privileges) => runc::start(sandbox, service, launch, Some(profile), privileges),
            Self::Containerd => containerd::start(sandbox, service, launch, Some(profile)),
            Self::Systemd => systemd::start(sandbox, service, launch, Some(profile)),
            Self::Exec => plain::start(sandbox, service, launch, &seccinch::exec(profile)),
        }
    }

    /// Whether the very profile is in force there: systemd adds to it.
    fn reads_oci(self) -> bool {
        !matches!(self, Self::Systemd)
    }

    /// Takes a name from a profile of this place.
    fn without(self, profile: &Path, name: &str) -> Result<()> {
        if matches!(self, Self::Systemd) {
            let drop_in = fs::read_to_string(profile)?;
            return Ok(fs::write(profile, format!("{drop_in}\n[Service]\nSystemCallFilter=~{name}\n"))?);
        }
        profile::without(profile, name, profile)
    }
}

/// One service on its way.
struct Journey<'a> {
    service: &'a Service,
    watch: Watch,
    folder: Folder,
}

fn end_to_end(service: &Service) -> Result<()> {
    under(service, &DefaultAction::ALL)
}

fn under(service: &Service, actions: &[DefaultAction]) -> Result<()> {
    let journey = Journey { service, watch: Watch::start()?, folder: Folder::create()? };
    journey.record().context("recording")?;
    for &action in actions {
        for place in Place::ALL {
            let at = || format!("{place:?}, default action {action:?}");
            journey.replay(place, action).with_context(at)?;
            journey.fails_without_needed(place, action).with_context(at)?;
        }
    }
    Ok(())
}

impl Journey<'_> {
    fn observations(&self) -> PathBuf {
        self.folder.path().join("observations.json")
    }

    fn record(&self) -> Result<()> {
        let words = seccinch::record(&self.observations());
        sandbox::run(|sandbox| {
            let start = |launch: &Launch| plain::start(sandbox, self.service, launch, &words);
            runners::run(sandbox, self.service, Load::RECORDED, start, |_| Ok(()))
        })
    }

    fn profile(&self, place: Place, action: DefaultAction) -> Result<PathBuf> {
        let profile = self.folder.path().join("profile");
        seccinch::build(&self.observations(), place.build(action, self.service), &profile)?;
        Ok(profile)
    }

    /// Runs the service under its profile with other data and more connections: all must be answered, and
    /// nothing refused.
    fn replay(&self, place: Place, action: DefaultAction) -> Result<()> {
        let profile = self.profile(place, action)?;
        sandbox::run(|sandbox| {
            self.watch.begin(sandbox.cgroup())?;
            let start = |launch: &Launch| place.start(sandbox, self.service, launch, &profile);
            let answers = |pid| {
                runners::is_filtered(pid)?;
                if place.reads_oci() { seccinch::verify(pid, &profile) } else { Ok(()) }
            };
            let outcome = runners::run(sandbox, self.service, Load::REPLAYED, start, answers);
            let refused = match (place, action) {
                // Its own group of calls is allowed at other stages whatever was seen, and here only what was.
                (Place::Systemd, DefaultAction::Lockdown) => {
                    denials::none_killed(&self.watch, sandbox.cgroup())
                }
                _ => denials::none(&self.watch, sandbox.cgroup()),
            };
            match (outcome, refused) {
                (Err(failed), Err(refused)) => bail!("{failed:#}; and {refused:#}"),
                (outcome, refused) => outcome.and(refused),
            }
        })
    }

    /// Takes a name from the profile that the service needs: the run must fail, and for that reason.
    fn fails_without_needed(&self, place: Place, action: DefaultAction) -> Result<()> {
        let needed = self.service.needed;
        let profile = self.profile(place, action)?;
        place.without(&profile, needed)?;
        sandbox::run(|sandbox| {
            self.watch.begin(sandbox.cgroup())?;
            let start = |launch: &Launch| place.start(sandbox, self.service, launch, &profile);
            let outcome = runners::run(sandbox, self.service, Load::RECORDED, start, runners::is_filtered);
            ensure!(outcome.is_err(), "it works without {needed}");
            let denied = self.watch.denied(sandbox.cgroup())?;
            let seen = denied.iter().any(|denial| denial.syscall == needed && action.refuses(denial.how));
            ensure!(seen, "refused without {needed}: {denied:?}; it failed so: {outcome:?}");
            Ok(())
        })
    }
}

/// Check that Prometheus' node exporter does all it can under the profile made of it.
#[test]
fn node_exporter() -> Result<()> {
    end_to_end(&services::NODE_EXPORTER)
}

/// Check that Prometheus' node exporter does all it can where everything that its scan does not find would kill it.
#[test]
fn node_exporter_locked_down() -> Result<()> {
    under(&services::NODE_EXPORTER, &[DefaultAction::Lockdown])
}

/// Check that Caddy does all it can where everything that its scan does not find would kill it.
#[test]
fn caddy_locked_down() -> Result<()> {
    under(&services::CADDY, &[DefaultAction::Lockdown])
}

/// Check that Caddy does all it can under the profile made of it.
#[test]
fn caddy() -> Result<()> {
    end_to_end(&services::CADDY)
}

/// Check that etcd does all it can under the profile made of it.
#[test]
fn etcd() -> Result<()> {
    end_to_end(&services::ETCD)
}

/// Check that NATS does all it can under the profile made of it.
#[test]
fn nats() -> Result<()> {
    end_to_end(&services::NATS)
}

/// Check that Prometheus does all it can under the profile made of it.
#[test]
fn prometheus() -> Result<()> {
    end_to_end(&services::PROMETHEUS)
}

/// Check that rclone, with the children it starts, does all it can under the profile made of it.
#[test]
fn rclone() -> Result<()> {
    end_to_end(&services::RCLONE)
}

/// Check that a static service of an old Go release does all it can under the profile made of it.
#[test]
fn websvc_go1_19() -> Result<()> {
    end_to_end(&services::websvc::GO1_19)
}

/// Check that a stripped service of an old Go release with libc does all it can under the profile made of it.
#[test]
fn websvc_go1_19_cgo_stripped() -> Result<()> {
    end_to_end(&services::websvc::GO1_19_CGO_STRIPPED)
}

/// Check that a static, stripped service of a new Go release does all it can under the profile made of it.
#[test]
fn websvc_go1_27_stripped() -> Result<()> {
    end_to_end(&services::websvc::GO1_27_STRIPPED)
}

/// Check that a service of a new Go release with libc does all it can under the profile made of it.
#[test]
fn websvc_go1_27_cgo() -> Result<()> {
    end_to_end(&services::websvc::GO1_27_CGO)
}
