//! From the file's types to observations, everything checked.

use super::error::ObservationsError;
use super::format::ObservationsFile;
use crate::learn::parts::decode::{self, Context};
use crate::model::{Losses, Observations};

/// `bytes` is the text that `file` was read from, to say where something stands.
pub(super) fn decode(file: ObservationsFile, bytes: &[u8]) -> Result<Observations, ObservationsError> {
    let host = decode::host(file.host)?;
    let context = Context { arch: host.arch, bytes };
    let roles = context.roles(file.roles)?;
    let (started, ended) = (context.time(file.started)?, context.time(file.ended)?);
    Ok(Observations { host, started, ended, roles, losses: Losses(file.losses) })
}
