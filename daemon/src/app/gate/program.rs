//! The program that is judged: a file, or the one that an image starts.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::{GateError, Subject};
use crate::app::scan::{self, Side};
use crate::files::read_bounded;
use crate::golang::scan::Scan;
use crate::golang::{self, pclntab};
use crate::image::{Image, Limits, Location, below};
use crate::model::{Arch, Linkage};

/// Programs that start others, by name. A shell's script is a text that nobody can read for certain.
const SHELLS: [&str; 6] = ["sh", "bash", "dash", "ash", "busybox", "zsh"];
/// Files of an image that have the name of one library; a distribution has it once, or twice for two architectures.
const MOST_OF_ONE_NAME: usize = 8;
/// Libraries that are looked for; real Go programs load half a dozen.
const MOST_LIBRARIES: usize = 64;
/// A library is read again to see what it needs.
const MOST_BYTES: u64 = 192 << 20;

/// A program and its scan.
pub(super) struct Program {
    pub(super) side: Side,
    /// The image that it is in.
    pub(super) image: Option<String>,
    pub(super) scan: Scan,
}

/// Scans the program that is meant.
pub(super) fn scan(subject: &Subject, arch: Arch) -> Result<Program, GateError> {
    match subject {
        Subject::Binary { path, sysroot } => {
            let scan = scan::scan(path, sysroot)?;
            Ok(Program { side: Side::new(&path.display().to_string(), &scan), image: None, scan })
        }
        Subject::Image { location, entrypoint } => of_image(location, entrypoint.as_deref(), arch),
    }
}

fn of_image(location: &Location, entrypoint: Option<&str>, arch: Arch) -> Result<Program, GateError> {
    let wrong = |source| GateError::Image { location: location.to_string(), source };
    let image = Image::open(location, arch, Limits::default()).map_err(wrong)?;
    let path = program_path(&image, location, entrypoint)?;
    let folder = TempDir::with_prefix("seccinch-gate-").map_err(GateError::Temporary)?;
    image.extract(std::slice::from_ref(&path), folder.path()).map_err(wrong)?;
    let file = below(folder.path(), &path);
    if let (None, Some(what)) = (entrypoint, not_a_program(&file)) {
        return Err(wrapper(&image, location, &path, what));
    }
    extract_libraries(&image, &file, folder.path()).map_err(wrong)?;
    let scan = scan::scan(&file, folder.path()).map_err(|error| match error {
        scan::Error::Scan { source: golang::scan::Error::Table(pclntab::Error::Missing), .. }
            if entrypoint.is_none() =>
        {
            wrapper(&image, location, &path, "no Go program")
        }
        scan::Error::Scan { source, .. } => {
            GateError::Program { location: location.to_string(), program: rooted(&path), source }
        }
        other => GateError::Scan(other),
    })?;
    let side = Side::new(&rooted(&path).display().to_string(), &scan);
    Ok(Program { side, image: Some(location.to_string()), scan })
}

/// The file in the image that it starts, or the one that was named.
fn program_path(image: &Image, location: &Location, entrypoint: Option<&str>) -> Result<PathBuf, GateError> {
    let first = entrypoint.or_else(|| image.command().first().map(String::as_str));
    let word = first.ok_or_else(|| GateError::NoCommand(location.to_string()))?;
    let missing = || GateError::NoProgram { location: location.to_string(), word: word.to_owned() };
    let path = image.find_program(word).ok_or_else(missing)?;
    let name = word.rsplit('/').next().unwrap_or_default();
    if entrypoint.is_none() && SHELLS.contains(&name) {
        return Err(wrapper(image, location, &path, "a shell"));
    }
    Ok(path)
}

/// What a file is instead of an executable.
fn not_a_program(file: &Path) -> Option<&'static str> {
    let mut head = [0; 4];
    let read = std::fs::File::open(file).and_then(|mut file| std::io::Read::read(&mut file, &mut head));
    match (read, &head) {
        (Ok(4), b"\x7fELF") | (Err(_), _) => None,
        (Ok(_), [b'#', b'!', ..]) => Some("a script"),
        _ => Some("no ELF file"),
    }
}

/// The command can't be followed; a file of the image that it names further on is what is meant, as in `tini -- app`.
fn wrapper(image: &Image, location: &Location, program: &Path, what: &'static str) -> GateError {
    let later = image.command().iter().skip(1).filter(|word| !word.starts_with('-') && !word.contains(' '));
    let hint = later.filter_map(|word| image.find_program(word)).find(|path| path != program);
    GateError::Wrapper {
        location: location.to_string(),
        command: image.command().join(" "),
        program: rooted(program),
        what,
        hint: hint.map_or_else(|| "PATH".to_owned(), |path| rooted(&path).display().to_string()),
    }
}

fn rooted(path: &Path) -> PathBuf {
    Path::new("/").join(path)
}

/// Takes out of the image what the program loads: wherever a file of a name lies that it needs, as the paths along
/// which it will be looked for are decided by who scans.
fn extract_libraries(image: &Image, program: &Path, folder: &Path) -> Result<(), crate::image::Error> {
    let linkage = linkage(program);
    let mut paths: Vec<PathBuf> = linkage.interpreter.iter().map(PathBuf::from).collect();
    let mut needed: BTreeSet<String> = linkage.needed.into_iter().collect();
    let mut known = BTreeSet::new();
    while !needed.is_empty() && known.len() < MOST_LIBRARIES {
        for name in &needed {
            paths.extend(image.named(name).into_iter().take(MOST_OF_ONE_NAME));
        }
        // The interpreter may be needed by its name too.
        paths.retain(|path| !below(folder, path).exists());
        paths.sort();
        paths.dedup();
        image.extract(&paths, folder)?;
        known.append(&mut needed);
        for path in paths.drain(..) {
            needed.extend(self::linkage(&below(folder, &path)).needed);
        }
        needed.retain(|name| !known.contains(name));
    }
    paths.retain(|path| !below(folder, path).exists());
    image.extract(&paths, folder)
}

/// What a file loads; nothing if it can't be told, which the scan says better.
fn linkage(file: &Path) -> Linkage {
    let bytes = read_bounded(file, MOST_BYTES).ok();
    let build = bytes.and_then(|bytes| golang::inspect(String::new(), bytes.as_slice()).ok());
    build.and_then(|build| build.linkage).unwrap_or_default()
}
