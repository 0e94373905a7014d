//! The unified cgroup hierarchy: where containers and a systemd of the tests live.

use std::{
    fs, io,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

/// Longer than killed processes take to leave.
const LEAVE: Duration = Duration::from_secs(20);

/// Where the hierarchy is mounted: alone, or beside the old ones.
pub(crate) fn unified_hierarchy() -> PathBuf {
    let beside = PathBuf::from("/sys/fs/cgroup/unified");
    if beside.is_dir() { beside } else { PathBuf::from("/sys/fs/cgroup") }
}

/// Removes a cgroup, if it is there, as soon as its last process has left.
pub(crate) fn remove(name: &str) {
    let cgroup = unified_hierarchy().join(name);
    let deadline = Instant::now() + LEAVE;
    while cgroup.is_dir() && remove_tree(&cgroup).is_err() {
        assert!(Instant::now() < deadline, "{} is still in use", cgroup.display());
        thread::yield_now();
    }
}

fn remove_tree(cgroup: &Path) -> io::Result<()> {
    for entry in fs::read_dir(cgroup)?.flatten().filter(|entry| entry.path().is_dir()) {
        remove_tree(&entry.path())?;
    }
    fs::remove_dir(cgroup)
}
