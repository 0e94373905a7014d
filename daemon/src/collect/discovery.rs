//! Who is looked for, among everything that runs on the host.

use std::time::Duration;

use super::procfs::Membership;
use super::select::{GroupMatch, paths};
use crate::model::{Build, Pattern};

/// Go programs that are part of how a host runs programs, by their paths: container runtimes with their shims and
/// supervisors, the node's agent, and the parts of systemd.
const KERNEL_ADJACENT: [&str; 17] = [
    "*/containerd",
    "*/containerd-shim*",
    "*/runc",
    "*/dockerd",
    "*/docker-proxy",
    "*/crio",
    "*/conmon",
    "*/conmonrs",
    "*/kubelet",
    "*/k3s",
    "*/rke2",
    "*/podman",
    "*/nomad",
    "*/buildkitd",
    "*/dockerd-rootless*",
    "/lib/systemd/*",
    "/usr/lib/systemd/*",
];

/// A service lives longer; commands and scripts do not.
const SHORTEST_LIFE: Duration = Duration::from_mins(1);

/// Folders whose programs are gone tomorrow.
const TEMPORARY_FOLDERS: [&str; 5] = ["/tmp/", "/var/tmp/", "/dev/shm/", "/run/user/", "/memfd:"];
/// `go build` and `go run` leave their programs in folders that begin so, wherever their cache is.
const BUILD_CACHE: &str = "go-build";

/// What the daemon looks for. A process is counted if any of these names it; what a counted process starts is
/// counted with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discovery {
    /// Every Go program, but for those in [`Discovery::exclude`].
    pub go: bool,
    /// Programs by path, as their own mount namespaces have it. Of a script it is the interpreter.
    pub executables: Vec<Pattern>,
    /// All processes of systemd units, by name.
    pub units: Vec<Pattern>,
    /// All processes at or below control groups, by path.
    pub cgroups: Vec<String>,
    /// All processes of containers, by id or its beginning.
    pub containers: Vec<String>,
    /// Processes that run when the daemon starts.
    pub pids: Vec<u32>,
    /// Go programs that are not looked for, by path. By default those that are part of how a host runs programs:
    /// `containerd` and its shims, `runc`, `dockerd`, `docker-proxy`, `crio`, `conmon`, `conmonrs`, `kubelet`, `k3s`,
    /// `rke2`, `podman`, `nomad`, `buildkitd`, and what systemd brings along.
    pub exclude: Vec<Pattern>,
    /// A program that is neither in a unit nor in a container makes a workload once it has lived so long.
    pub shortest_life: Duration,
}

/// A process that may be meant.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate<'a> {
    pub(super) build: &'a Build,
    pub(super) groups: &'a [Membership],
}

/// Why a process is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// It is named: by its path, its group or its id.
    ByName,
    /// It is a Go program.
    ByKind,
}

impl Default for Discovery {
    fn default() -> Self {
        Self {
            go: true,
            executables: Vec::new(),
            units: Vec::new(),
            cgroups: Vec::new(),
            containers: Vec::new(),
            pids: Vec::new(),
            exclude: KERNEL_ADJACENT.iter().filter_map(|text| Pattern::parse(text).ok()).collect(),
            shortest_life: SHORTEST_LIFE,
        }
    }
}

impl Discovery {
    /// Whether a process is meant, and why. Ids are not looked at: they name who runs at the start.
    pub(super) fn wants(&self, candidate: Candidate<'_>) -> Option<Wanted> {
        let Candidate { build, groups } = candidate;
        if matches_any(&self.executables, &build.path) || self.wants_group(groups) {
            return Some(Wanted::ByName);
        }
        let is_wanted = self.go && build.go.is_some() && !matches_any(&self.exclude, &build.path);
        is_wanted.then_some(Wanted::ByKind)
    }

    fn wants_group(&self, groups: &[Membership]) -> bool {
        let is_in = |group: GroupMatch| group.matches(paths(groups));
        let has_unit =
            |unit: &Pattern| paths(groups).any(|path| path.split('/').any(|part| unit.matches(part)));
        self.units.iter().any(has_unit)
            || self.cgroups.iter().any(|path| is_in(GroupMatch::Path(path.clone())))
            || self.containers.iter().any(|id| is_in(GroupMatch::Container(id.clone())))
    }

