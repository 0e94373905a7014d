//! `seccinch gate`: before a program is deployed, what its Go code can ask of the kernel and its profile refuses.
//!
//! In: a program, alone or in an image, and a profile; what the build could call that the profile was learned from. Out:
//! the calls that will fail, those that this build is the first to reach before the others, and whether they are to stop
//! the deployment.

mod error;
mod judge;
mod program;
mod report;
mod sarif;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

pub use error::GateError;
pub use report::GateReport;

use crate::app::profile::{self, Loaded};
use crate::app::scan::{self, Side};
use crate::files::Input;
use crate::image::Location;
use judge::{Known, Source};

/// What is asked for.
#[derive(Debug, Clone)]
pub struct GateRequest {
    /// The program.
    pub subject: Subject,
    /// The profile that it will run under.
    pub profile: Input,
    /// The build that runs under it today, and the folder that is its root.
    pub against: Option<(PathBuf, PathBuf)>,
    /// What stops a deployment, if that was said.
    pub fail_on: Option<FailOn>,
}

/// Where the program is.
#[derive(Debug, Clone)]
pub enum Subject {
    /// A file.
    Binary {
        /// Its path.
        path: PathBuf,
        /// The folder that is its root.
        sysroot: PathBuf,
    },
    /// In an image.
    Image {
        /// The image.
        location: Location,
        /// The program, where the image starts it by another.
        entrypoint: Option<String>,
    },
}

/// What stops a deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailOn {
    /// A refused call that the old build could not make.
    NewlyReachable,
    /// Any refused call, and any that can't be told.
    Any,
}

impl FailOn {
    /// Its name on the command line and in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NewlyReachable => "newly-reachable",
            Self::Any => "any",
        }
    }
}

/// Judges a program by a profile.
///
/// # Errors
/// One of the inputs can't be used, or nothing tells which calls are new although that was asked for.
pub fn gate(request: &GateRequest) -> Result<GateReport, GateError> {
    let Loaded { input, profile, .. } = profile::load(&request.profile)?;
    let known = match &request.against {
        Some((path, sysroot)) => {
            let scan = scan::scan(path, sysroot)?;
            let side = Side::new(&path.display().to_string(), &scan);
            Some(Known { calls: scan.reachable().syscalls, source: Source::Binary(side) })
        }
        None => Known::of(&profile),
    };
    let fail_on = match (request.fail_on, &known) {
        (Some(FailOn::NewlyReachable), None) => return Err(GateError::Untold(input)),
        (Some(fail_on), _) => fail_on,
        (None, Some(_)) => FailOn::NewlyReachable,
        // Nobody who asks for a check is served by one that can't find anything.
        (None, None) => FailOn::Any,
    };
    let program = program::scan(&request.subject, profile.arch())?;
    if program.scan.arch != profile.arch() {
        let (of_program, of_profile) = (program.scan.arch, profile.arch());
        return Err(GateError::Architectures { program: of_program, profile: input, of_profile });
    }
    let judgement = judge::judge(&program.scan, &profile, known.as_ref());
    Ok(GateReport::new(program, &input, &profile, known, fail_on, judgement))
}
