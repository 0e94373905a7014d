//! A container image's files, read without unpacking it.
//!
//! In: an OCI image layout (a folder, or a tar file of one) or what `docker save` writes. Out: which program the image
//! starts, and single files of it. Whoever made the image is not trusted: every blob is held against its SHA-256, what
//! layers unpack to is bounded, links lead nowhere but into the image, and nothing is written but the files that are
//! asked for, under names without links. The first pass over the layers makes a tree of names; the second takes the
//! files that are wanted.
//!
//! Formats: <https://github.com/opencontainers/image-spec> 1.1 (`image-layout.md`, `manifest.md`, `config.md`,
//! `layer.md`), and `docker image save` of Docker 1.10 and newer.

mod archive;
mod blobs;
mod budget;
mod command;
mod error;
mod layer;
mod location;
mod manifest;
#[cfg(test)]
#[expect(dead_code, reason = "shared with the tests of `seccinch gate`, which use more of it")]
mod testing;
#[cfg(test)]
mod tests;
mod tree;
mod unpack;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

pub use budget::Limits;
pub use error::Error;
pub use location::{Kind, Location, LocationError};

use crate::model::Arch;
use blobs::Blobs;
use budget::Budget;
use layer::{Layer, Verify};
use manifest::Settings;
use tree::{Place, Tree};

/// An image whose layers were checked and whose files are known by name.
#[derive(Debug)]
pub struct Image {
    blobs: Blobs,
    settings: Settings,
    layers: Vec<Layer>,
    tree: Tree,
    limits: Limits,
}

impl Image {
    /// Reads the names of all files of the image at `location` for this architecture.
    ///
    /// # Errors
    /// It is not there, damaged, for another architecture, or beyond the limits.
    pub fn open(location: &Location, arch: Arch, limits: Limits) -> Result<Self, Error> {
        let blobs = Blobs::open(location)?;
        let (settings, layers) = manifest::read(&blobs, location, arch)?;
        let mut budget = Budget::new(limits);
        let mut tree = Tree::default();
        for (number, layer) in layers.iter().enumerate() {
            let mut changes = tree.begin_layer();
            layer.walk(&blobs, &mut budget, Verify::Digests, &mut |ordinal, entry, _| {
                changes.take(layer, &Place { layer: number, ordinal, size: entry.size }, entry)?;
                Ok(ControlFlow::Continue(()))
            })?;
            changes.finish();
        }
        Ok(Self { blobs, settings, layers, tree, limits })
    }

    /// What it starts: the entrypoint and its arguments. Empty if it does not say.
    pub fn command(&self) -> &[String] {
        &self.settings.command
    }

    /// The file that a command's first word means in this image, as `execvpe(3)` finds it: its path in the image with
    /// no links in it.
    pub fn find_program(&self, word: &str) -> Option<PathBuf> {
        command::candidates(word, &self.settings).find_map(|path| self.tree.find_file(&path))
    }

    /// The paths of all files with this name, and of links to files.
    pub fn named(&self, name: &str) -> Vec<PathBuf> {
        self.tree.named(name)
    }

    /// Whether a file can be reached by this path.
    pub fn has(&self, path: &Path) -> bool {
        self.tree.find_file(path).is_some()
    }

    /// Writes these files to the same paths below `folder`. What leads to no file is left out.
    pub fn extract(&self, paths: &[PathBuf], folder: &Path) -> Result<(), Error> {
        let mut wanted: BTreeMap<(usize, u64), Vec<PathBuf>> = BTreeMap::new();
        let mut bytes = 0;
        for path in paths {
            let Some(place) = self.tree.find_file(path).and_then(|found| self.tree.place(&found)) else {
                continue;
            };
            bytes += place.size;
            if place.size > self.limits.file || bytes > self.limits.files {
                return Err(Error::FileTooLarge { path: path.clone(), limit: self.limits.file });
            }
            wanted.entry((place.layer, place.ordinal)).or_default().push(below(folder, path));
        }
        let mut budget = Budget::new(self.limits);
        for (number, layer) in self.layers.iter().enumerate() {
            let of_layer = wanted.range((number, 0)..(number + 1, 0));
            let mut left: BTreeMap<u64, &[PathBuf]> =
                of_layer.map(|((_, ordinal), targets)| (*ordinal, targets.as_slice())).collect();
            if left.is_empty() {
                continue;
            }
            layer.walk(&self.blobs, &mut budget, Verify::Nothing, &mut |ordinal, _, content| {
                if let Some(targets) = left.remove(&ordinal) {
                    write(content, targets).map_err(|source| layer.unreadable(source))?;
                }
                Ok(if left.is_empty() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
            })?;
        }
        Ok(())
    }
}

/// The place of a path of the image below a folder. Nothing but names is taken of it.
pub fn below(folder: &Path, path: &Path) -> PathBuf {
    let names = path.components().filter(|part| matches!(part, std::path::Component::Normal(_)));
    folder.join(names.collect::<PathBuf>())
}

fn write(content: &mut dyn io::Read, targets: &[PathBuf]) -> io::Result<()> {
    let [first, others @ ..] = targets else { return Ok(()) };
    let create = |target: &Path| {
        fs::create_dir_all(target.parent().unwrap_or(target))?;
        File::create_new(target)
    };
    io::copy(content, &mut create(first)?)?;
    for other in others {
        io::copy(&mut File::open(first)?, &mut create(other)?)?;
    }
    Ok(())
}
