//! The folders that the dynamic linker looks in whoever needs a library: those of its configuration, then its own.
//!
//! Opens and reads nothing itself: that is done by whoever asks. glibc's linker goes by a cache that `ldconfig` makes of
//! what is configured; here it is the configuration that counts, and the cache is not read.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What glibc's linker looks in without any configuration, as built by the distributions that are known: ld.so(8), and
/// Debian's multiarch folders (`elf/rtld.c`, `SYSTEM_DIRS` of each).
const OF_GLIBC: [&str; 8] = [
    "/lib/x86_64-linux-gnu",
    "/usr/lib/x86_64-linux-gnu",
    "/lib64",
    "/usr/lib64",
    "/lib",
    "/usr/lib",
    "/usr/local/lib",
    "/usr/local/lib64",
];
/// The same of musl's (`ldso/dynlink.c`, 1.2.5).
const OF_MUSL: [&str; 3] = ["/lib", "/usr/local/lib", "/usr/lib"];
const CONFIGURATION: &str = "/etc/ld.so.conf";
const CONFIGURATION_OF_MUSL: &str = "/etc/ld-musl-x86_64.path";

/// Files of configuration that are read, folders that are named in them, and how deep they include each other: those of
/// real systems have some dozen, and one level.
const MOST_FILES: usize = 64;
const MOST_FOLDERS: usize = 256;
const MOST_LEVELS: usize = 4;

/// A dynamic linker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Linker {
    /// That of the GNU C library.
    Glibc,
    /// That of musl, which is its C library at once.
    Musl,
}

impl Linker {
    /// The linker by the path of a program's interpreter.
    pub fn of(interpreter: &str) -> Self {
        let name = interpreter.rsplit('/').next().unwrap_or_default();
        if name.starts_with("ld-musl-") { Self::Musl } else { Self::Glibc }
    }
}

/// The folders of this linker, in its order, as paths below the program's root. `read` gives a file's text, `names` the
/// names in a folder, sorted.
pub fn of_system(
    linker: Linker,
    mut read: impl FnMut(&Path) -> Option<String>,
    names: impl FnMut(&Path) -> Vec<String>,
) -> Vec<PathBuf> {
    match linker {
        Linker::Musl => {
            let configured = read(Path::new(CONFIGURATION_OF_MUSL));
            let Some(text) = configured else { return OF_MUSL.iter().map(PathBuf::from).collect() };
            let folders = text.split([':', '\n']).filter(|folder| folder.starts_with('/'));
            folders.take(MOST_FOLDERS).map(PathBuf::from).collect()
        }
        Linker::Glibc => {
            let mut configuration = Configuration { read, names, seen: BTreeSet::new(), folders: Vec::new() };
            configuration.take_in(Path::new(CONFIGURATION), 0);
            configuration.folders.extend(OF_GLIBC.iter().map(PathBuf::from));
            configuration.folders
        }
    }
}

/// `ld.so.conf` on its way (ldconfig(8); `elf/ldconfig.c`, `parse_conf`, glibc 2.36).
struct Configuration<R, N> {
    read: R,
    names: N,
    seen: BTreeSet<PathBuf>,
    folders: Vec<PathBuf>,
}

impl<R: FnMut(&Path) -> Option<String>, N: FnMut(&Path) -> Vec<String>> Configuration<R, N> {
    fn take_in(&mut self, path: &Path, level: usize) {
        if level > MOST_LEVELS || self.seen.len() >= MOST_FILES || !self.seen.insert(path.to_owned()) {
            return;
        }
        for line in (self.read)(path).unwrap_or_default().lines() {
            let line = line.split('#').next().unwrap_or_default().trim();
            if let Some(patterns) = line.strip_prefix("include").filter(|rest| rest.starts_with([' ', '\t']))
            {
                for pattern in patterns.split_whitespace() {
                    self.include(path, pattern, level);
                }
            } else if line.starts_with('/') && self.folders.len() < MOST_FOLDERS {
                // A folder may be followed by the kind of its libraries, which is of old.
                let folder = line.split([' ', '\t', ',', ':', '=']).next().unwrap_or_default();
                self.folders.push(folder.into());
            }
        }
    }

