//! Binaries of recorded programs: what their code could call goes to what they were seen to call.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::app::scan;
use crate::files::ReadError;
use crate::golang;
use crate::model::{Build, Observations, RoleObservations};

/// Binaries, and the folder in which their libraries lie.
#[derive(Debug, Clone)]
pub struct Binaries {
    /// The executables.
    pub paths: Vec<PathBuf>,
    /// What is their root.
    pub sysroot: PathBuf,
}

/// Why a binary does not tell what recorded programs could call.
#[derive(Debug, thiserror::Error)]
pub enum BinaryError {
    /// It can't be scanned.
    #[error(transparent)]
    Scan(#[from] scan::Error),
    /// It can't be read again.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// It is not what was recorded.
    #[error(
        "{} ({build}) is none of the programs that were recorded, which are {recorded}: name the file that ran then, \
         or record this one", path.display()
    )]
    Unrecorded {
        /// The file.
        path: PathBuf,
        /// Its build.
        build: String,
        /// The programs of the recordings.
        recorded: String,
    },
}

impl Binaries {
    /// Scans each binary, and tells every recorded program of the same build what it could call.
    ///
    /// # Errors
    /// A binary can't be scanned, or its build is in none of the recordings.
    pub fn scan_into(&self, mut recordings: Vec<&mut Observations>) -> Result<(), BinaryError> {
        for path in &self.paths {
            let reachable = Arc::new(scan::scan(path, &self.sysroot)?.reachable());
            let build = build(path)?;
            let roles = recordings.iter_mut().flat_map(|observations| &mut observations.roles);
            let mut is_recorded = false;
            for role in roles.filter(|role| is_same(&role.build, &build)) {
                role.reachable = Some(Arc::clone(&reachable));
                is_recorded = true;
            }
            if !is_recorded {
                let recorded = recordings.iter().flat_map(|observations| &observations.roles);
                return Err(unrecorded(path, &build, recorded));
            }
        }
        Ok(())
    }
}

fn build(path: &Path) -> Result<Build, ReadError> {
    let bytes = scan::mapped(path)?;
    Ok(golang::inspect(path.display().to_string(), &*bytes).unwrap_or_default())
}

/// Whether both are one build: by their ids, or by all that Go says of them where neither has one.
fn is_same(recorded: &Build, binary: &Build) -> bool {
    match (&recorded.id, &binary.id) {
        (None, None) => recorded.go.is_some() && recorded.go == binary.go,
        (recorded, binary) => recorded == binary,
    }
}

fn unrecorded<'a>(
    path: &Path,
    build: &Build,
    recorded: impl Iterator<Item = &'a RoleObservations>,
) -> BinaryError {
    let mut programs: Vec<String> =
        recorded.map(|role| format!("{} ({})", role.build.path, id(&role.build))).collect();
    programs.sort_unstable();
    programs.dedup();
    BinaryError::Unrecorded { path: path.to_owned(), build: id(build), recorded: programs.join(", ") }
}

/// As much of a build id as tells builds apart: Go's have 83 characters.
fn id(build: &Build) -> String {
    const ENOUGH: usize = 16;
    match &build.id {
        None => "without a build id".to_owned(),
        Some(id) if id.chars().count() > ENOUGH => {
            format!("build {}…", id.chars().take(ENOUGH).collect::<String>())
        }
        Some(id) => format!("build {id}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::testing::go_build;

    /// Check that a build is told by its id alone if it has one, and by what Go says if it has none.
    #[test]
    fn builds_are_told_by_their_ids() {
        let with = |path: &str, id: Option<&str>| Build {
            path: path.into(),
            id: id.map(Into::into),
            ..go_build("")
        };
        assert!(is_same(&with("/a", Some("1")), &with("/b", Some("1"))));
        assert!(!is_same(&with("/a", Some("1")), &with("/a", Some("2"))));
        assert!(!is_same(&with("/a", Some("1")), &with("/a", None)));
        assert!(is_same(&with("/a", None), &with("/b", None)));
        assert!(!is_same(&Build::default(), &Build::default()), "nothing is known of either");
    }
}
