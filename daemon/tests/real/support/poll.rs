//! Waiting for something to become true, with a deadline and never a fixed sleep.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// How long a thing may take that should be nearly at once, on a busy machine.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// How long to wait between two looks.
const PAUSE: Duration = Duration::from_millis(10);

/// Looks until `look` finds something, and says what was awaited if it never does.
pub(crate) fn until<T>(
    awaited: &str,
    within: Duration,
    look: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    let mut look = look;
    let deadline = Instant::now() + within;
    loop {
        if let Some(found) = look().with_context(|| format!("waiting for {awaited}"))? {
            return Ok(found);
        }
        if Instant::now() >= deadline {
            bail!("{awaited}: not within {within:?}");
        }
        thread::sleep(PAUSE);
    }
}

/// Tries until `attempt` succeeds, and gives its last error if it never does.
pub(crate) fn retry<T>(awaited: &str, within: Duration, attempt: impl FnMut() -> Result<T>) -> Result<T> {
    let mut attempt = attempt;
    let deadline = Instant::now() + within;
    loop {
        match attempt() {
            Ok(done) => return Ok(done),
            Err(error) if Instant::now() >= deadline => {
                return Err(error.context(format!("{awaited}: not within {within:?}")));
            }
            Err(_) => thread::sleep(PAUSE),
        }
    }
}
