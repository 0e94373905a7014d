//! A workload's profiles as they followed one another: each a numbered folder that never changes.
//!
//! In: a profile, whenever it may have changed. Out: a new folder if what a runtime reads did change, there
//! whole or not at all, with the reasons for each change. Old ones beyond the bound go. `docs/state.md` has the
//! files.

mod error;
mod format;
mod learned;
mod read;
#[cfg(test)]
mod tests;
mod view;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use error::{GenerationsError, UnreadableError};
pub use learned::{LearnedError, learned_profile};

use crate::emit::{self, Engine, Logging};
use crate::export::view::{GenerationView, RuleAction, tiers};
use crate::files::{NewFolder, create_folder, remove_folder, remove_unfinished, to_json};
use crate::model::Timestamp;
use crate::policy::{Digest, Profile, file};
use format::{ChangesFile, GenerationFile, PROVENANCE};

/// What a runtime reads: OCI.
pub const SECCOMP_NAME: &str = "seccomp.json";
/// A unit's drop-in.
pub const SYSTEMD_NAME: &str = "systemd.conf";
/// Our own format, with the reasons.
pub const PROFILE_NAME: &str = "profile.json";
/// Where it comes from.
pub const PROVENANCE_NAME: &str = "provenance.json";
/// What changed, and why.
pub const CHANGES_NAME: &str = "changes.json";

/// The generations of one workload.
#[derive(Debug)]
pub struct Generations {
    folder: PathBuf,
    keep: usize,
    /// Those on disk, by number, with the digest of what runtimes read; nothing for one that can't be read.
    kept: BTreeMap<u64, Option<Digest>>,
    newest: Option<Arc<GenerationView>>,
    problem: Option<UnreadableError>,
}

impl Generations {
    /// The generations in a folder, which need not be there yet. `keep` of them are kept, at least one.
    pub fn open(folder: PathBuf, keep: usize) -> Result<Self, GenerationsError> {
        if folder.exists() {
            remove_unfinished(&folder, |name| number(name).is_some())?;
        }
        let mut generations =
            Self { keep: keep.max(1), kept: BTreeMap::new(), newest: None, problem: None, folder };
        generations.list()?;
        if let Some(number) = generations.last() {
            match read::view(number, &path(&generations.folder, number)) {
                Ok(view) => generations.newest = Some(Arc::new(view)),
                Err(error) => generations.problem = Some(read::unless_newer(error)?),
            }
        }
        Ok(generations)
    }

    /// Makes a new generation if what a runtime would read is not what it reads in the newest one. If only
    /// removing old ones fails, the new one is there, and [`Self::newest`] has it.
    pub fn update(
        &mut self,
        profile: &Profile,
        now: Timestamp,
    ) -> Result<Option<&GenerationView>, GenerationsError> {
        let oci = emit::oci(profile, Engine::Any, Logging::Kernel)?;
        let digest = Digest::of(&oci);
        let on_disk = self.kept.last_key_value().and_then(|(_, digest)| *digest);
        if on_disk == Some(digest)
            && let Some(newest) = &mut self.newest
        {
            view::has_tiers(newest, tiers(profile));
            return Ok(None);
        }
        self.list()?;
        let number = self.last().unwrap_or_default() + 1;
        let changes = ChangesFile::new(number, self.previous()?.as_ref(), profile);
        let stamp = stamp(number, digest, profile, now);
        create_folder(&self.folder)?;
        let new = NewFolder::begin(&path(&self.folder, number))?;
        new.write(SECCOMP_NAME, &oci)?;
        new.write(PROFILE_NAME, &file::render(profile)?)?;
        new.write(PROVENANCE_NAME, &to_json(&stamp.0)?)?;
        new.write(CHANGES_NAME, &to_json(&changes)?)?;
        if let Some(systemd) = stamp.1 {
            new.write(SYSTEMD_NAME, &systemd)?;
        }
        new.finish()?;
        self.kept.insert(number, Some(digest));
        self.newest = Some(Arc::new(GenerationView {
            number,
            sha256: digest.to_string(),
            time: now,
            folder: path(&self.folder, number),
            default: profile.default_action(),
            rules: RuleAction::of(profile),
            added: view::names(changes.added.into_iter().map(|change| change.syscall)),
            removed: view::names(changes.removed.into_iter().map(|change| change.syscall)),
            tiers: tiers(profile),
        }));
        self.problem = None;
        self.prune()?;
        Ok(self.newest.as_deref())
    }

