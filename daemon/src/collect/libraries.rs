//! The shared libraries of a program, in the root that it sees: opened here, read by whoever asks.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::files::Root;
use crate::golang::scan::folders::{self, Linker};
use crate::golang::scan::libraries::{Found, Needs, Search};

/// A file of the dynamic linker's configuration, and names in a folder of such files.
const MOST_CONFIGURATION_BYTES: u64 = 1 << 16;
const MOST_CONFIGURATION_NAMES: usize = 1024;

/// Finds everything that a program loads which lies in the folder `origin` of its root: at most `most` files. `open` says
/// what is kept of a file, and `needs` what that needs in turn. Without a root nothing is found.
pub fn find_libraries<F>(
    root: Option<&Root>,
    program: &Needs,
    origin: Option<&Path>,
    most: usize,
    mut open: impl FnMut(File) -> Option<F>,
    needs: impl FnMut(&F) -> Option<Needs>,
) -> Vec<Found<F>> {
    let linker = program.linkage.interpreter.as_deref().map_or(Linker::Glibc, Linker::of);
    let text = |path: &Path| text(root?.open(path).ok()?);
    let names = |path: &Path| {
        let names = root.and_then(|root| root.names(path, MOST_CONFIGURATION_NAMES).ok());
        names.into_iter().flatten().filter_map(|name| name.into_string().ok()).collect()
    };
    let system = folders::of_system(linker, text, names);
    Search { program, origin, system: &system, most }.find(|path| open(root?.open(path).ok()?), needs)
}

/// A text, if it is as short as it has to be.
fn text(file: File) -> Option<String> {
    let mut text = String::new();
    file.take(MOST_CONFIGURATION_BYTES + 1).read_to_string(&mut text).ok()?;
    (text.len() as u64 <= MOST_CONFIGURATION_BYTES).then_some(text)
}