    /// Whether a program that is not looked for would not be by any other path either.
    pub(super) fn needs_no_path(&self, build: &Build) -> bool {
        self.executables.is_empty() && !(self.go && build.go.is_some())
    }

    /// Whether the executable alone decides: no process is meant for where it runs.
    pub(super) fn is_by_file(&self) -> bool {
        self.units.is_empty() && self.cgroups.is_empty() && self.containers.is_empty()
    }
}

/// Whether a program of this path is likely to be gone tomorrow.
pub(super) fn is_temporary(path: &str) -> bool {
    let is_in_folder = TEMPORARY_FOLDERS.iter().any(|folder| path.starts_with(folder));
    is_in_folder || path.split('/').any(|part| part.starts_with(BUILD_CACHE))
}

fn matches_any(patterns: &[Pattern], path: &str) -> bool {
    patterns.iter().any(|pattern| pattern.matches(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::GoBuild;

    fn build(path: &str, is_go: bool) -> Build {
        let go = GoBuild {
            toolchain: "go1.27.3".into(),
            path: None,
            module: None,
            cgo: None,
            goroutine_below: None,
        };
        Build { path: path.into(), go: is_go.then_some(go), ..Build::default() }
    }

    fn wants(discovery: &Discovery, build: &Build, group: &str) -> Option<Wanted> {
        let groups = [Membership { is_unified: true, path: group.into() }];
        discovery.wants(Candidate { build, groups: &groups })
    }

    /// Check that Go programs are found, and those that run a host's programs only when they are named.
    #[test]
    fn go_programs_are_wanted() {
        let mut discovery = Discovery::default();
        assert_eq!(wants(&discovery, &build("/usr/bin/caddy", true), "/"), Some(Wanted::ByKind));
        assert_eq!(wants(&discovery, &build("/usr/bin/sleep", false), "/"), None);
        for path in ["/usr/bin/containerd-shim-runc-v2", "/usr/sbin/runc", "/usr/lib/systemd/systemd"] {
            assert_eq!(wants(&discovery, &build(path, true), "/"), None, "{path}");
        }
        discovery.executables = vec![Pattern::parse("*/runc").unwrap()];
        assert_eq!(wants(&discovery, &build("/usr/sbin/runc", true), "/"), Some(Wanted::ByName));
        discovery.go = false;
        assert_eq!(wants(&discovery, &build("/usr/bin/caddy", true), "/"), None);
    }

    /// Check each way to name processes by where they run.
    #[test]
    fn groups_are_wanted() {
        let id = "0123456789abcdef".repeat(4);
        let none = Discovery { go: false, ..Discovery::default() };
        let unit = Discovery { units: vec![Pattern::parse("app@*.service").unwrap()], ..none.clone() };
        let group = Discovery { cgroups: vec!["/batch".into()], ..none.clone() };
        let container = Discovery { containers: vec![id[..12].into()], ..none.clone() };
        let program = build("/bin/sh", false);
        for (discovery, inside, outside) in [
            (&unit, "/system.slice/app@1.service/x", "/system.slice/app.service"),
            (&group, "/batch/a", "/batches"),
            (&container, &*format!("/default/{id}"), "/default/other"),
        ] {
            assert_eq!(wants(discovery, &program, inside), Some(Wanted::ByName), "{inside}");
            assert_eq!(wants(discovery, &program, outside), None, "{outside}");
            assert!(!discovery.is_by_file());
        }
        assert!(none.is_by_file());
    }

    /// Check that what is built to be run once is told from what is installed.
    #[test]
    fn temporary_programs_are_known() {
        for path in ["/tmp/x", "/dev/shm/a/b", "/memfd:x", "/srv/a/.cache/go-build12/b001/exe/main"] {
            assert!(is_temporary(path), "{path}");
        }
        for path in ["/usr/bin/tmp", "/opt/tmp/x", "/srv/gobuild"] {
            assert!(!is_temporary(path), "{path}");
        }
    }
}
