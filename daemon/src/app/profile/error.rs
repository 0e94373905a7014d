//! Why a profile command fails.

use super::BinaryError;
use crate::emit::EmitError;
use crate::emit::oci::OciError;
use crate::export::prometheus::PrometheusError;
use crate::files::{Input, ReadError, WriteError};
use crate::learn::file::ObservationsReadError;
use crate::model::Arch;
use crate::policy::file::ProfileFileError;
use crate::policy::floor::FloorError;
use crate::policy::{BuildError, DefaultAction, LockdownError, MergeError, NarrowingError};
use crate::syscalls::UnknownSyscall;

/// Why a profile command fails.
#[derive(Debug, thiserror::Error)]
pub enum ProfileCommandError {
    /// An input can't be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// An input is no observation file.
    #[error(transparent)]
    Observations(#[from] ObservationsReadError),
    /// An input is no profile of any kind.
    #[error(
        "{0} is no profile: it is neither a `seccinch.profile` file nor an OCI or Docker one (it has no \
         `defaultAction`)"
    )]
    NoProfile(Input),
    /// An input is observations where a profile is asked for.
    #[error("{0} holds observations, not a profile: make one with `seccinch profile build {0}`")]
    ObservationsGiven(Input),
    /// A profile of ours that can't be used.
    #[error("cannot use {input} as a profile")]
    Profile {
        /// What was read.
        input: Input,
        /// What is wrong.
        #[source]
        source: ProfileFileError,
    },
    /// A profile of others that can't be used.
    #[error("cannot use {input} as a profile")]
    Oci {
        /// What was read.
        input: Input,
        /// What is wrong.
        #[source]
        source: OciError,
    },
    /// Profiles for two architectures can't be compared.
    #[error("profiles for {} and {} can't be compared", .0.name(), .1.name())]
    Architectures(Arch, Arch),
    /// A name on the command line.
    #[error(transparent)]
    UnknownSyscall(#[from] UnknownSyscall),
    /// A call that can't be narrowed.
    #[error(transparent)]
    Narrowing(#[from] NarrowingError),
    /// A floor of this program is broken.
    #[error("cannot use the built-in floors")]
    Floor(#[from] FloorError),
    /// No profile comes of the observations.
    #[error("cannot build a profile")]
    Build(#[from] BuildError),
    /// A binary can't tell what the recorded programs could call.
    #[error(transparent)]
    Binary(#[from] BinaryError),
    /// A default action that leaves nothing to lock down.
    #[error(
        "--stage lockdown kills what can't happen by itself: leave --default-action {0} out, or name an error"
    )]
    LockdownDefault(DefaultAction),
    /// There is nothing to accept.
    #[error(
        "--accept-unresolved goes with --stage lockdown: at enforce, what no scan finds fails as everything else"
    )]
    NothingToAccept,
    /// Too little is known for the stage.
    #[error(transparent)]
    Lockdown(#[from] LockdownError),
    /// The profiles can't be united.
    #[error("cannot merge")]
    Merge(#[from] MergeError),
    /// The format can't express the profile.
    #[error("cannot write this profile")]
    Emit(#[from] EmitError),
    /// A Prometheus has no such profile.
    #[error(transparent)]
    Prometheus(#[from] PrometheusError),
    /// A program is no text.
    #[error("a BPF program is not for a terminal: write it to a file with -o, or to a pipe")]
    Terminal,
    /// The output can't be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}