    /// Takes in what a pattern stands for, in the folder of the file that it is in. Only names have wildcards in any
    /// system that is known, and only `*`.
    fn include(&mut self, from: &Path, pattern: &str, level: usize) {
        let pattern = from.parent().unwrap_or(Path::new("/")).join(pattern);
        let (Some(folder), Some(name)) =
            (pattern.parent(), pattern.file_name().and_then(|name| name.to_str()))
        else {
            return;
        };
        if !name.contains('*') {
            return self.take_in(&pattern, level + 1);
        }
        for found in (self.names)(folder).iter().filter(|found| matches(name, found)) {
            self.take_in(&folder.join(found), level + 1);
        }
    }
}

/// Whether a pattern stands for a name: each `*` for anything, but not for the dot of a hidden file.
fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let (Some(mut rest), false) = (name.strip_prefix(first), first.is_empty() && name.starts_with('.'))
    else {
        return false;
    };
    let mut parts = parts.peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        let Some((_, after)) = rest.split_once(part) else { return false };
        rest = after;
    }
    rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILES: [(&str, &str); 4] = [
        ("/etc/ld.so.conf", "include ld.so.conf.d/*.conf # all\n/opt/own=libc6\nhwcap 1 nosegneg\n"),
        ("/etc/ld.so.conf.d/a.conf", "# none\n\n/opt/a/lib  \nrelative\n"),
        ("/etc/ld.so.conf.d/b.conf", "/opt/b\ninclude /etc/ld.so.conf\ninclude b.conf gone.conf"),
        ("/etc/ld-musl-x86_64.path", "/opt/musl:/lib\n/usr/lib"),
    ];

    fn folders(linker: Linker, files: &[(&str, &str)]) -> Vec<String> {
        let read = |path: &Path| {
            files.iter().find(|(known, _)| Path::new(known) == path).map(|(_, text)| (*text).to_owned())
        };
        let names = |folder: &Path| {
            assert_eq!(folder, Path::new("/etc/ld.so.conf.d"));
            [".hidden.conf", "a.conf", "b.conf", "b.conf.old"].map(str::to_owned).to_vec()
        };
        let folders = of_system(linker, read, names);
        folders.iter().map(|folder| folder.to_string_lossy().into_owned()).collect()
    }

    /// Check that what is configured comes first, with what it includes, each file once, and what is built in after it.
    #[test]
    fn configured_folders_come_first() {
        let found = folders(Linker::Glibc, &FILES);
        assert_eq!(found[..3], ["/opt/a/lib", "/opt/b", "/opt/own"]);
        assert_eq!(found[3..], OF_GLIBC);
        assert_eq!(folders(Linker::Glibc, &[]), OF_GLIBC);
    }

    /// Check that what is configured for musl stands for what is built in.
    #[test]
    fn configured_folders_of_musl_are_all() {
        assert_eq!(folders(Linker::Musl, &FILES), ["/opt/musl", "/lib", "/usr/lib"]);
        assert_eq!(folders(Linker::Musl, &[]), OF_MUSL);
        assert_eq!(Linker::of("/lib/ld-musl-x86_64.so.1"), Linker::Musl);
        assert_eq!(Linker::of("/lib64/ld-linux-x86-64.so.2"), Linker::Glibc);
    }

    /// Check that folders beyond the bound are left out, and files that include one another end.
    #[test]
    fn configuration_is_bounded() {
        let many: Vec<String> = (0..MOST_FOLDERS + 9).map(|number| format!("/opt/{number}\n")).collect();
        assert_eq!(
            folders(Linker::Glibc, &[(CONFIGURATION, &many.concat())]).len(),
            MOST_FOLDERS + OF_GLIBC.len()
        );
        let mut asked = 0;
        let read = |path: &Path| {
            asked += 1;
            Some(format!("include {}x y.conf{asked}\n", path.display()))
        };
        of_system(Linker::Glibc, read, |_| Vec::new());
        assert!(asked <= MOST_FILES, "{asked} files");
    }

    /// Check that wildcards stand for anything, in whatever place.
    #[test]
    fn patterns_are_matched() {
        for (pattern, name) in
            [("*.conf", "a.conf"), ("a*c", "abc"), ("*", "a"), ("a*b*c", "a1b2bc"), ("a*", "a")]
        {
            assert!(matches(pattern, name), "{pattern} is {name}");
        }
        for (pattern, name) in [("*.conf", ".conf"), ("*.conf", "a.confx"), ("a*b*c", "acb"), ("a*", "b")] {
            assert!(!matches(pattern, name), "{pattern} is not {name}");
        }
    }
}
