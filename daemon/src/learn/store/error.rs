//! What can go wrong with the state folder.

use std::io;
use std::path::{Path, PathBuf};

use crate::files::{ReadError, WriteError};
use crate::learn::baseline_file::BaselineFileError;
use crate::model::{Arch, WorkloadId};

/// Why the state folder can't be used, or a workload can't be stored.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It can't be made.
    #[error("cannot use {} as state folder: {}", root.display(), advice(.source))]
    Folder {
        /// The folder.
        root: PathBuf,
        /// The system's reason.
        #[source]
        source: WriteError,
    },
    /// It can't be listed.
    #[error("cannot list the state folder {}: is it the daemon's own?", root.display())]
    List {
        /// The folder.
        root: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// Its lock can't be made.
    #[error("cannot lock {}: give the daemon write access there, or set `state` to another folder", path.display())]
    Lock {
        /// The lock's file.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// Another daemon has it.
    #[error(
        "the state folder {} is in use by {}: stop that daemon first, or set `state` to another folder",
        root.display(),
        process(*holder)
    )]
    InUse {
        /// The folder.
        root: PathBuf,
        /// The process that holds it, if it says so.
        holder: Option<u32>,
    },
    /// A workload's file must be left alone.
    #[error("{workload} is not stored: its file in {} is left as it is; move that folder away to begin anew", folder.display())]
    Frozen {
        /// Whose.
        workload: Box<WorkloadId>,
        /// Where.
        folder: PathBuf,
    },
    /// There are as many workloads as are kept.
    #[error("{workload} is not stored: there are {most} workloads already; raise `limits.max_workloads`")]
    TooMany {
        /// Whose.
        workload: Box<WorkloadId>,
        /// The bound.
        most: usize,
    },
    /// It could not be written.
    #[error(
        "cannot store what was learned of {workload}; it is kept in memory and stored later: {}",
        advice(.source)
    )]
    Save {
        /// Whose.
        workload: Box<WorkloadId>,
        /// The system's reason.
        #[source]
        source: WriteError,
    },
    /// The folder of a forgotten workload stays.
    #[error("cannot remove the folder of {workload}, which was not alive for long: {}", advice(.source))]
    Forget {
        /// Whose.
        workload: Box<WorkloadId>,
        /// The system's reason.
        #[source]
        source: WriteError,
    },
}

impl StoreError {
    pub(super) fn folder(root: &Path, source: WriteError) -> Self {
        Self::Folder { root: root.to_owned(), source }
    }

    pub(super) fn save(workload: &WorkloadId, source: WriteError) -> Self {
        Self::Save { workload: Box::new(workload.clone()), source }
    }
}

/// Something in the state folder that can't be used. The rest is.
#[derive(Debug, thiserror::Error)]
pub enum StoreProblem {
    /// A folder that no workload has.
    #[error("{} is the folder of no workload, and is left alone: move it away", .0.display())]
    Stranger(PathBuf),
    /// The file of a workload that can't be used, and is left as it is.
    #[error("{} is left as it is, and nothing is stored for {workload} until it is moved away or can be read", path.display())]
    Frozen {
        /// Whose.
        workload: WorkloadId,
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: UnusableError,
    },
    /// A broken file that was put aside.
    #[error("{workload} is learned anew: what was stored can't be read, and is kept as {}", kept.display())]
    Unreadable {
        /// Whose.
        workload: WorkloadId,
        /// Where it is now.
        kept: PathBuf,
        /// Why.
        #[source]
        source: UnusableError,
    },
    /// What a killed daemon left could not be removed.
    #[error("cannot tidy up {}", .0.display())]
    Leftover(PathBuf, #[source] io::Error),
}

/// Why a workload's file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum UnusableError {
    /// It can't be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// It is no baseline, or a newer one.
    #[error(transparent)]
    File(#[from] BaselineFileError),
    /// It is another workload's.
    #[error("it is the baseline of {0}")]
    Other(WorkloadId),
    /// It was learned with another table of system calls.
    #[error("it was learned on {}", .0.name())]
    Arch(Arch),
    /// It is broken, and could not be put aside.
    #[error("it can't be read, nor put aside")]
    Aside(#[source] io::Error),
}

impl StoreProblem {
    /// The workload that it concerns, if any.
    pub const fn workload(&self) -> Option<&WorkloadId> {
        match self {
            Self::Frozen { workload, .. } | Self::Unreadable { workload, .. } => Some(workload),
            Self::Stranger(_) | Self::Leftover(..) => None,
        }
    }
}

fn process(holder: Option<u32>) -> String {
    holder.map_or("another process".to_owned(), |id| format!("process {id}"))
}

/// What to do about it.
fn advice(error: &WriteError) -> &'static str {
    let (WriteError::Create { source, .. } | WriteError::Full { source, .. } | WriteError::Io { source, .. }) =
        error
    else {
        return "this is a fault of seccinch";
    };
    match source.kind() {
        io::ErrorKind::StorageFull => "free some room there",
        io::ErrorKind::QuotaExceeded => "raise the quota, or free some room there",
        io::ErrorKind::ReadOnlyFilesystem => {
            "it is read-only: remount it, let the unit write there (`StateDirectory=`, `ReadWritePaths=`), or set \
             `state` to another folder"
        }
        io::ErrorKind::PermissionDenied => {
            "give the daemon write access there, or set `state` to another folder"
        }
        _ => "look at what the system says",
    }
}
