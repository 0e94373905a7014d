//! The names in an image: layers laid over each other, without what upper ones remove.
//!
//! As containerd applies them (`archive/tar.go`, `applyNaive`, 2.1): what a layer removes is removed from the layers
//! below it, whatever the order in the layer; a file takes the place of a folder; and the links that lead to an entry's
//! folder are followed inside the image.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::ops::Bound;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use super::Error;
use super::archive::{Entry, What};
use super::layer::Layer;
use crate::files::follow_links;

/// What a file's name has before it to remove that file (`layer.md`, "Whiteouts").
const WHITEOUT: &[u8] = b".wh.";
/// The file that empties the folder that it is in.
const OPAQUE: &[u8] = b".wh..wh..opq";

/// Where a file's content is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) layer: usize,
    /// The number of the entry in the layer.
    pub(super) ordinal: u64,
    pub(super) size: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Node {
    File(Place),
    Folder,
    Link(PathBuf),
    Other,
}

/// Every name, relative to the root. What is in a folder follows the folder.
#[derive(Debug, Default)]
pub(super) struct Tree {
    nodes: BTreeMap<PathBuf, Node>,
}

/// A layer that is being laid over the tree.
pub(super) struct Changes<'a> {
    tree: &'a mut Tree,
    added: Vec<(PathBuf, Added)>,
}

enum Added {
    Node(Node),
    HardLink(PathBuf),
}

impl Tree {
    pub(super) fn begin_layer(&mut self) -> Changes<'_> {
        Changes { tree: self, added: Vec::new() }
    }

    /// The file that a path leads to, without links.
    pub(super) fn find_file(&self, path: &Path) -> Option<PathBuf> {
        let found = self.resolve(path)?;
        self.place(&found).map(|_| found)
    }

    /// Where the content of a file is, for a path without links.
    pub(super) fn place(&self, path: &Path) -> Option<&Place> {
        match self.nodes.get(path) {
            Some(Node::File(place)) => Some(place),
            _ => None,
        }
    }

    /// The paths of all files with this name, and of links to files.
    pub(super) fn named(&self, name: &str) -> Vec<PathBuf> {
        let named = self.nodes.keys().filter(|path| path.file_name() == Some(OsStr::new(name)));
        named.filter(|path| self.find_file(path).is_some()).cloned().collect()
    }

    fn resolve(&self, path: &Path) -> Option<PathBuf> {
        follow_links(path, |path| match self.nodes.get(path) {
            Some(Node::Link(target)) => Some(target.clone()),
            _ => None,
        })
    }

    /// The path with the links on the way to it followed, but not its last part.
    fn resolve_parent(&self, path: &Path) -> Option<PathBuf> {
        Some(self.resolve(path.parent()?)?.join(path.file_name()?))
    }

    fn remove(&mut self, path: &Path) {
        self.nodes.remove(path);
        self.remove_inside(path);
    }

    fn remove_inside(&mut self, folder: &Path) {
        let behind = self.nodes.range::<Path, _>((Bound::Excluded(folder), Bound::Unbounded));
        let inside: Vec<PathBuf> =
            behind.map(|(path, _)| path).take_while(|path| path.starts_with(folder)).cloned().collect();
        for path in inside {
            self.nodes.remove(&path);
        }
    }

    fn add(&mut self, path: &Path, node: Node) {
        let Some(path) = self.resolve_parent(path) else { return };
        if node != Node::Folder || self.nodes.get(&path) != Some(&Node::Folder) {
            self.remove(&path);
        }
        self.nodes.insert(path, node);
    }
}

impl Changes<'_> {
    /// Takes an entry of the layer.
    pub(super) fn take(&mut self, layer: &Layer, place: &Place, entry: &Entry) -> Result<(), Error> {
        let path = inside(&entry.path)
            .ok_or_else(|| Error::Escape { layer: layer.name(), path: entry.path.clone() })?;
        // The root itself.
        let Some(name) = path.file_name().map(OsStr::as_bytes) else { return Ok(()) };
        if name == OPAQUE {
            let folder = path.parent().unwrap_or(Path::new(""));
            if let Some(folder) = self.tree.resolve(folder) {
                self.tree.remove_inside(&folder);
            }
            return Ok(());
        }
        if let Some(removed) = name.strip_prefix(WHITEOUT) {
            // Those with the prefix twice are notes of AUFS to itself.
            if !removed.starts_with(WHITEOUT)
                && let Some(path) = self.tree.resolve_parent(&path.with_file_name(OsStr::from_bytes(removed)))
            {
                self.tree.remove(&path);
            }
            return Ok(());
        }
        let added = match &entry.what {
            What::File => Added::Node(Node::File(place.clone())),
            What::Folder => Added::Node(Node::Folder),
            What::Link(target) => Added::Node(Node::Link(target.clone())),
            What::HardLink(target) => Added::HardLink(target.clone()),
            What::Other => Added::Node(Node::Other),
        };
        self.added.push((path, added));
        Ok(())
    }

    /// Adds what the layer holds.
    pub(super) fn finish(self) {
        for (path, added) in self.added {
            let node = match added {
                Added::Node(node) => node,
                // What it is another name of has to be there before; what is not is nothing.
                Added::HardLink(target) => {
                    let target = inside(&target).and_then(|target| self.tree.resolve_parent(&target));
                    target.and_then(|target| self.tree.nodes.get(&target).cloned()).unwrap_or(Node::Other)
                }
            };
            self.tree.add(&path, node);
        }
    }
}

/// A path of an archive, relative to the root; nothing if it leads out of it.
fn inside(path: &Path) -> Option<PathBuf> {
    let mut inside = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Normal(part) => inside.push(part),
            Component::RootDir | Component::CurDir => {}
            Component::ParentDir | Component::Prefix(_) => return None,
        }
    }
    Some(inside)
}
