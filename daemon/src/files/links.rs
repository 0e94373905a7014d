//! Symbolic links, followed by ourselves where the root is not the system's.

use std::collections::VecDeque;
use std::path::{Component, Path, PathBuf};

/// Links that are followed on the way to one file, as the kernel does (`path_resolution(7)`).
const MOST_LINKS: usize = 40;

/// Where `path` leads below a root that is not left, relative to it. `link` says where the link at a path below the
/// root points to, if there is one. Nothing if there are too many links: they may go in a circle.
pub fn follow_links(path: &Path, link: impl Fn(&Path) -> Option<PathBuf>) -> Option<PathBuf> {
    let mut pending: VecDeque<PathBuf> = components(path);
    let mut inside = PathBuf::new();
    let mut links = 0;
    while let Some(part) = pending.pop_front() {
        if part.as_os_str() == ".." {
            inside.pop();
            continue;
        }
        let Some(target) = link(&inside.join(&part)) else {
            inside.push(part);
            continue;
        };
        links += 1;
        if links > MOST_LINKS {
            return None;
        }
        if target.is_absolute() {
            inside = PathBuf::new();
        }
        for part in components(&target).into_iter().rev() {
            pending.push_front(part);
        }
    }
    Some(inside)
}

fn components(path: &Path) -> VecDeque<PathBuf> {
    let wanted = |part: &Component<'_>| matches!(part, Component::Normal(_) | Component::ParentDir);
    path.components().filter(wanted).map(|part| PathBuf::from(part.as_os_str())).collect()
}
