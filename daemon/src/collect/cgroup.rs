//! What the control groups of a process say of it: the container, or the unit, that it runs in.
//!
//! The names of control groups are anybody's who may make some: they are data, and never a path to follow.

use super::procfs::Membership;

/// What the runtimes put around a container's id: containerd and runc nothing, the systemd cgroup drivers a
/// prefix and `.scope`.
const SCOPE_PREFIXES: [&str; 5] = ["cri-containerd-", "docker-", "crio-", "libpod-", "runc-"];

/// The id that a part of a path is, if it is a container's.
pub(super) fn container_id(part: &str) -> &str {
    let part = part.strip_suffix(".scope").unwrap_or(part);
    SCOPE_PREFIXES.iter().find_map(|prefix| part.strip_prefix(prefix)).unwrap_or(part)
}

/// How the service begins that manages a user's own ones: below it that user names the groups.
const USER_MANAGER: &str = "user@";

/// Whether an id is of the form that the runtimes generate.
pub(super) fn is_generated_id(part: &str) -> bool {
    part.len() == 64 && part.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The parts of all paths that may be a container's id, the innermost first.
pub(super) fn possible_ids(groups: &[Membership]) -> impl Iterator<Item = &str> {
    groups.iter().flat_map(|group| group.path.rsplit('/')).map(container_id).filter(|part| !part.is_empty())
}

/// The unit that runs the process.
pub(super) fn unit(groups: &[Membership]) -> Option<&str> {
    // Where there is a hierarchy of version 2, systemd may still use one of version 1 beside it.
    let unified = groups.iter().filter(|group| group.is_unified);
    let others = groups.iter().filter(|group| !group.is_unified);
    unified.chain(others).find_map(|group| unit_of_path(&group.path))
}

/// The outermost service of a path. What is below it is named by whoever runs in it, and what is below a scope or
/// a user's own service manager by a container or a user: neither may pass for a service of the system.
fn unit_of_path(path: &str) -> Option<&str> {
    let is_kind = |part: &&str, suffix| part.strip_suffix(suffix).is_some_and(|name: &str| !name.is_empty());
    let first = path.split('/').find(|part| is_kind(part, ".service") || is_kind(part, ".scope"))?;
    (is_kind(&first, ".service") && !first.starts_with(USER_MANAGER)).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups(paths: &[&str]) -> Vec<Membership> {
        paths.iter().map(|path| Membership { is_unified: false, path: (*path).to_owned() }).collect()
    }

    /// Check that units are found where systemd puts them, and sessions are none.
    #[test]
    fn units_are_found() {
        for (path, expected) in [
            ("/system.slice/caddy.service", Some("caddy.service")),
            ("/system.slice/system-getty.slice/app@tty1.service", Some("app@tty1.service")),
            ("/user.slice/user-0.slice/user@0.service/app.slice/caddy.service", None),
            ("/user.slice/user-0.slice/user@0.service", None),
            ("/system.slice/build.service/caddy.service", Some("build.service")),
            ("/machine.slice/machine-a.scope/payload/system.slice/caddy.service", None),
            ("/user.slice/user-0.slice/user@0.service/app.slice/run-1.scope", None),
            ("/user.slice/user-0.slice/session-1.scope", None),
            ("/system.slice/k3s.service/work.scope", Some("k3s.service")),
            ("/.service", None),
            ("/", None),
            ("", None),
        ] {
            assert_eq!(unit(&groups(&[path])), expected, "{path}");
        }
    }

    /// Check that the hierarchy of version 2 is believed first, and the others where it is empty.
    #[test]
    fn hierarchies_have_an_order() {
        let mut mixed = groups(&["/system.slice/a.service", "/system.slice/b.service"]);
        assert_eq!(unit(&mixed), Some("a.service"));
        mixed[1].is_unified = true;
        assert_eq!(unit(&mixed), Some("b.service"));
        mixed[1].path = "/".into();
        assert_eq!(unit(&mixed), Some("a.service"));
    }

    /// Check that ids are freed from what the runtimes put around them.
    #[test]
    fn ids_are_freed() {
        let groups = groups(&["/kubepods.slice/pod1.slice/cri-containerd-abc.scope", "/default/web"]);
        let ids: Vec<_> = possible_ids(&groups).collect();
        assert_eq!(ids, ["abc", "pod1.slice", "kubepods.slice", "web", "default"]);
    }
}
