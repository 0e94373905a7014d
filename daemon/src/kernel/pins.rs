//! Programs, links and maps on the BPF file system: counting goes on there while no daemon runs.
//!
//! `PIN/ABI/{maps,programs,links}/NAME`, and `PIN/ABI/stamp`: the stamp is pinned last and removed first, so a
//! folder without one is what a crash in the middle left, and counts for nobody.

use std::ffi::CString;
use std::fs::{File, TryLockError};
use std::io;
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::{fs, str};

use seccinch_common::ABI_VERSION;

use super::error::Error;
use super::stamp::Stamp;
use crate::files::Held;

/// `BPF_FS_MAGIC`: include/uapi/linux/magic.h, Linux 6.12.
const BPF_FILE_SYSTEM: u32 = 0xcafe_4a11;

/// What is pinned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Map,
    Program,
    Link,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Map, Self::Program, Self::Link];

    const fn folder(self) -> &'static str {
        match self {
            Self::Map => "maps",
            Self::Program => "programs",
            Self::Link => "links",
        }
    }
}

/// What a load before has left.
pub(super) enum Left {
    Nothing,
    Whole(Box<Stamp>),
    /// Nothing of use, and why.
    Unusable(&'static str),
}

/// The pins of this version's kernel side.
#[derive(Debug, Clone)]
pub(super) struct Pins {
    root: PathBuf,
    folder: PathBuf,
}

impl Pins {
    /// The pins under a folder on a BPF file system, which need not be there yet.
    pub(super) fn under(root: &Path) -> Result<Self, Error> {
        let present = root.ancestors().find(|path| path.exists()).unwrap_or(root);
        match file_system(present) {
            Ok(BPF_FILE_SYSTEM) => Ok(Self { root: root.into(), folder: root.join(ABI_VERSION.to_string()) }),
            Ok(_) => Err(Error::NoBpfFileSystem { path: root.into() }),
            Err(source) => Err(Error::pin("look at", present)(source)),
        }
    }

    /// Where something is pinned.
    pub(super) fn path(&self, kind: Kind, name: &str) -> PathBuf {
        self.folder.join(kind.folder()).join(name)
    }

    fn stamp(&self) -> PathBuf {
        self.folder.join("stamp")
    }

    /// What a load before has left here.
    pub(super) fn left(&self) -> Result<Left, Error> {
        if self.folder.exists() {
            let is_whole = self.stamp().exists();
            return Ok(match Stamp::read(&self.stamp()) {
                Ok(stamp) => Left::Whole(Box::new(stamp)),
                Err(error) => {
                    tracing::warn!(folder = %self.folder.display(), %error, "pins that cannot be used");
                    Left::Unusable(if is_whole { "pins of another layout" } else { "incomplete pins" })
                }
            });
        }
        let others = versions(&self.root)?;
        Ok(if others.is_empty() { Left::Nothing } else { Left::Unusable("another kernel abi") })
    }

    /// Takes the root for this process alone: two that give the same slots out would mix everything up.
    pub(super) fn lock(&self) -> Result<Held, Error> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true).mode(0o700).create(&self.root).map_err(Error::pin("create", &self.root))?;
        let root = File::open(&self.root).map_err(Error::pin("open", &self.root))?;
        match root.try_lock() {
            Ok(()) => Ok(Held::new(root)),
            Err(TryLockError::WouldBlock) => Err(Error::PinInUse { path: self.root.clone() }),
            Err(TryLockError::Error(source)) => Err(Error::pin("lock", &self.root)(source)),
        }
    }

    /// Makes the folders.
    pub(super) fn create(&self) -> Result<(), Error> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true).mode(0o700);
        for kind in Kind::ALL {
            let folder = self.folder.join(kind.folder());
            builder.create(&folder).map_err(Error::pin("create", &folder))?;
        }
        Ok(())
    }

    /// Declares everything pinned.
    pub(super) fn complete(&self, stamp: &Stamp) -> Result<(), Error> {
        stamp.pin(&self.stamp())
    }

    /// Removes the pins of every version; says which programs were attached by them.
    pub(super) fn remove_versions(&self) -> Result<Vec<String>, Error> {
        let mut removed = Vec::new();
        for version in versions(&self.root)? {
            removed.extend(remove_version(&version)?);
        }
        Ok(removed)
    }

    /// Removes the pins of every version, and the root that they were in.
    pub(super) fn remove_all(&self) -> Result<Vec<String>, Error> {
        let removed = self.remove_versions()?;
        // It may be a mount point, and the last that is open to this unit: without anything in it, it is no harm.
        if let Err(error) = fs::remove_dir(&self.root) {
            tracing::debug!(%error, folder = %self.root.display(), "the empty folder stays");
        }
        Ok(removed)
    }
}

/// The folders of all versions under a root.
fn versions(root: &Path) -> Result<Vec<PathBuf>, Error> {
    Ok(entries(root)?.into_iter().filter(|path| is_version(path)).collect())
}

fn is_version(path: &Path) -> bool {
    let name = path.file_name().map(OsStrExt::as_bytes).unwrap_or_default();
    str::from_utf8(name).is_ok_and(|name| name.parse::<u32>().is_ok())
}

/// The stamp first: from then on the rest is nobody's. Then the links, which detaches.
fn remove_version(folder: &Path) -> Result<Vec<String>, Error> {
    let stamp = folder.join("stamp");
    gone(fs::remove_file(&stamp), &stamp)?;
    let mut removed = Vec::new();
    for kind in [Kind::Link, Kind::Program, Kind::Map] {
        let folder = folder.join(kind.folder());
        for pin in entries(&folder)? {
            gone(fs::remove_file(&pin), &pin)?;
            if kind == Kind::Link {
                removed.extend(pin.file_name().map(|name| name.to_string_lossy().into_owned()));
            }
        }
        gone(fs::remove_dir(&folder), &folder)?;
    }
    gone(fs::remove_dir(folder), folder)?;
    Ok(removed)
}

/// What is in a folder, in order; nothing if it is not there.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let found = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        found => found.and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()),
    };
    let mut found: Vec<PathBuf> = found.map_err(Error::pin("list", folder))?;
    found.sort();
    Ok(found)
}

fn gone(result: io::Result<()>, path: &Path) -> Result<(), Error> {
    match result {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::pin("remove", path)(error)),
        _ => Ok(()),
    }
}

/// The kind of file system that a path is on, as `statfs(2)` has it.
fn file_system(path: &Path) -> io::Result<u32> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    let mut found = MaybeUninit::<libc::statfs>::uninit();
    // SAFETY: a string that ends in NUL, and room for the answer.
    if unsafe { libc::statfs(path.as_ptr(), found.as_mut_ptr()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call has filled it.
    let kind = unsafe { found.assume_init() }.f_type;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a number of 32 bits; the field is wider on most machines, and signed"
    )]
    Ok(kind as u32)
}

/// Detaches and removes everything that is pinned under this folder, of any version; says which programs that
/// were. Where nothing was pinned, that is none.
pub fn unload(pin: &Path) -> Result<Vec<String>, Error> {
    if pin.exists() { Pins::under(pin)?.remove_all() } else { Ok(Vec::new()) }
}
