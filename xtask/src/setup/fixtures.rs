//! Debian's Go services, container runtimes and checkers, unpacked under `.cache/debian/PACKAGE/`.
//!
//! They are not installed: nobody who tries seccinch wants a Prometheus started on their machine.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use super::{Scratch, Set, Toolchain, system};
use crate::{
    process::{self, run_logged},
    project::Project,
    say,
};

/// A package whose programs are run from where it was unpacked.
#[derive(Debug)]
struct Fixture {
    set: Set,
    package: &'static str,
    /// Its programs, below the package's root. They may need only libraries that Debian always has, and `library`.
    programs: &'static [&'static str],
    /// A package with a library of theirs that Debian has not always; unpacked into the same folder.
    library: Option<&'static str>,
    why: &'static str,
}

const FIXTURES: &[Fixture] = &[
    Fixture {
        set: Set::Demo,
        package: "prometheus-node-exporter",
        programs: &["usr/bin/prometheus-node-exporter"],
        library: None,
        why: "the demonstration's service",
    },
    Fixture {
        set: Set::Demo,
        package: "runc",
        programs: &["usr/sbin/runc"],
        library: None,
        why: "runs a service under its profile",
    },
    Fixture {
        set: Set::Lint,
        package: "shellcheck",
        programs: &["usr/bin/shellcheck"],
        library: None,
        why: "checks the shell scripts",
    },
    Fixture {
        set: Set::Test,
        package: "containerd",
        programs: &["usr/bin/containerd", "usr/bin/ctr", "usr/bin/containerd-shim-runc-v2"],
        library: None,
        why: "profiles must hold in it too",
    },
    service("caddy", &["usr/bin/caddy"]),
    service("etcd-server", &["usr/bin/etcd"]),
    Fixture {
        set: Set::Test,
        package: "crun",
        programs: &["usr/bin/crun"],
        library: Some("libyajl2"),
        why: "its floor is tested in it",
    },
    Fixture {
        set: Set::Test,
        package: "etcd-client",
        programs: &["usr/bin/etcdctl"],
        library: None,
        why: "speaks to etcd",
    },
    service("nats-server", &["usr/sbin/nats-server"]),
    service("prometheus", &["usr/bin/prometheus", "usr/bin/promtool"]),
    service("rclone", &["usr/bin/rclone"]),
];

/// For the eBPF programs, where Debian's rustc builds them: it brings the libraries that this needs.
const CLIPPY: Fixture = Fixture {
    set: Set::Lint,
    package: "rust-web-clippy",
    programs: &["usr/bin/clippy-driver"],
    library: None,
    why: "clippy for the eBPF programs",
};

const fn service(package: &'static str, programs: &'static [&'static str]) -> Fixture {
    Fixture { set: Set::Test, package, programs, library: None, why: "a real Go service to record" }
}

impl Fixture {
    fn is_there(&self, project: &Project) -> bool {
        self.programs.iter().all(|program| folder(project, self.package).join(program).is_file())
    }

    fn install(&self, project: &Project, scratch: &Scratch) -> Result<()> {
        say::install(&format!("{} into .cache", self.package), self.why);
        scratch.install(&folder(project, self.package), |root| {
            let packages: Vec<&str> = [self.package].into_iter().chain(self.library).collect();
            unpack(project, root, &packages)?;
            self.programs.iter().try_for_each(|program| check_libraries(root, &root.join(program)))
        })
    }
}

/// The path of `program` (`usr/sbin/runc`) out of an unpacked package.
pub(crate) fn program(project: &Project, package: &str, program: &str) -> PathBuf {
    folder(project, package).join(program)
}

fn folder(project: &Project, package: &str) -> PathBuf {
    project.cached("debian").join(package)
}

/// Unpacks what `set` asks for and is not there yet.
pub(super) fn install(project: &Project, scratch: &Scratch, set: Set, toolchain: &Toolchain) -> Result<()> {
    let clippy = toolchain.is_debian().then_some(&CLIPPY);
    let missing = |fixture: &&Fixture| set.holds(fixture.set) && !fixture.is_there(project);
    FIXTURES.iter().chain(clippy).filter(missing).try_for_each(|fixture| fixture.install(project, scratch))
}

/// Downloads Debian packages and unpacks them all into `root`, which is empty.
pub(super) fn unpack(project: &Project, root: &Path, packages: &[&str]) -> Result<()> {
    if download(project, root, packages).is_err() {
        system::update_lists(project);
        download(project, root, packages)
            .with_context(|| format!("can't download {}: is the network up?", packages.join(" ")))?;
    }
    for archive in archives(root)? {
        let mut extract = Command::new("dpkg-deb");
        run_logged(project, "dpkg-deb", extract.arg("--extract").arg(&archive).arg(root))?;
        fs::remove_file(&archive).with_context(|| format!("can't remove {}", archive.display()))?;
    }
    Ok(())
}

fn download(project: &Project, folder: &Path, packages: &[&str]) -> Result<()> {
    let mut command = system::apt_get();
    run_logged(project, "apt-download", command.arg("download").args(packages).current_dir(folder))
}

fn archives(folder: &Path) -> Result<Vec<PathBuf>> {
    let listed = fs::read_dir(folder).with_context(|| format!("can't list {}", folder.display()))?;
    let mut archives: Vec<PathBuf> = listed.filter_map(|entry| entry.ok().map(|e| e.path())).collect();
    archives.retain(|path| path.extension() == Some(OsStr::new("deb")));
    Ok(archives)
}

/// The package's dependencies are not installed, so its programs must do with the system's libraries.
fn check_libraries(root: &Path, program: &Path) -> Result<()> {
    let beside = root.join(format!("usr/lib/{}-linux-gnu", std::env::consts::ARCH));
    // `ldd` fails on a static program, which needs none.
    let mut ldd = Command::new("ldd");
    let listed = process::output_if_ok(ldd.env("LD_LIBRARY_PATH", beside).arg(program)).unwrap_or_default();
    match listed.lines().find(|line| line.contains("not found")) {
        Some(line) => bail!("{} lacks a library: `{}`: install it", program.display(), line.trim()),
        None => Ok(()),
    }
}
