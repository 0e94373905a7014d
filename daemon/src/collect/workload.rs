//! Which workload a process belongs to, and where it runs.
//!
//! In: its control groups, the runtimes' state, its executable's path. Out: a container's owner, a unit, or else the
//! program itself. Whatever names they have, there always is an id, and it is a safe one.

use sha2::{Digest as _, Sha256};

use super::cgroup;
use super::procfs::Membership;
use super::runtimes::Runtimes;
use crate::model::{Place, WorkloadId};

/// What is kept of a path that is too long for an id, before the hash of the whole: with every byte of it escaped, and
/// the hash, it is still a file name.
const KEPT_BYTES: usize = 70;
/// A user's own control groups: they may be named like anybody's container.
const USERS_OWN: &str = "user@";

/// Where a process belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Home {
    pub(super) workload: WorkloadId,
    pub(super) place: Place,
    /// The unit or container that it runs in; nothing for a program of its own.
    pub(super) instance: Option<Instance>,
}

/// One running copy of a workload, which other programs may come into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Instance {
    Unit(String),
    Container {
        id: String,
        /// Its first process, if the runtime says so.
        first: Option<u32>,
    },
}

impl Instance {
    /// Whether both are the same unit or container.
    pub(super) fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Unit(one), Self::Unit(other))
            | (Self::Container { id: one, .. }, Self::Container { id: other, .. }) => one == other,
            _ => false,
        }
    }

    /// Whether a process of these control groups is in it.
    pub(super) fn holds(&self, groups: &[Membership]) -> bool {
        match self {
            Self::Unit(unit) => cgroup::unit(groups) == Some(unit),
            Self::Container { id, .. } => cgroup::possible_ids(groups).any(|possible| possible == id),
        }
    }
}

/// The workload that a process of these control groups belongs to, which executes the file of this path.
pub fn workload_of(path: &str, groups: &[Membership], runtimes: &Runtimes) -> WorkloadId {
    identify(path, groups, runtimes).workload
}

/// Finds where a process of these control groups belongs, which executes the file of this path.
pub(super) fn identify(path: &str, groups: &[Membership], runtimes: &Runtimes) -> Home {
    if let Some(home) = in_container(path, groups, runtimes) {
        return home;
    }
    if let Some(unit) = cgroup::unit(groups) {
        let workload = safe(&format!("systemd:{unit}"), path);
        return Home { workload, place: Place::default(), instance: Some(Instance::Unit(unit.to_owned())) };
    }
    Home { workload: executable(path), place: Place::default(), instance: None }
}

fn in_container(path: &str, groups: &[Membership], runtimes: &Runtimes) -> Option<Home> {
    let mut tried: Vec<&str> = Vec::new();
    let system = groups.iter().filter(|group| !group.path.split('/').any(|part| part.starts_with(USERS_OWN)));
    let system: Vec<Membership> = system.cloned().collect();
    for id in cgroup::possible_ids(&system) {
        if tried.contains(&id) || is_systemd(id) {
            continue;
        }
        tried.push(id);
        let instance = |first| Some(Instance::Container { id: id.to_owned(), first });
        if let Some(container) = runtimes.container(id) {
            let workload = container.workload.unwrap_or_else(|| executable(path));
            return Some(Home { workload, place: container.place, instance: instance(container.first) });
        }
        if cgroup::is_generated_id(id) {
            let place = Place { container: Some(id.to_owned()), ..Place::default() };
            return Some(Home { workload: executable(path), place, instance: instance(None) });
        }
    }
    None
}

/// Whether a control group's name is one that systemd gave.
fn is_systemd(part: &str) -> bool {
    [".slice", ".service"].iter().any(|suffix| part.ends_with(suffix))
}

fn executable(path: &str) -> WorkloadId {
    safe(&format!("exe:{path}"), path)
}

/// The id of this text, or if it makes none, one for the program with a part of its path and the hash of the text.
fn safe(text: &str, path: &str) -> WorkloadId {
    WorkloadId::parse(text).unwrap_or_else(|_| {
        let mut end = path.len().min(KEPT_BYTES);
        while !path.is_char_boundary(end) {
            end -= 1;
        }
        let kept = path[..end].replace('\0', "").replace("..", "__");
        let hash = Sha256::digest(text);
        let hash = hash.iter().take(8).fold(0_u64, |hash, byte| hash << 8 | u64::from(*byte));
        WorkloadId::Executable(format!("{kept}~{hash:016x}"))
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn home(path: &str, group: &str) -> Home {
        let groups = [Membership { is_unified: true, path: group.into() }];
        identify(path, &groups, &Runtimes::at("/nonexistent".into()))
    }

    /// Check that units and programs are told apart, and a container is found by the form of its id.
    #[test]
    fn homes_are_found() {
        let unit = home("/usr/bin/caddy", "/system.slice/caddy.service");
        assert_eq!(unit.workload.to_string(), "systemd:caddy.service");
        assert_eq!(unit.instance, Some(Instance::Unit("caddy.service".into())));
        let own = home("/srv/a/caddy", "/user.slice/user@1.service/app.slice/caddy.service");
        assert_eq!((own.workload.to_string(), own.instance), ("exe:/srv/a/caddy".into(), None));
        let program = home("/usr/bin/caddy", "/user.slice/session-1.scope");
        assert_eq!((program.workload.to_string(), program.instance), ("exe:/usr/bin/caddy".into(), None));
        let id = "0123456789abcdef".repeat(4);
        let container = home("/app", &format!("/system.slice/docker-{id}.scope"));
        assert_eq!(container.workload.to_string(), "exe:/app");
        assert_eq!(container.place.container, Some(id));
    }

    /// Check that a user's own group is no container, whatever its name.
    #[test]
    fn users_make_no_containers() {
        let id = "0123456789abcdef".repeat(4);
        let home = home("/srv/a/x", &format!("/user.slice/user@1.service/docker-{id}.scope"));
        assert_eq!((home.workload.to_string(), home.instance), ("exe:/srv/a/x".into(), None));
    }

    /// Check that a pod's container is its owner's, in each form of its control group.
    #[test]
    fn pods_are_their_owners() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("io.containerd.runtime.v2.task/k8s.io/web1");
        fs::create_dir_all(&folder).unwrap();
        let config = r#"{"annotations": {"io.kubernetes.cri.container-name": "app",
            "io.kubernetes.cri.sandbox-name": "web-0", "io.kubernetes.cri.sandbox-namespace": "shop"}}"#;
        fs::write(folder.join("config.json"), config).unwrap();
        for group in ["/kubepods.slice/pod1.slice/cri-containerd-web1.scope", "/kubepods/pod1/web1"] {
            let groups = [Membership { is_unified: false, path: group.into() }];
            let home = identify("/app", &groups, &Runtimes::at(root.path().into()));
            assert_eq!(home.workload.to_string(), "k8s:shop/StatefulSet/web/app", "{group}");
            assert!(home.instance.unwrap().holds(&groups));
        }
    }

    /// Check that no name is refused, and different ones stay different.
    #[test]
    fn every_name_makes_an_id() {
        let long = format!("/{}", "ä".repeat(300));
        for (path, group) in
            [(&*long, "/"), ("/a/../b", "/"), ("", "/"), ("/a", &*format!("/{}.service", "u".repeat(300)))]
        {
            let id = home(path, group).workload;
            assert_eq!(WorkloadId::parse(&id.to_string()), Ok(id.clone()), "{path}");
        }
        assert_ne!(home(&long, "/").workload, home(&format!("{long}x"), "/").workload);
    }
}
