//! From observations to the file's types.

use super::format::{DOCUMENT, ObservationsFile};
use crate::learn::parts::encode;
use crate::model::Observations;

pub(super) fn encode(observations: &Observations) -> ObservationsFile {
    ObservationsFile {
        format: DOCUMENT.format.to_owned(),
        version: DOCUMENT.version,
        host: encode::host(&observations.host),
        started: observations.started.to_string(),
        ended: observations.ended.to_string(),
        losses: observations.losses.0.clone(),
        roles: encode::roles(observations.host.arch, &observations.roles),
    }
}
