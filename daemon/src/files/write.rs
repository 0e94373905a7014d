//! Atomic replacement of files.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Why a file could not be written. What stood there before is untouched.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// A file can't be made in its folder.
    #[error("cannot write {}: its folder takes no new file; choose another place", path.display())]
    Create {
        /// The file that was to be written.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// The file system is full.
    #[error("cannot write {}: no room for {bytes} bytes; free some, or choose another place", path.display())]
    Full {
        /// The file that was to be written.
        path: PathBuf,
        /// How much was to be written.
        bytes: usize,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// Any other failure on the way.
    #[error("cannot write {}", path.display())]
    Io {
        /// The file that was to be written.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// The document has no JSON form.
    #[error("cannot write it as JSON")]
    Encode(#[source] serde_json::Error),
    /// Standard output took no more.
    #[error("cannot write to standard output")]
    Stdout(#[source] io::Error),
}

/// Puts `bytes` at `path`: written beside it, synced, renamed over it, and the folder synced, so that a
/// reader finds the old file or the whole new one (rename(2), fsync(2)). A link is followed, and the mode of
/// a file that is replaced is kept. What is no file (`/dev/null`, a pipe) is written to as it is.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<(), WriteError> {
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let present = fs::metadata(&target).ok();
    let written = match present {
        Some(ref metadata) if metadata.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        Some(ref metadata) if !metadata.is_file() => write_through(&target, bytes),
        _ => return replace(path, &target, bytes, present.map(|metadata| metadata.permissions())),
    };
    written.map_err(|source| failure(path, bytes, source))
}

/// Checks that [`write_atomic`] could put a file at `path`, by making and removing its temporary file.
pub fn check_writable(path: &Path) -> Result<(), WriteError> {
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    match fs::metadata(&target) {
        Ok(metadata) if metadata.is_dir() => Err(failure(path, &[], io::ErrorKind::IsADirectory.into())),
        Ok(metadata) if !metadata.is_file() => Ok(()),
        _ => {
            let (temporary, _) = open_temporary(path, &target, &[])?;
            fs::remove_file(temporary).map_err(|source| failure(path, &[], source))
        }
    }
}

fn write_through(target: &Path, bytes: &[u8]) -> io::Result<()> {
    OpenOptions::new().write(true).open(target)?.write_all(bytes)
}

fn replace(path: &Path, target: &Path, bytes: &[u8], mode: Option<Permissions>) -> Result<(), WriteError> {
    let (temporary, file) = open_temporary(path, target, bytes)?;
    fill(file, bytes, mode).and_then(|()| fs::rename(&temporary, target)).map_err(|source| {
        // The first failure is the one to tell of; a temporary file that stays behind follows from it.
        let _ = fs::remove_file(&temporary);
        failure(path, bytes, source)
    })?;
    sync_folder(target).map_err(|source| failure(path, bytes, source))
}

fn open_temporary(path: &Path, target: &Path, bytes: &[u8]) -> Result<(PathBuf, File), WriteError> {
    let temporary = temporary_name(target);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o644);
    match options.open(&temporary) {
        Ok(file) => Ok((temporary, file)),
        Err(source) => Err(match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => failure(path, bytes, source),
            _ => WriteError::Create { path: path.to_owned(), source },
        }),
    }
}

fn fill(mut file: File, bytes: &[u8], mode: Option<Permissions>) -> io::Result<()> {
    file.write_all(bytes)?;
    if let Some(mode) = mode {
        file.set_permissions(Permissions::from_mode(mode.mode() & 0o777))?;
    }
    file.sync_all()
}

/// A hidden name in the same folder, so that the rename stays within one file system. The process id keeps
/// two writers apart.
fn temporary_name(target: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(target.file_name().unwrap_or_default());
    name.push(format!(".{}.tmp", std::process::id()));
    target.with_file_name(name)
}

/// Whether a name is that of a temporary file for `target`, of whatever process: what a killed one left.
pub fn is_temporary(name: &str, target: &str) -> bool {
    let rest = name.strip_prefix('.').and_then(|rest| rest.strip_prefix(target));
    let process = rest.and_then(|rest| rest.strip_prefix('.')?.strip_suffix(".tmp"));
    process.is_some_and(|process| !process.is_empty() && process.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The rename itself is only durable when its folder is.
pub(super) fn sync_folder(target: &Path) -> io::Result<()> {
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

pub(super) fn failure(path: &Path, bytes: &[u8], source: io::Error) -> WriteError {
    let path = path.to_owned();
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            WriteError::Full { path, bytes: bytes.len(), source }
        }
        _ => WriteError::Io { path, source },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    /// Check that a file is made and then replaced, its mode kept, with nothing left beside it.
    #[test]
    fn files_are_replaced_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        write_atomic(&path, b"one").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        write_atomic(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(names(folder.path()), ["a.json"]);
    }

    /// Check that our own temporary files are known, and nobody else's.
    #[test]
    fn temporary_files_are_known() {
        let name = temporary_name(Path::new("/x/a.json"));
        assert!(is_temporary(name.file_name().unwrap().to_str().unwrap(), "a.json"));
        for other in
            [".a.json..tmp", ".a.json.x1.tmp", "a.json.1.tmp", ".b.json.1.tmp", ".a.json.1", "a.json"]
        {
            assert!(!is_temporary(other, "a.json"), "{other}");
        }
    }

    /// Check that a link stays a link and its file gets the bytes.
    #[test]
    fn links_are_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (folder.path().join("real"), folder.path().join("link"));
        fs::write(&real, "old").unwrap();
        symlink(&real, &link).unwrap();
        write_atomic(&link, b"new").unwrap();
        assert_eq!(fs::read(&real).unwrap(), b"new");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    }

    /// Check that a device is written to and not replaced by a file.
    #[test]
    fn devices_stay_devices() {
        write_atomic(Path::new("/dev/null"), b"gone").unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
    }

    /// Check that a full device, a missing folder and a folder in the file's place say so.
    #[test]
    fn failures_are_told_apart() {
        let full = write_atomic(Path::new("/dev/full"), b"12345").unwrap_err();
        assert_eq!(
            full.to_string(),
            "cannot write /dev/full: no room for 5 bytes; free some, or choose another place"
        );
        let folder = tempfile::tempdir().unwrap();
        let missing = write_atomic(&folder.path().join("no/a.json"), b"x").unwrap_err();
        assert!(matches!(missing, WriteError::Create { .. }), "{missing}");
        let is_folder = write_atomic(folder.path(), b"x").unwrap_err();
        assert!(matches!(is_folder, WriteError::Io { .. }), "{is_folder}");
        assert!(names(folder.path()).is_empty());
    }
}