    /// The newest generation that can be read.
    pub const fn newest(&self) -> Option<&Arc<GenerationView>> {
        self.newest.as_ref()
    }

    /// The OCI file of every generation that is kept, by the SHA-256 of its bytes.
    pub fn profiles(&self) -> impl Iterator<Item = (String, PathBuf)> + '_ {
        let readable = self.kept.iter().filter_map(|(number, digest)| Some((number, (*digest)?)));
        readable.map(|(number, digest)| (digest.to_string(), path(&self.folder, *number).join(SECCOMP_NAME)))
    }

    /// What is wrong with the newest generation on disk, until there is a newer one.
    pub const fn problem(&self) -> Option<&UnreadableError> {
        self.problem.as_ref()
    }

    /// Other bounds, after a reload; they hold from the next generation on.
    pub fn set_keep(&mut self, keep: usize) {
        self.keep = keep.max(1);
    }

    /// Looks at what is on disk: a generation whose making failed after it was in its place is there too.
    fn list(&mut self) -> Result<(), GenerationsError> {
        let numbers = numbers(&self.folder)
            .map_err(|source| GenerationsError::List { folder: self.folder.clone(), source })?;
        for number in numbers {
            let folder = &self.folder;
            self.kept.entry(number).or_insert_with(|| read::digest(&path(folder, number)).ok());
        }
        Ok(())
    }

    fn last(&self) -> Option<u64> {
        self.kept.last_key_value().map(|(number, _)| *number)
    }

    /// The profile that the next one is compared with. It is read again and not kept: changes are rare, and
    /// profiles with all their reasons are large.
    fn previous(&self) -> Result<Option<(u64, Profile)>, GenerationsError> {
        let Some(number) = self.last() else { return Ok(None) };
        match read::profile(&path(&self.folder, number)) {
            Ok(profile) => Ok(Some((number, profile))),
            Err(error) => read::unless_newer(error).map(|_| None),
        }
    }

    fn prune(&mut self) -> Result<(), GenerationsError> {
        while self.kept.len() > self.keep {
            let Some((oldest, _)) = self.kept.first_key_value() else { return Ok(()) };
            let oldest = *oldest;
            remove_folder(&path(&self.folder, oldest))?;
            self.kept.remove(&oldest);
        }
        Ok(())
    }
}

/// What is said of a new generation, and its drop-in if it has one.
fn stamp(
    number: u64,
    digest: Digest,
    profile: &Profile,
    now: Timestamp,
) -> (GenerationFile, Option<Vec<u8>>) {
    let systemd = emit::systemd(profile);
    let why = systemd.as_ref().err().map(|error| (SYSTEMD_NAME.to_owned(), error.to_string()));
    let file = GenerationFile {
        format: PROVENANCE.format.to_owned(),
        version: PROVENANCE.version,
        generation: number,
        time: now.to_string(),
        sha256: digest.to_string(),
        notes: profile.notes().iter().map(|note| note.0.clone()).collect(),
        left_out: why.into_iter().collect(),
        provenance: file::provenance(profile.provenance()),
    };
    (file, systemd.ok())
}

fn path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:04}"))
}

/// The number that a folder's name says, written as [`path`] does.
fn number(name: &str) -> Option<u64> {
    let number = name.parse().ok()?;
    (format!("{number:04}") == name && number > 0).then_some(number)
}

fn numbers(folder: &Path) -> io::Result<Vec<u64>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut numbers = Vec::new();
    for entry in entries {
        numbers.extend(entry?.file_name().to_str().and_then(number));
    }
    Ok(numbers)
}
