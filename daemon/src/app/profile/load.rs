//! Profiles of any kind that is read.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::ProfileCommandError;
use super::check::words::reading;
use crate::emit::oci::{self, Remark};
use crate::files::Input;
use crate::learn::file as observations;
use crate::model::Arch;
use crate::policy::{self, DefaultAction, Digest, Note, Profile, file};

/// A profile and the file that it came from.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The file.
    pub input: Input,
    /// The profile.
    pub profile: Profile,
    /// Which kind of file it was.
    pub origin: Origin,
}

/// A kind of profile file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Ours, with reasons and provenance.
    Seccinch,
    /// An OCI or Docker profile, and what is odd about it.
    Oci(BTreeSet<Remark>),
}

#[derive(Deserialize)]
struct Peek {
    format: Option<String>,
    #[serde(rename = "defaultAction")]
    default_action: Option<serde_json::Value>,
}

/// Reads a profile of any kind. Where a file does not say its architecture, it is read for this machine's.
pub fn load(input: &Input) -> Result<Loaded, ProfileCommandError> {
    let bytes = input.read()?;
    let peek: Peek = serde_json::from_slice(&bytes).unwrap_or(Peek { format: None, default_action: None });
    let (profile, origin) = match (peek.format.as_deref(), peek.default_action) {
        (Some(format), _) if format == observations::DOCUMENT.format => {
            return Err(ProfileCommandError::ObservationsGiven(input.clone()));
        }
        (None, Some(_)) => foreign(input, &bytes)?,
        (None, None) if serde_json::from_slice::<serde::de::IgnoredAny>(&bytes).is_ok() => {
            return Err(ProfileCommandError::NoProfile(input.clone()));
        }
        _ => {
            let parsed = file::parse(&bytes);
            let profile =
                parsed.map_err(|source| ProfileCommandError::Profile { input: input.clone(), source })?;
            (profile, Origin::Seccinch)
        }
    };
    Ok(Loaded { input: input.clone(), profile, origin })
}

/// Reads several profiles and unites them.
pub fn merge(inputs: &[Input], default: Option<DefaultAction>) -> Result<Profile, ProfileCommandError> {
    let profiles = inputs.iter().map(|input| Ok(load(input)?.profile));
    Ok(policy::merge(&profiles.collect::<Result<Vec<_>, ProfileCommandError>>()?, default)?)
}

fn foreign(input: &Input, bytes: &[u8]) -> Result<(Profile, Origin), ProfileCommandError> {
    let arch = Arch::NATIVE;
    let read = oci::parse(bytes, arch, &input.to_string())
        .map_err(|source| ProfileCommandError::Oci { input: input.clone(), source })?;
    let mut provenance = read.profile.provenance().clone();
    provenance.inputs.insert(Digest::of(bytes));
    // What is lost by reading goes on with the profile, so that a conversion can't lose it in silence.
    let notes = read.remarks.iter().map(|remark| Note(format!("{input}: {}", reading(remark))));
    let profile = read.profile.with_provenance(provenance).with_notes(notes.collect::<Vec<_>>());
    Ok((profile, Origin::Oci(read.remarks)))
}
