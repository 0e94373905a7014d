//! Which processes are the runtimes' and systemd's own, and will execute another program in their place.
//!
//! They are in that program's group already, but its filter is not there yet: their calls are not the service's.

use super::procfs::ProcFs;

/// Where a descriptor of one's own has a name.
const DESCRIPTORS: [&str; 2] = ["/proc/self/", "/dev/fd/"];
/// Files that only live in memory.
const MEMORY: &str = "/memfd:";
/// The one file of a mount that is nowhere in the tree any more: runc binds itself so, to be read-only.
const DETACHED: &str = "/";

impl ProcFs {
    /// Whether a process is such a launcher. `executed` is the name by which it was executed, where that is known:
    /// a service may be executed by descriptor, or call itself `runc`, but its file has another name.
    pub(super) fn is_launcher(&self, tgid: u32, executed: &str) -> bool {
        let by_descriptor = DESCRIPTORS.iter().any(|folder| executed.starts_with(folder));
        // Of one that is gone nobody can tell; most who do that are runtimes.
        let Ok(executable) = self.executable(tgid) else { return by_descriptor };
        let path = &executable.path;
        let may_be =
            executable.is_nameless || path == DETACHED || path.starts_with(MEMORY) || is_launcher_file(path);
        may_be && (by_descriptor || is_launcher(&self.command_line(tgid)))
    }
}

/// runc executes a sealed copy of itself: that is in memory, or on a file system of its own.
fn is_launcher_file(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    ["runc", "crun", "youki", "systemd-executor"].contains(&name)
}

/// By `/proc/PID/cmdline`: the sealed copy's file has no name to go by.
fn is_launcher(words: &[u8]) -> bool {
    let mut words = words.split(|byte| *byte == 0);
    let program = words.next().unwrap_or_default().rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    match program {
        b"systemd-executor" => true,
        b"runc" | b"crun" | b"youki" => words.next() == Some(b"init"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::watcher::testing::World;

    /// Check that the runtimes' own processes are told from programs with such names or arguments.
    #[test]
    fn launchers_are_known_by_their_words() {
        assert!(is_launcher(b"runc\0init\0"));
        assert!(is_launcher(b"/usr/lib/systemd/systemd-executor\0--deserialize\0"));
        assert!(!is_launcher(b"runc\0run\0init\0"));
        assert!(!is_launcher(b"/sbin/init\0"));
        assert!(!is_launcher(b""));
    }

    /// Check that neither words nor a descriptor make a launcher of a file with another name.
    #[test]
    fn launchers_are_known_by_their_file() {
        let world = World::new();
        let procfs = ProcFs::at(world.path("proc"));
        let (descriptor, name) = ("/proc/self/fd/7", "");
        for (program, words, executed, expected) in [
            ("/usr/bin/runc", "runc\0init\0", name, true),
            ("/memfd:runc_cloned:/proc/self/exe (deleted)", "runc\0init\0", name, true),
            ("/memfd:runc_cloned:/proc/self/exe (deleted)", "", descriptor, true),
            ("/runc", "", descriptor, true),
            ("/", "runc\0init\0", name, true),
            ("/usr/bin/runc", "runc\0run\0", name, false),
            ("/srv/app", "runc\0init\0", name, false),
            ("/srv/app", "app\0", descriptor, false),
        ] {
            world.runs(1, 0, program, "/", 1);
            world.is_called(1, words);
            assert_eq!(procfs.is_launcher(1, executed), expected, "{program} {words:?} {executed}");
        }
        assert!(procfs.is_launcher(2, descriptor), "gone");
        assert!(!procfs.is_launcher(2, name), "gone");
    }
}
