//! Which floors a profile stands on: by the programs that teach it, and by what may start them.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Arch, GoVersion, Role, RoleObservations};
use crate::policy::floor::{self, FloorEntry, FloorError};
use crate::policy::{Entered, Launch};

/// A Go program that does not say its release may be any: it gets the floors of the oldest that is known and
/// of the newest.
const UNKNOWN_RELEASE: [GoVersion; 2] =
    [GoVersion { major: 1, minor: 18 }, GoVersion { major: 1, minor: u16::MAX }];

/// The Go releases of all programs that teach the profile; nothing for one that is not Go.
pub(in crate::app) fn releases<'a>(
    roles: impl Iterator<Item = &'a RoleObservations>,
    entered: Entered,
) -> BTreeSet<Option<GoVersion>> {
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

/// The floors for every release under every launch, each entry once.
pub(in crate::app) fn floors(
    arch: Arch,
    releases: &BTreeSet<Option<GoVersion>>,
    launches: &[Launch],
) -> Result<Vec<FloorEntry>, FloorError> {
    let mut entries = BTreeSet::new();
    for launch in launches {
        for release in releases {
            entries.extend(floor::floor(arch, *release, launch.runtime, launch.no_new_privileges)?);
        }
    }
    Ok(entries.into_iter().collect())
}

/// The version of each floor, by its name.
pub(in crate::app) fn versions() -> Result<BTreeMap<String, String>, FloorError> {
    Ok(floor::versions()?.into_iter().map(|(floor, version)| (floor.to_string(), version)).collect())
}
