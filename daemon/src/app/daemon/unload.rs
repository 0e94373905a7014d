//! `seccinch unload`: what a daemon that was killed left in the kernel is taken away.

use std::os::unix::net::UnixStream;

use super::config::{Config, Place};
use super::error::Error;
use crate::kernel;
use crate::learn::store::Claim;

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unloaded {
    /// The programs that were attached.
    pub removed: Vec<String>,
}

/// Detaches and removes everything, unless a daemon runs.
pub fn unload(place: &Place) -> Result<Unloaded, Error> {
    let config = Config::read(place)?;
    if UnixStream::connect(&config.socket).is_ok() {
        return Err(Error::Running { socket: config.socket });
    }
    // Held until the end: no daemon starts in between. What is in the folder is not looked at.
    let claim = Claim::take(&config.state)?;
    tracing::debug!(is_held = claim.is_held(), "state folder");
    let removed = config.pin.as_deref().map(kernel::unload).transpose()?.unwrap_or_default();
    Ok(Unloaded { removed })
}
