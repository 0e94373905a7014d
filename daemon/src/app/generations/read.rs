//! Reading generations back.

use std::path::Path;

use serde::de::DeserializeOwned;

use super::error::{GenerationsError, UnreadableError};
use super::format::{CHANGES, ChangeFile, ChangesFile, GenerationFile, PROVENANCE};
use super::view::names;
use super::{CHANGES_NAME, PROFILE_NAME, PROVENANCE_NAME, SECCOMP_NAME};
use crate::export::view::{GenerationView, RuleAction, tiers};
use crate::files::{Document, DocumentError, Input, check_document};
use crate::model::Timestamp;
use crate::policy::file::{self, ProfileFileError};
use crate::policy::{Digest, Profile};

/// Reads the profile of a generation.
pub(super) fn profile(folder: &Path) -> Result<Profile, UnreadableError> {
    let path = folder.join(PROFILE_NAME);
    let bytes = Input::File(path.clone()).read()?;
    file::parse(&bytes).map_err(|source| match source {
        ProfileFileError::Document(source) => UnreadableError::Document { path, source },
        source => UnreadableError::Profile { path, source },
    })
}

/// The digest of the file that runtimes read.
pub(super) fn digest(folder: &Path) -> Result<Digest, UnreadableError> {
    Ok(Digest::of(&Input::File(folder.join(SECCOMP_NAME)).read()?))
}

/// Everything that is shown of a generation.
pub(super) fn view(number: u64, folder: &Path) -> Result<GenerationView, UnreadableError> {
    let generation: GenerationFile = document(&folder.join(PROVENANCE_NAME), PROVENANCE)?;
    let changes: ChangesFile = document(&folder.join(CHANGES_NAME), CHANGES)?;
    let time = Timestamp::from_rfc3339(&generation.time);
    let time = time.ok_or_else(|| UnreadableError::Time { path: folder.join(PROVENANCE_NAME) })?;
    let of = |changes: &[ChangeFile]| names(changes.iter().map(|change| change.syscall.clone()));
    let profile = profile(folder)?;
    Ok(GenerationView {
        number,
        sha256: digest(folder)?.to_string(),
        time,
        folder: folder.to_owned(),
        default: profile.default_action(),
        rules: RuleAction::of(&profile),
        added: of(&changes.added),
        removed: of(&changes.removed),
        tiers: tiers(&profile),
    })
}

/// What is unreadable stops nothing, but a newer version's file does.
pub(super) fn unless_newer(error: UnreadableError) -> Result<UnreadableError, GenerationsError> {
    match error {
        UnreadableError::Document { path, source: source @ DocumentError::Newer { .. } } => {
            Err(GenerationsError::Newer { path, source })
        }
        other => Ok(other),
    }
}

fn document<T: DeserializeOwned>(path: &Path, expected: Document) -> Result<T, UnreadableError> {
    let bytes = Input::File(path.to_owned()).read()?;
    let path = path.to_owned();
    check_document(&bytes, expected)
        .map_err(|source| UnreadableError::Document { path: path.clone(), source })?;
    serde_json::from_slice(&bytes).map_err(|source| UnreadableError::Invalid { path, source })
}
