//! Why no profile could be read back.

use crate::policy::ProfileError;
use crate::syscalls::UnknownSyscall;

/// Why no profile could be read back.
#[derive(Debug, thiserror::Error)]
pub enum PrometheusError {
    /// Not a usable address.
    #[error("`{url}` is no address of a Prometheus: {problem}")]
    Url {
        /// What was given.
        url: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Nobody answered.
    #[error("cannot ask the Prometheus at {url}: check that it runs and can be reached from here")]
    Unreachable {
        /// Who was asked.
        url: String,
        /// Why not.
        #[source]
        source: Box<ureq::Error>,
    },
    /// More than any sensible answer.
    #[error("the Prometheus at {url} answered with more than {} MiB: match fewer workloads", limit / (1024 * 1024))]
    TooLarge {
        /// Who was asked.
        url: String,
        /// The most that is read, in bytes.
        limit: u64,
    },
    /// It answered with an error.
    #[error("the Prometheus at {url} answered {status}: {message}")]
    Status {
        /// Who was asked.
        url: String,
        /// The HTTP status.
        status: u16,
        /// What it said, or what to do.
        message: String,
    },
    /// It answered with something else.
    #[error(
        "{url} does not answer as a Prometheus does: check the address, and the path if there is a prefix"
    )]
    Json {
        /// Who was asked.
        url: String,
        /// Where it departs from it.
        #[source]
        source: serde_json::Error,
    },
    /// There are no such series.
    #[error(
        "the Prometheus at {url} has no profile with {selector}: see the query `seccinch_profile_info` there \
         for the workloads that it knows"
    )]
    Nothing {
        /// Who was asked.
        url: String,
        /// What was asked for.
        selector: String,
    },
    /// A profile whose rules are not there would be too small.
    #[error(
        "{source_name} has a profile, but its rules are not exported: raise `syscall_workloads` or \
         `max_series` in the configuration of its daemon, or exclude it with --match"
    )]
    NoRules {
        /// Whose.
        source_name: String,
    },
    /// Rules of nobody knows what.
    #[error(
        "{source_name} has rules, but no seccinch_profile_info: match by labels that both have, such as \
         workload, instance and job"
    )]
    NoInfo {
        /// Whose.
        source_name: String,
    },
    /// A label that is missing, or has a value that is not known here.
    #[error(
        "the series {metric} of {source_name} has no usable label `{label}` (`{value}`): upgrade seccinch to \
         the version of its daemon"
    )]
    Label {
        /// Whose.
        source_name: String,
        /// The metric.
        metric: &'static str,
        /// The label.
        label: &'static str,
        /// Its value; empty if it is missing.
        value: String,
    },
    /// A call that is not known here.
    #[error("{source_name} has a rule for an unknown call: upgrade seccinch to the version of its daemon")]
    UnknownSyscall {
        /// Whose.
        source_name: String,
        /// The call.
        #[source]
        source: UnknownSyscall,
    },
    /// The rules are no profile.
    #[error("the rules of {source_name} are no usable profile")]
    Profile {
        /// Whose.
        source_name: String,
        /// Why not.
        #[source]
        source: ProfileError,
    },
}

impl PrometheusError {
    /// Whether it is not what was asked for that is wrong, but what is around.
    pub const fn is_of_the_system(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }
}
