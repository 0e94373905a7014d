//! From a profile to what runtimes, systemd and Kubernetes read.
//!
//! In: a [`Profile`](crate::policy::Profile). Out: bytes, the same for the same profile. What a format can't
//! express is an error that names the rule, never left out.

mod bpf;
mod docker;
mod error;
mod go;
mod kubernetes;
pub mod oci;
mod options;
mod systemd;

pub use bpf::{bpf, unknown_to_libseccomp};
pub use docker::docker;
pub use error::EmitError;
pub use go::go;
pub use kubernetes::{Api, ObjectName, kubernetes};
pub use oci::oci;
pub use options::{Engine, Logging, UnknownEngine};
pub use systemd::systemd;
