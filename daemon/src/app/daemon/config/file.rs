//! A configuration file as it is written. Every key may be left out: what stands in none of the files is the
//! default's.

use serde::Deserialize;
use toml::Spanned;

use super::text::{Absolute, AbsoluteOrOff, Listen, Period};
use crate::learn::rules::RuleFile;

/// The whole file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileToml {
    pub(super) discover: Option<DiscoverToml>,
    pub(super) poll_interval: Option<Spanned<Period>>,
    pub(super) flush_interval: Option<Spanned<Period>>,
    pub(super) state: Option<Absolute>,
    #[serde(default)]
    pub(super) targets: TargetsToml,
    #[serde(default)]
    pub(super) limits: LimitsToml,
    #[serde(default)]
    pub(super) http: HttpToml,
    #[serde(default)]
    pub(super) control: ControlToml,
    #[serde(default)]
    pub(super) metrics: MetricsToml,
    #[serde(default)]
    pub(super) kernel: KernelToml,
    #[serde(default)]
    pub(super) rule: Vec<Spanned<RuleFile>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum DiscoverToml {
    Go,
    None,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TargetsToml {
    pub(super) executables: Option<Vec<Spanned<String>>>,
    pub(super) units: Option<Vec<Spanned<String>>>,
    pub(super) cgroups: Option<Vec<Spanned<String>>>,
    pub(super) containers: Option<Vec<Spanned<String>>>,
    pub(super) pids: Option<Vec<Spanned<u32>>>,
    pub(super) exclude: Option<Vec<Spanned<String>>>,
    pub(super) shortest_life: Option<Spanned<Period>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LimitsToml {
    pub(super) max_workloads: Option<Spanned<u64>>,
    pub(super) generations: Option<Spanned<u64>>,
    pub(super) forget_after: Option<Spanned<Period>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HttpToml {
    pub(super) listen: Option<Spanned<Listen>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ControlToml {
    pub(super) socket: Option<Absolute>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MetricsToml {
    pub(super) syscall_workloads: Option<Spanned<u64>>,
    pub(super) max_series: Option<Spanned<u64>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KernelToml {
    pub(super) pin: Option<AbsoluteOrOff>,
}
