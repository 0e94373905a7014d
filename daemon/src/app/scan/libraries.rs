//! The shared libraries that an executable loads, found as the dynamic linker finds them.

use std::collections::VecDeque;
use std::fs;
use std::path::{Component, Path, PathBuf};

use super::MOST_BYTES;
use crate::files::read_bounded;
use crate::golang;
use crate::golang::scan::{Library, Part};
use crate::model::Linkage;

/// Where libraries lie on the distributions that are known (ld.so(8), and Debian's multiarch folders). The cache of
/// ld.so and `DT_RUNPATH` are not read: a library that is found by them only is a gap.
const FOLDERS: [&str; 8] = [
    "lib/x86_64-linux-gnu",
    "usr/lib/x86_64-linux-gnu",
    "lib64",
    "usr/lib64",
    "lib",
    "usr/lib",
    "usr/local/lib",
    "usr/local/lib64",
];
/// Libraries that are read of one program; real Go programs load half a dozen.
const MOST_LIBRARIES: usize = 64;
/// Bytes of all libraries of a program: those of real ones take a tenth. What is beyond is a gap.
const MOST_BYTES_IN_ALL: u64 = MOST_BYTES;
/// Links that are followed on the way to one file, as the kernel does (`path_resolution(7)`).
const MOST_LINKS: usize = 40;

/// Reads the interpreter and everything that is needed, also by libraries. What is not there has no bytes.
pub(super) fn read(linkage: &Linkage, sysroot: &Path) -> Vec<Library> {
    let mut libraries = Vec::new();
    let mut pending: VecDeque<String> = linkage.needed.iter().cloned().collect();
    if let Some(interpreter) = &linkage.interpreter {
        let bytes =
            resolve(sysroot, Path::new(interpreter)).and_then(|path| read_bounded(&path, MOST_BYTES).ok());
        let name = interpreter.rsplit('/').next().unwrap_or_default().to_owned();
        libraries.push(Library { name, part: Part::Loader, bytes });
    }
    let mut left = MOST_BYTES_IN_ALL;
    while let Some(name) = pending.pop_front() {
        if libraries.len() >= MOST_LIBRARIES || libraries.iter().any(|library| library.name == name) {
            continue;
        }
        let paths = FOLDERS.iter().filter_map(|folder| resolve(sysroot, &Path::new(folder).join(&name)));
        let bytes = paths.into_iter().find_map(|path| read_bounded(&path, left).ok());
        left = left.saturating_sub(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64));
        let needed = bytes.as_deref().and_then(|bytes| golang::inspect(String::new(), bytes).ok());
        pending.extend(needed.and_then(|build| build.linkage).into_iter().flat_map(|linkage| linkage.needed));
        libraries.push(Library { name, part: Part::Library, bytes });
    }
    libraries
}

/// The file at `path` below `sysroot`, with links followed as if `sysroot` were the root.
fn resolve(sysroot: &Path, path: &Path) -> Option<PathBuf> {
    let mut pending: VecDeque<PathBuf> = components(path);
    let mut inside = PathBuf::new();
    let mut links = 0;
    while let Some(part) = pending.pop_front() {
        if part.as_os_str() == ".." {
            inside.pop();
            continue;
        }
        let Ok(target) = fs::read_link(sysroot.join(&inside).join(&part)) else {
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
    let found = sysroot.join(inside);
    found.is_file().then_some(found)
}

fn components(path: &Path) -> VecDeque<PathBuf> {
    let wanted = |part: &Component<'_>| matches!(part, Component::Normal(_) | Component::ParentDir);
    path.components().filter(wanted).map(|part| PathBuf::from(part.as_os_str())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Check that links stay inside the folder that stands for the root, and that a circle of them ends.
    #[test]
    fn links_are_followed_below_the_root() {
        let root = tempfile::tempdir().unwrap();
        let at = |path: &str| root.path().join(path);
        fs::create_dir_all(at("usr/lib/deep")).unwrap();
        fs::write(at("usr/lib/real.so"), "x").unwrap();
        for (target, link) in [
            ("usr/lib", "lib"),
            ("/lib/real.so", "usr/lib/absolute.so"),
            ("../../../../usr/lib/real.so", "usr/lib/deep/relative.so"),
            ("circle", "circle"),
        ] {
            std::os::unix::fs::symlink(target, at(link)).unwrap();
        }
        for path in ["/lib/absolute.so", "lib/real.so", "/lib/deep/relative.so"] {
            assert_eq!(resolve(root.path(), Path::new(path)), Some(at("usr/lib/real.so")), "of {path}");
        }
        assert_eq!(resolve(root.path(), Path::new("circle")), None);
        assert_eq!(resolve(root.path(), Path::new("lib")), None, "a folder is no library");
    }
}
