//! What scans of the programs say of one call.

use serde::Serialize;

use crate::model::{ScanLimits, SyscallNr};
use crate::policy::{Profile, in_words, way};

/// What scans of the programs say of one call.
#[derive(Debug, Serialize)]
pub(super) struct Reachability {
    /// Whether a program can make it; nothing if no scan finds it and not all is known.
    reachable: Option<bool>,
    /// The packages that it is made for.
    packages: Vec<String>,
    /// Whether only options of `os/exec` lead to it.
    optional: bool,
    scanned: Vec<Scanned>,
    /// Programs that were not scanned.
    not_scanned: Vec<String>,
    #[serde(skip)]
    way: Option<String>,
}

/// A program, and what its scan could not find out.
#[derive(Debug, Serialize)]
struct Scanned {
    program: String,
    build: Option<String>,
    unresolved: u64,
    gaps: Vec<String>,
}

impl Reachability {
    /// What is known; nothing of a profile that does not say of which programs it is.
    pub(super) fn of(profile: &Profile, nr: SyscallNr) -> Option<Self> {
        let (reach, builds) = (profile.reach(), &profile.provenance().builds);
        let found = reach.calls().get(&nr);
        let is_impossible = reach.is_whole_for(builds);
        let scanned = reach.scanned().iter().map(|(build, limits)| Scanned {
            program: build.path.clone(),
            build: build.id.clone(),
            unresolved: limits.unresolved,
            gaps: limits.gaps.iter().cloned().collect(),
        });
        let not_scanned = builds.iter().filter(|build| !reach.scanned().contains_key(*build));
        (!builds.is_empty()).then(|| Self {
            reachable: found.map(|_| true).or(is_impossible.then_some(false)),
            packages: found
                .into_iter()
                .flat_map(|reached| &reached.packages)
                .map(ToString::to_string)
                .collect(),
            optional: found.is_some_and(|reached| reached.is_optional),
            scanned: scanned.collect(),
            not_scanned: not_scanned.map(|build| build.path.clone()).collect(),
            way: found.map(way),
        })
    }

    /// The same in one sentence.
    pub(super) fn in_words(&self) -> String {
        if let Some(way) = &self.way {
            return format!("yes, {way}");
        }
        let open = self.scanned.iter().map(|scanned| (scanned, scanned.limits()));
        let open = open.filter(|(_, limits)| !limits.is_whole());
        let open =
            open.map(|(scanned, limits)| format!("that of {} has {}", scanned.program, in_words(&limits)));
        let unscanned = (!self.not_scanned.is_empty())
            .then(|| format!("{} not scanned (profile build --binary FILE)", were(&self.not_scanned)));
        let caveats: Vec<String> = open.chain(unscanned).collect();
        match (self.scanned.is_empty(), caveats.is_empty()) {
            (true, _) => {
                "not known, as no program was scanned: build the profile with --binary FILE".to_owned()
            }
            (false, true) => "no: no scan finds it".to_owned(),
            (false, false) => format!("no scan finds it, but {}", caveats.join("; ")),
        }
    }
}

impl Scanned {
    fn limits(&self) -> ScanLimits {
        ScanLimits { unresolved: self.unresolved, gaps: self.gaps.iter().cloned().collect() }
    }
}

fn were(programs: &[String]) -> String {
    let verb = if programs.len() == 1 { "was" } else { "were" };
    format!("{} {verb}", programs.join(", "))
}
