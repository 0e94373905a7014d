//! Where a profile comes from, so that another host or build can be told from it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::Digest;
use super::floor::{NoNewPrivileges, Runtime};
use crate::model::Build;

/// Where a profile comes from. Sets, because one profile may unite many recordings.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Provenance {
    /// The versions of seccinch that recorded and built.
    pub seccinch: BTreeSet<String>,
    /// The kernels that were recorded on.
    pub kernels: BTreeSet<String>,
    /// Their clock sources, which decide whether the vDSO answers.
    pub clock_sources: BTreeSet<String>,
    /// What will start the program.
    pub launches: BTreeSet<Launch>,
    /// The binaries that were recorded.
    pub builds: BTreeSet<BuildStamp>,
    /// The version of each floor that took part.
    pub floors: BTreeMap<String, String>,
    /// The files that it was made of.
    pub inputs: BTreeSet<Digest>,
}

/// How a program is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Launch {
    /// What loads the filter; nothing where the program is only executed under it.
    pub runtime: Option<Runtime>,
    /// Whether it runs with `no_new_privs`.
    pub no_new_privileges: NoNewPrivileges,
}

/// One recorded binary.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct BuildStamp {
    /// Its path.
    pub path: String,
    /// Its build id.
    pub id: Option<String>,
    /// Its Go toolchain, as it names itself.
    pub go: Option<String>,
}

/// Every runtime with its name in files and arguments.
const RUNTIMES: [(Runtime, &str); 3] =
    [(Runtime::Runc, "runc"), (Runtime::Crun, "crun"), (Runtime::Systemd, "systemd")];

impl Launch {
    /// The name of its runtime; `none` where there is none.
    pub fn runtime_name(self) -> &'static str {
        let named = RUNTIMES.iter().find(|(runtime, _)| Some(*runtime) == self.runtime);
        named.map_or("none", |(_, name)| name)
    }

    /// The launch with this runtime, or nothing if there is no such runtime.
    pub fn from_name(runtime: &str, no_new_privileges: NoNewPrivileges) -> Option<Self> {
        let named = RUNTIMES.iter().find(|(_, name)| *name == runtime);
        let runtime = match named {
            Some((runtime, _)) => Some(*runtime),
            None if runtime == "none" => None,
            None => return None,
        };
        Some(Self { runtime, no_new_privileges })
    }
}

impl fmt::Display for Launch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let without = if self.no_new_privileges == NoNewPrivileges::Set { "" } else { "out" };
        write!(f, "{} with{without} no_new_privs", self.runtime_name())
    }
}

impl From<&Build> for BuildStamp {
    fn from(build: &Build) -> Self {
        let go = build.go.as_ref().map(|go| go.toolchain.clone());
        Self { path: build.path.clone(), id: build.id.clone(), go }
    }
}

impl Provenance {
    /// Takes in where another profile comes from.
    pub fn extend(&mut self, other: &Self) {
        self.seccinch.extend(other.seccinch.iter().cloned());
        self.kernels.extend(other.kernels.iter().cloned());
        self.clock_sources.extend(other.clock_sources.iter().cloned());
        self.launches.extend(&other.launches);
        self.builds.extend(other.builds.iter().cloned());
        self.floors.extend(other.floors.clone());
        self.inputs.extend(&other.inputs);
    }
}
