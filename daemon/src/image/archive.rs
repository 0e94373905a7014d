//! The entries of a tar file, with long names, within bounds.
//!
//! The `tar` crate would read long names whole however long they are, so its raw entries are put together here.
//! Formats: pax of `pax(1)` in POSIX.1-2017, and GNU's `L` and `K` (tar 1.35, "Extensions to the Archive Format").

use std::borrow::Cow;
use std::ffi::OsStr;
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use tar::{Archive, EntryType, PaxExtensions};

/// Of a long name, or of the extensions of one entry: several times the kernel's `PATH_MAX`.
const MOST_EXTENSION: u64 = 64 << 10;

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// As the archive has it.
    pub(super) path: PathBuf,
    pub(super) what: What,
    pub(super) size: u64,
    /// Where its content begins in the archive.
    pub(super) start: u64,
}

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What {
    File,
    Folder,
    /// The same file as another entry.
    HardLink(PathBuf),
    Link(PathBuf),
    /// A device, a pipe.
    Other,
}

impl Entry {
    /// The bytes of its names.
    pub(super) fn names(&self) -> usize {
        let target = match &self.what {
            What::HardLink(target) | What::Link(target) => target.as_os_str().len(),
            What::File | What::Folder | What::Other => 0,
        };
        self.path.as_os_str().len() + target
    }
}

/// What entries say of the next one.
#[derive(Default)]
struct Extensions {
    path: Option<Vec<u8>>,
    target: Option<Vec<u8>>,
    size: Option<u64>,
}

/// What is done with an entry and its content.
type Visit<'a, E> = &'a mut dyn FnMut(Entry, &mut dyn Read) -> Result<ControlFlow<()>, E>;

/// Calls `visit` with each entry and its content, until it breaks off.
pub(super) fn each<E: From<io::Error>>(reader: impl Read, visit: Visit<'_, E>) -> Result<(), E> {
    let mut archive = Archive::new(reader);
    let mut extensions = Extensions::default();
    for raw in archive.entries()?.raw(true) {
        let mut raw = raw?;
        let kind = raw.header().entry_type();
        if extensions.take(kind, &mut raw)? {
            continue;
        }
        let entry = extensions.apply(&raw)?;
        extensions = Extensions::default();
        if visit(entry, &mut raw)?.is_break() {
            break;
        }
    }
    Ok(())
}

impl Extensions {
    /// Whether the entry was no file, but something about the next one.
    fn take(&mut self, kind: EntryType, content: &mut impl Read) -> io::Result<bool> {
        match kind {
            EntryType::GNULongName => self.path = Some(without_nul(bounded(content)?)),
            EntryType::GNULongLink => self.target = Some(without_nul(bounded(content)?)),
            EntryType::XHeader => self.take_pax(&bounded(content)?)?,
            // Of all entries that follow: images have comments there.
            EntryType::XGlobalHeader => {}
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn take_pax(&mut self, records: &[u8]) -> io::Result<()> {
        for record in PaxExtensions::new(records) {
            let record = record?;
            match record.key_bytes() {
                b"path" => self.path = Some(record.value_bytes().to_vec()),
                b"linkpath" => self.target = Some(record.value_bytes().to_vec()),
                b"size" => self.size = record.value().ok().and_then(|size| size.parse().ok()),
                key if key.starts_with(b"GNU.sparse") => return Err(sparse()),
                _ => {}
            }
        }
        Ok(())
    }

    fn apply(&self, raw: &tar::Entry<'_, impl Read>) -> io::Result<Entry> {
        let header = raw.header();
        let size = header.entry_size()?;
        if self.size.is_some_and(|other| other != size) {
            return Err(io::Error::other("an entry has two sizes, or is larger than 8 GiB"));
        }
        let path = self.path.clone().unwrap_or_else(|| header.path_bytes().into_owned());
        let target = || self.target.clone().or_else(|| header.link_name_bytes().map(Cow::into_owned));
        let what = match header.entry_type() {
            EntryType::Regular | EntryType::Continuous => What::File,
            EntryType::Directory => What::Folder,
            EntryType::Link => What::HardLink(path_of(&target().unwrap_or_default())),
            EntryType::Symlink => What::Link(path_of(&target().unwrap_or_default())),
            EntryType::GNUSparse => return Err(sparse()),
            _ => What::Other,
        };
        // Old archives mark folders by the slash alone.
        let what = if what == What::File && path.ends_with(b"/") { What::Folder } else { what };
        Ok(Entry { path: path_of(&path), what, size, start: raw.raw_file_position() })
    }
}

fn bounded(content: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    content.take(MOST_EXTENSION + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST_EXTENSION {
        return Err(io::Error::other("an entry's name or extensions are longer than 64 KiB"));
    }
    Ok(bytes)
}

fn without_nul(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.truncate(bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len()));
    bytes
}

fn path_of(bytes: &[u8]) -> PathBuf {
    Path::new(OsStr::from_bytes(bytes)).to_owned()
}

fn sparse() -> io::Error {
    io::Error::other("it has sparse files, which no image needs")
}
