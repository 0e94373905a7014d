//! `seccinch profile build`: observation files to a profile.

use std::collections::BTreeMap;

use super::floors::{floors, releases, versions};
use super::{Binaries, ProfileCommandError};
use crate::files::Input;
use crate::learn::file as observations;
use crate::model::Observations;
use crate::policy::{
    self, Clone3, DefaultAction, Digest, Entered, Launch, Narrowing, Options, Profile, Stage, lockdown,
};

/// What is asked for.
#[derive(Debug, Clone)]
pub struct BuildRequest {
    /// The observation files.
    pub inputs: Vec<Input>,
    /// The binaries that were recorded, to be scanned.
    pub binaries: Binaries,
    /// How strict the profile is.
    pub stage: Stage,
    /// What happens to everything else.
    pub default: DefaultAction,
    /// Whether programs from outside count.
    pub entered: Entered,
    /// Which calls are narrowed by their arguments.
    pub narrowing: Narrowing,
    /// What becomes of `clone3`.
    pub clone3: Clone3,
    /// How the program will be started.
    pub launches: Vec<Launch>,
}

/// Reads the files and makes one profile of them all.
pub fn build(request: &BuildRequest) -> Result<Profile, ProfileCommandError> {
    let mut recordings = Vec::new();
    for input in &request.inputs {
        recordings.push(recording(input)?);
    }
    request.binaries.scan_into(recordings.iter_mut().map(|(observations, _)| observations).collect())?;
    let options = Options {
        default: request.default,
        entered: request.entered,
        narrowing: request.narrowing.clone(),
        clone3: request.clone3,
        restrictions: BTreeMap::new(),
        launches: request.launches.clone(),
        floor_versions: versions()?,
        seccinch: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let inputs: Vec<_> = recordings
        .iter()
        .map(|(observations, digest)| policy::Input { observations, digest: *digest })
        .collect();
    let floors = match recordings.first() {
        Some((first, _)) => {
            let roles = recordings.iter().flat_map(|(observations, _)| &observations.roles);
            floors(first.host.arch, &releases(roles, request.entered), &request.launches)?
        }
        None => Vec::new(),
    };
    let profile = policy::build(&inputs, &floors, &options)?;
    Ok(match request.stage {
        Stage::Enforce => profile,
        Stage::Lockdown(unresolved) => lockdown(&profile, unresolved)?,
    })
}

fn recording(input: &Input) -> Result<(Observations, Digest), ProfileCommandError> {
    let bytes = input.read()?;
    let parsed = observations::parse(&bytes);
    let observations = parsed
        .map_err(|source| observations::ObservationsReadError::Parse { input: input.clone(), source })?;
    Ok((observations, Digest::of(&bytes)))
}
