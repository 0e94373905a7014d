//! A file system for a machine to boot from: an initramfs, as the kernel reads it
//! (Documentation/driver-api/early-userspace/buffer-format.rst, "newc").

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// What a path is.
enum Entry {
    Folder,
    Link(PathBuf),
    Text(String),
    /// A file with the content of one of the host's.
    Copy(PathBuf),
}

/// The files of a machine, by their path without the leading slash: a folder is before what is in it.
#[derive(Default)]
pub(crate) struct Image {
    entries: BTreeMap<PathBuf, (u32, Entry)>,
}

impl Image {
    /// Everything below a folder of the host, as the machine's root. All of it belongs to the machine's root.
    pub(crate) fn of(root: &Path) -> Result<Self> {
        let mut image = Self::default();
        image.add_folder(root, Path::new("")).with_context(|| format!("reading {}", root.display()))?;
        Ok(image)
    }

    /// Adds a file that says this.
    pub(crate) fn write(&mut self, path: &str, text: &str, mode: u32) {
        self.add(path, mode, Entry::Text(text.to_owned()));
    }

    /// Adds a copy of a file of the host.
    pub(crate) fn copy(&mut self, path: &str, from: &Path, mode: u32) {
        self.add(path, mode, Entry::Copy(from.to_owned()));
    }

    /// Adds a symbolic link.
    pub(crate) fn link(&mut self, path: &str, target: &str) {
        self.add(path, 0o777, Entry::Link(target.into()));
    }

    fn add(&mut self, path: &str, mode: u32, entry: Entry) {
        let path = PathBuf::from(path.trim_start_matches('/'));
        for folder in path.ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty()) {
            self.entries.entry(folder.to_owned()).or_insert((0o755, Entry::Folder));
        }
        self.entries.insert(path, (mode, entry));
    }

    fn add_folder(&mut self, root: &Path, below: &Path) -> Result<()> {
        for found in fs::read_dir(root.join(below))? {
            let found = found?;
            let (path, kind) = (below.join(found.file_name()), found.file_type()?);
            let mode = found.metadata()?.permissions().mode() & 0o7777;
            if kind.is_dir() {
                self.entries.insert(path.clone(), (mode, Entry::Folder));
                self.add_folder(root, &path)?;
            } else if kind.is_symlink() {
                self.entries.insert(path, (mode, Entry::Link(fs::read_link(found.path())?)));
            } else {
                self.entries.insert(path, (mode, Entry::Copy(found.path())));
            }
        }
        Ok(())
    }

    /// Writes the archive.
    pub(crate) fn pack(&self, archive: &Path) -> Result<()> {
        let mut archive = Archive { file: BufWriter::new(File::create(archive)?), inode: 0 };
        for (path, (mode, entry)) in &self.entries {
            let packed = archive.entry(path, *mode, entry);
            packed.with_context(|| format!("packing {}", path.display()))?;
        }
        archive.header("TRAILER!!!", 0, 0)?;
        Ok(archive.file.flush()?)
    }
}

/// An archive in the making.
struct Archive {
    file: BufWriter<File>,
    inode: u32,
}

impl Archive {
    fn entry(&mut self, path: &Path, mode: u32, entry: &Entry) -> Result<()> {
        let name = path.to_str().context("a name in UTF-8")?;
        match entry {
            Entry::Folder => self.header(name, libc::S_IFDIR | mode, 0),
            Entry::Link(target) => {
                let target = target.to_str().context("a target in UTF-8")?.as_bytes();
                self.file_of(name, libc::S_IFLNK | mode, target.len() as u64, target)
            }
            Entry::Text(text) => self.file_of(name, libc::S_IFREG | mode, text.len() as u64, text.as_bytes()),
            Entry::Copy(from) => {
                let content = File::open(from)?;
                self.file_of(name, libc::S_IFREG | mode, content.metadata()?.len(), content)
            }
        }
    }

    fn file_of(&mut self, name: &str, mode: u32, size: u64, mut content: impl io::Read) -> Result<()> {
        self.header(name, mode, size)?;
        let copied = io::copy(&mut content, &mut self.file)?;
        anyhow::ensure!(copied == size, "{copied} bytes of {size}");
        self.pad(size)
    }

    /// The fields in their order, each as eight hexadecimal digits, and the name. What stays 0 here are owner,
    /// group, time, and the numbers of devices.
    fn header(&mut self, name: &str, mode: u32, size: u64) -> Result<()> {
        self.inode += 1;
        let (size, named) = (u32::try_from(size)?, u32::try_from(name.len() + 1)?);
        let fields = [self.inode, mode, 0, 0, 1, 0, size, 0, 0, 0, 0, named, 0];
        write!(self.file, "070701")?;
        fields.iter().try_for_each(|field| write!(self.file, "{field:08x}"))?;
        write!(self.file, "{name}\0")?;
        self.pad(110 + u64::from(named))
    }

    /// Everything begins at a multiple of four.
    fn pad(&mut self, written: u64) -> Result<()> {
        let missing = usize::try_from(written.next_multiple_of(4) - written)?;
        Ok(self.file.write_all(&[0; 3][..missing])?)
    }
}
