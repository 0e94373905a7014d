//! Profiles through a Prometheus: how they are written as labels, and read back from what it has of many hosts.
//!
//! In: a Prometheus, and which series are meant. Out: a profile of each scraped daemon's workload, with names
//! and actions; what its arguments may be is not told by metrics.

mod answer;
mod client;
mod error;
mod matcher;
mod series;

pub use error::PrometheusError;
pub use matcher::{Match, MatchError};

use crate::policy::{DefaultAction, Errno, Profile};

/// Profiles that were read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// One for each scraped daemon and workload; at least one.
    pub profiles: Vec<Profile>,
    /// What whoever uses them has to know.
    pub notes: Vec<String>,
}

/// Asks a Prometheus for the profiles of matching workloads, of every daemon that it scrapes.
pub fn query(url: &str, selector: &Match) -> Result<Found, PrometheusError> {
    // Both families at once: of the same instant.
    let query = format!("{{__name__=~\"seccinch_profile_(rule|info)\",{selector}}}");
    let url = client::Url::parse(url)?;
    let bytes = client::fetch(&url, &query)?;
    let answer =
        answer::parse(&bytes).map_err(|source| PrometheusError::Json { url: url.to_string(), source })?;
    if answer.series.is_empty() {
        return Err(PrometheusError::Nothing { url: url.to_string(), selector: selector.to_string() });
    }
    let mut found = series::profiles(&answer.series)?;
    found.notes.extend(answer.warnings.iter().map(|warning| format!("the Prometheus warns: {warning}")));
    Ok(found)
}

/// A default action as a label, and as `--default-action` takes it.
pub fn default_label(default: DefaultAction) -> String {
    match default {
        DefaultAction::Errno(errno) => format!("errno:{errno}"),
        DefaultAction::KillProcess => "kill-process".to_owned(),
        DefaultAction::Log => "log".to_owned(),
    }
}

fn default_of(label: &str) -> Option<DefaultAction> {
    match label {
        "kill-process" => Some(DefaultAction::KillProcess),
        "log" => Some(DefaultAction::Log),
        other => Some(DefaultAction::Errno(other.strip_prefix("errno:")?.parse::<Errno>().ok()?)),
    }
}
