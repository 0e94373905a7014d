//! `seccinch profile build`: observation files to a profile.

use std::collections::BTreeSet;

use super::ProfileCommandError;
use crate::files::Input;
use crate::learn::file as observations;
use crate::model::{Arch, GoVersion, Observations, Role};
use crate::policy::floor::{self, FloorEntry};
use crate::policy::{self, Clone3, DefaultAction, Digest, Entered, Launch, Narrowing, Options, Profile};

/// What is asked for.
#[derive(Debug, Clone)]
pub struct BuildRequest {
    /// The observation files.
    pub inputs: Vec<Input>,
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
    let versions = floor::versions()?.into_iter().map(|(floor, version)| (floor.to_string(), version));
    let options = Options {
        default: request.default,
        entered: request.entered,
        narrowing: request.narrowing.clone(),
        clone3: request.clone3,
        launches: request.launches.clone(),
        floor_versions: versions.collect(),
        seccinch: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let inputs: Vec<_> = recordings
        .iter()
        .map(|(observations, digest)| policy::Input { observations, digest: *digest })
        .collect();
    let floors = match recordings.first() {
        Some((first, _)) => {
            floors(first.host.arch, &releases(&recordings, request.entered), &request.launches)?
        }
        None => Vec::new(),
    };
    Ok(policy::build(&inputs, &floors, &options)?)
}

fn recording(input: &Input) -> Result<(Observations, Digest), ProfileCommandError> {
    let bytes = input.read()?;
    let parsed = observations::parse(&bytes);
    let observations = parsed
        .map_err(|source| observations::ObservationsReadError::Parse { input: input.clone(), source })?;
    Ok((observations, Digest::of(&bytes)))
}

/// The Go releases of all programs that teach the profile; nothing for one that is not Go.
fn releases(recordings: &[(Observations, Digest)], entered: Entered) -> BTreeSet<Option<GoVersion>> {
    let roles = recordings.iter().flat_map(|(observations, _)| &observations.roles);
    let counted = roles.filter(|role| entered == Entered::Included || !matches!(role.role, Role::Entered(_)));
    counted
        .flat_map(|role| match &role.build.go {
            None => vec![None],
            Some(go) => {
                go.version().map_or(UNKNOWN_RELEASE.map(Some).to_vec(), |version| vec![Some(version)])
            }
        })
        .collect()
}

/// A Go program that does not say its release may be any: it gets the floors of the oldest that is known and
/// of the newest.
const UNKNOWN_RELEASE: [GoVersion; 2] =
    [GoVersion { major: 1, minor: 18 }, GoVersion { major: 1, minor: u16::MAX }];

/// The floors for every release under every launch, each entry once.
pub(super) fn floors(
    arch: Arch,
    releases: &BTreeSet<Option<GoVersion>>,
    launches: &[Launch],
) -> Result<Vec<FloorEntry>, ProfileCommandError> {
    let mut entries = BTreeSet::new();
    for launch in launches {
        for release in releases {
            entries.extend(floor::floor(arch, *release, launch.runtime, launch.no_new_privileges)?);
        }
    }
    Ok(entries.into_iter().collect())
}
