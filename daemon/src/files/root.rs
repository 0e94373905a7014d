//! Files that others made, in file systems that others made: found below their root, and only if they are files.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};

/// Whoever moves folders about meanwhile makes a look-up fail (`openat2(2)`); after so many it does.
const MOST_TRIES: usize = 4;

/// A folder that stands for the root: links lead to nowhere above it.
#[derive(Debug)]
pub struct Root(File);

/// What a path led to, whatever the path leads to later. It is not open yet.
#[derive(Debug)]
pub struct Place(File);

impl Root {
    /// The root at a path.
    pub fn at(path: &Path) -> io::Result<Self> {
        held(path, libc::O_DIRECTORY).map(Self)
    }

    /// Opens the file at a path as those see it who have this root.
    pub fn open(&self, path: &Path) -> io::Result<File> {
        self.find(path, OFlag::empty())?.open()
    }

    /// The names in the folder at a path as those see it who have this root, sorted: at most so many.
    pub fn names(&self, path: &Path, most: usize) -> io::Result<Vec<OsString>> {
        let folder = self.find(path, OFlag::O_DIRECTORY)?.0;
        let entries = fs::read_dir(format!("/proc/self/fd/{}", folder.as_raw_fd()))?;
        let mut names =
            entries.take(most).map(|entry| Ok(entry?.file_name())).collect::<io::Result<Vec<_>>>()?;
        names.sort();
        Ok(names)
    }

    /// What a path leads to below this root.
    fn find(&self, path: &Path, flags: OFlag) -> io::Result<Place> {
        let resolve = ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS;
        let how = OpenHow::new().flags(OFlag::O_PATH | OFlag::O_CLOEXEC | flags).resolve(resolve);
        let mut found: Result<OwnedFd, Errno> = Err(Errno::EAGAIN);
        for _ in 0..MOST_TRIES {
            found = openat2(&self.0, path, how);
            if !matches!(found, Err(Errno::EAGAIN)) {
                break;
            }
        }
        Ok(Place(found?.into()))
    }
}

impl Place {
    /// What a path leads to now.
    pub fn at(path: &Path) -> io::Result<Self> {
        held(path, 0).map(Self)
    }

    /// Opens it, if it is a file: a device may do something when it is opened, and a pipe has no end.
    pub fn open(&self) -> io::Result<File> {
        if !self.0.metadata()?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a file"));
        }
        let again = format!("/proc/self/fd/{}", self.0.as_raw_fd());
        File::options().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(again)
    }
}

/// Nothing is asked of what is found, so that nobody is waited for.
fn held(path: &Path, flags: i32) -> io::Result<File> {
    File::options().read(true).custom_flags(libc::O_PATH | flags).open(path)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Read;
    use std::os::unix::fs::symlink;

    use nix::sys::stat::Mode;
    use nix::unistd::mkfifo;

    use super::*;

    fn read(root: &Root, path: &str) -> io::Result<String> {
        let mut text = String::new();
        root.open(Path::new(path))?.read_to_string(&mut text)?;
        Ok(text)
    }

    /// Check that links stay below the folder that stands for the root, and that a circle of them ends.
    #[test]
    fn links_are_followed_below_the_root() {
        let folder = tempfile::tempdir().unwrap();
        let at = |path: &str| folder.path().join(path);
        fs::create_dir_all(at("usr/lib/deep")).unwrap();
        fs::write(at("usr/lib/real.so"), "real").unwrap();
        fs::write(at("passwd"), "theirs").unwrap();
        for (target, link) in [
            ("usr/lib", "lib"),
            ("/lib/real.so", "usr/lib/absolute.so"),
            ("../../../../usr/lib/real.so", "usr/lib/deep/relative.so"),
            ("../../../../../../../../../../passwd", "usr/lib/above.so"),
            ("circle", "circle"),
        ] {
            symlink(target, at(link)).unwrap();
        }
        let root = Root::at(folder.path()).unwrap();
        for path in ["/lib/absolute.so", "lib/real.so", "/lib/deep/relative.so"] {
            assert_eq!(read(&root, path).unwrap(), "real", "of {path}");
        }
        assert_eq!(read(&root, "usr/lib/above.so").unwrap(), "theirs");
        assert_eq!(root.names(Path::new("/lib"), 9).unwrap(), ["above.so", "absolute.so", "deep", "real.so"]);
        assert!(root.names(Path::new("passwd"), 9).is_err(), "a file is no folder");
        assert_eq!(read(&root, "circle").unwrap_err().raw_os_error(), Some(libc::ELOOP));
        assert_eq!(
            read(&root, "lib").unwrap_err().kind(),
            io::ErrorKind::InvalidInput,
            "a folder is no library"
        );
    }

    /// Check that nothing but a file is opened, that nobody is waited for, and that no link leads to another process.
    #[test]
    fn only_files_are_opened() {
        let folder = tempfile::tempdir().unwrap();
        let at = |path: &str| folder.path().join(path);
        mkfifo(&at("pipe"), Mode::S_IRWXU).unwrap();
        symlink("/proc/self/root/etc/passwd", at("magic")).unwrap();
        symlink("pipe", at("link")).unwrap();
        let root = Root::at(folder.path()).unwrap();
        for path in ["pipe", "link"] {
            assert_eq!(read(&root, path).unwrap_err().kind(), io::ErrorKind::InvalidInput, "{path}");
        }
        assert!(Place::at(&at("pipe")).unwrap().open().is_err());
        assert!(Place::at(Path::new("/dev/null")).unwrap().open().is_err());
        assert!(read(&Root::at(Path::new("/")).unwrap(), &at("magic").to_string_lossy()).is_err());
    }
}
