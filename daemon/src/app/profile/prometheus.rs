//! `seccinch profile build --from-prometheus`: what many hosts have learned, as one profile.

use super::ProfileCommandError;
use crate::export::prometheus::{self, Match};
use crate::policy::{self, DefaultAction, MergeError, Note, Profile};

/// Unites the profiles of matching workloads, of every daemon that a Prometheus scrapes.
pub fn from_prometheus(
    url: &str,
    selector: &Match,
    default: Option<DefaultAction>,
) -> Result<Profile, ProfileCommandError> {
    let found = prometheus::query(url, selector)?;
    Ok(united(&found.profiles, default)?.with_notes(found.notes.into_iter().map(Note)))
}

/// By halves: reasons add up, and those of a thousand hosts would be copied for each of them.
fn united(profiles: &[Profile], default: Option<DefaultAction>) -> Result<Profile, MergeError> {
    if profiles.len() <= 2 {
        return policy::merge(profiles, default);
    }
    let (left, right) = profiles.split_at(profiles.len() / 2);
    policy::merge(&[united(left, default)?, united(right, default)?], default)
}
