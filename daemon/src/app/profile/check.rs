//! `seccinch profile check`: what is wrong with a profile.

pub(super) mod words;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::host::{Host, HostDifference};
use super::report::wrap;
use super::{Loaded, Origin, ProfileCommandError, Report, load};
use crate::emit;
use crate::emit::oci::{OciError, Remark};
use crate::files::{Input, WriteError, to_json};
use crate::learn::file as observations;
use crate::model::{GoBuild, GoVersion, Observations};
use crate::policy::check::{Finding, denied, lint, unreachable};
use crate::policy::file::ProfileFileError;
use crate::policy::floor::{self, NoNewPrivileges, Runtime};
use crate::policy::{Launch, Profile, ProfileError, Provenance};

/// Everything that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckReport {
    input: Input,
    problems: BTreeSet<Problem>,
}

/// One thing that is wrong, from whichever module knows of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Problem {
    AllowsNothing,
    Rules(Finding),
    Reading(Remark),
    UnknownToLibseccomp(String),
    Host(HostDifference),
    Floor { floor: String, profile: String, here: String },
}

#[derive(Serialize)]
struct Document {
    format: &'static str,
    version: u32,
    profile: String,
    findings: Vec<FindingDocument>,
}

#[derive(Serialize)]
struct FindingDocument {
    code: &'static str,
    syscall: Option<String>,
    message: String,
}

/// Checks a profile of any kind, and that recordings would run under it.
pub fn check(input: &Input, recordings: &[Input], host: &Host) -> Result<CheckReport, ProfileCommandError> {
    let recordings = recordings.iter().map(observations::read).collect::<Result<Vec<Observations>, _>>()?;
    let loaded = match load(input) {
        Ok(loaded) => loaded,
        Err(error) if allows_nothing(&error) => {
            return Ok(CheckReport {
                input: input.clone(),
                problems: BTreeSet::from([Problem::AllowsNothing]),
            });
        }
        Err(error) => return Err(error),
    };
    let mut problems = of_rules(&loaded.profile, &recordings)?;
    if let Origin::Oci(remarks) = &loaded.origin {
        problems.extend(remarks.iter().cloned().map(Problem::Reading));
    }
    problems
        .extend(emit::unknown_to_libseccomp(&loaded.profile).into_iter().map(Problem::UnknownToLibseccomp));
    problems.extend(
        host.differences(loaded.profile.arch(), loaded.profile.provenance()).into_iter().map(Problem::Host),
    );
    problems.extend(floor_versions(&loaded)?);
    Ok(CheckReport { input: input.clone(), problems })
}

fn allows_nothing(error: &ProfileCommandError) -> bool {
    matches!(
        error,
        ProfileCommandError::Oci { source: OciError::Profile(ProfileError::AllowsNothing), .. }
            | ProfileCommandError::Profile {
                source: ProfileFileError::Profile(ProfileError::AllowsNothing),
                ..
            }
    )
}

fn of_rules(
    profile: &Profile,
    recordings: &[Observations],
) -> Result<BTreeSet<Problem>, ProfileCommandError> {
    let floors = super::floors::floors(
        profile.arch(),
        &releases(profile.provenance(), recordings),
        &launches(profile.provenance()),
    )?;
    let refused = recordings.iter().flat_map(|observations| denied(profile, observations));
    let found = lint(profile, &floors).into_iter().chain(refused).chain(unreachable(profile, recordings));
    Ok(found.map(Problem::Rules).collect())
}

/// The Go releases that a profile is for, as far as it or the recordings say.
fn releases(provenance: &Provenance, recordings: &[Observations]) -> BTreeSet<Option<GoVersion>> {
    let stamped = provenance.builds.iter().filter_map(|build| build.go.clone());
    let recorded = recordings.iter().flat_map(|observations| &observations.roles);
    let recorded = recorded.filter_map(|role| role.build.go.as_ref().map(|go| go.toolchain.clone()));
    let release = |toolchain: String| {
        GoBuild { toolchain, path: None, module: None, cgo: None, goroutine_below: None }.version()
    };
    stamped.chain(recorded).map(release).chain([None]).collect()
}

/// How the program is started; a profile that does not say is taken to be for runc.
fn launches(provenance: &Provenance) -> Vec<Launch> {
    let usual = Launch { runtime: Some(Runtime::Runc), no_new_privileges: NoNewPrivileges::Set };
    if provenance.launches.is_empty() { vec![usual] } else { provenance.launches.iter().copied().collect() }
}

/// The floors whose names have changed since the profile was built.
fn floor_versions(loaded: &Loaded) -> Result<Vec<Problem>, ProfileCommandError> {
    let here: BTreeMap<String, String> =
        floor::versions()?.into_iter().map(|(floor, version)| (floor.to_string(), version)).collect();
    let stamped = loaded.profile.provenance().floors.iter();
    let changed = stamped.filter_map(|(floor, profile)| {
        let here = here.get(floor).filter(|here| *here != profile)?;
        Some(Problem::Floor { floor: floor.clone(), profile: profile.clone(), here: here.clone() })
    });
    Ok(changed.collect())
}

impl Report for CheckReport {
    fn text(&self) -> String {
        if self.problems.is_empty() {
            return format!("{}: nothing found\n", self.input);
        }
        let lines = self.problems.iter().map(|problem| wrap("- ", &problem.message()));
        let count = self.problems.len();
        let plural = if count == 1 { "" } else { "s" };
        format!("{}: {count} finding{plural}\n{}", self.input, lines.collect::<String>())
    }

    fn json(&self) -> Result<Vec<u8>, WriteError> {
        let finding = |problem: &Problem| FindingDocument {
            code: problem.code(),
            syscall: problem.syscall().map(str::to_owned),
            message: problem.message(),
        };
        to_json(&Document {
            format: "seccinch.check",
            version: 1,
            profile: self.input.to_string(),
            findings: self.problems.iter().map(finding).collect(),
        })
    }

    fn is_clean(&self) -> bool {
        self.problems.is_empty()
    }
}
