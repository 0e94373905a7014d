//! The parts of an image by name, in a folder or in an archive.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Take};
use std::ops::ControlFlow;
use std::path::{Component, Path, PathBuf};

use serde::de::DeserializeOwned;

use super::archive::{self, What};
use super::unpack::{GZIP, ZSTD};
use super::{Error, Kind, Location};
use crate::files::{Digest, follow_links};

/// The largest document: containerd's bound for manifests is 8 MiB.
const MOST_DOCUMENT: u64 = 8 << 20;
/// Members of an archive: an image has some hundred layers at most.
const MOST_MEMBERS: usize = 100_000;
/// Bytes that are read at once of a whole file.
pub(super) const BUFFER: usize = 256 << 10;

/// The parts of an image by name.
#[derive(Debug)]
pub(super) struct Blobs {
    path: PathBuf,
    members: Option<BTreeMap<PathBuf, Member>>,
}

#[derive(Debug)]
enum Member {
    File { start: u64, size: u64 },
    Link(PathBuf),
}

impl Blobs {
    pub(super) fn open(location: &Location) -> Result<Self, Error> {
        let path = location.path.clone();
        let members = match location.kind {
            Kind::OciFolder => None,
            Kind::OciArchive | Kind::DockerArchive => Some(members(&path)?),
        };
        let blobs = Self { path, members };
        if location.kind != Kind::DockerArchive && blobs.open_member("oci-layout")?.is_none() {
            let what = "OCI image layout";
            return Err(Error::NoImage { path: blobs.path, what, missing: "oci-layout" });
        }
        Ok(blobs)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// A part by its name; nothing if it is not there.
    pub(super) fn open_member(&self, name: &str) -> Result<Option<Take<File>>, Error> {
        let Some(members) = &self.members else {
            return self.open_in_folder(name);
        };
        let link = |path: &Path| match members.get(path) {
            Some(Member::Link(target)) => Some(target.clone()),
            _ => None,
        };
        let Some(Member::File { start, size }) =
            follow_links(Path::new(name), link).and_then(|path| members.get(&path))
        else {
            return Ok(None);
        };
        let opened = File::open(&self.path).and_then(|mut file| {
            file.seek(SeekFrom::Start(*start))?;
            Ok(file.take(*size))
        });
        opened.map(Some).map_err(|source| Error::Io { path: self.path.clone(), source })
    }

    fn open_in_folder(&self, name: &str) -> Result<Option<Take<File>>, Error> {
        let path = self.path.join(name);
        // A pipe would never end.
        match std::fs::metadata(&path) {
            Ok(metadata) if metadata.is_file() => {
                let opened = File::open(&path).map_err(|source| Error::Io { path, source })?;
                Ok(Some(opened.take(metadata.len())))
            }
            Ok(_) => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.path.is_dir() => Ok(None),
            Err(source) => Err(Error::Io { path, source }),
        }
    }

    /// A JSON document by its name; nothing if it is not there.
    pub(super) fn document<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, Error> {
        let what = || format!("`{name}`");
        let Some(bytes) = self.read(name, &what())? else { return Ok(None) };
        parse(&bytes, &what()).map(Some)
    }

    /// A JSON document by its digest.
    pub(super) fn checked_document<T: DeserializeOwned>(
        &self,
        name: &str,
        expected: Digest,
        what: &str,
    ) -> Result<T, Error> {
        let missing = || Error::Missing { what: format!("{what} {expected}") };
        let bytes = self.read(name, what)?.ok_or_else(missing)?;
        check(&format!("{what} of the image"), Digest::of(&bytes), expected)?;
        parse(&bytes, what)
    }

    fn read(&self, name: &str, what: &str) -> Result<Option<Vec<u8>>, Error> {
        let Some(reader) = self.open_member(name)? else { return Ok(None) };
        let mut bytes = Vec::new();
        let read = reader.take(MOST_DOCUMENT + 1).read_to_end(&mut bytes);
        read.map_err(|source| Error::Io { path: self.path.clone(), source })?;
        if bytes.len() as u64 > MOST_DOCUMENT {
            let problem = format!("is larger than {} MiB", MOST_DOCUMENT >> 20);
            return Err(Error::Invalid { what: what.to_owned(), problem });
        }
        Ok(Some(bytes))
    }
}

/// Holds a part against what it is said to be.
pub(super) fn check(what: &str, found: Digest, expected: Digest) -> Result<(), Error> {
    if found == expected { Ok(()) } else { Err(Error::Digest { what: what.to_owned(), found, expected }) }
}

fn parse<T: DeserializeOwned>(bytes: &[u8], what: &str) -> Result<T, Error> {
    serde_json::from_slice(bytes).map_err(|source| Error::Json { what: what.to_owned(), source })
}

fn members(path: &Path) -> Result<BTreeMap<PathBuf, Member>, Error> {
    let fail = |source| Error::Io { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(fail)?;
    let mut head = [0; 4];
    let read = file.read(&mut head).map_err(fail)?;
    if head[..read].starts_with(&GZIP) || head[..read].starts_with(&ZSTD) {
        return Err(Error::Compressed(path.to_owned()));
    }
    file.seek(SeekFrom::Start(0)).map_err(fail)?;
    let mut members = BTreeMap::new();
    let listed: io::Result<()> = archive::each(BufReader::with_capacity(BUFFER, file), &mut |entry, _| {
        if members.len() >= MOST_MEMBERS {
            return Err(io::Error::other("it has more members than any image"));
        }
        let member = match entry.what {
            What::File => Member::File { start: entry.start, size: entry.size },
            // In the archive a link is relative to the folder that it is in, a hard link to the top.
            What::Link(target) => Member::Link(target),
            What::HardLink(target) => Member::Link(Path::new("/").join(target)),
            What::Folder | What::Other => return Ok(ControlFlow::Continue(())),
        };
        let names = entry.path.components().filter(|part| matches!(part, Component::Normal(_)));
        members.insert(names.collect(), member);
        Ok(ControlFlow::Continue(()))
    });
    listed.map_err(fail)?;
    Ok(members)
}
