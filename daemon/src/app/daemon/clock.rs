//! The time of day, which may jump, beside the time that passes, which does not.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

use crate::model::Timestamp;

/// The clock is set by less than this all the time (`adjtime`, time services).
const NOTICEABLE: Duration = Duration::from_secs(2);

/// Reads the time of day.
pub(super) type Now = Box<dyn Fn() -> Timestamp>;

/// The system's clock.
pub(super) fn system() -> Now {
    Box::new(|| {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_unix_nanos(u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX))
    })
}

/// One reading of both.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    /// The time of day.
    pub(super) time: Timestamp,
    /// The time of day at the reading before.
    pub(super) previous: Timestamp,
    /// How long ago the reading before was, whatever the clock was set to.
    pub(super) passed: Duration,
}

impl Reading {
    /// How long ago a time was that lies before the reading before, or at it.
    pub(super) fn since(self, time: Timestamp) -> Duration {
        time.until(self.previous).saturating_add(self.passed)
    }
}

/// Follows both times.
pub(super) struct Clock {
    now: Now,
    last: (Timestamp, Instant),
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clock").field("last", &self.last).finish_non_exhaustive()
    }
}

impl Clock {
    /// Begins to follow.
    pub(super) fn new(now: Now) -> Self {
        let last = (now(), Instant::now());
        Self { now, last }
    }

    /// The time of day.
    pub(super) fn now(&self) -> Timestamp {
        (self.now)()
    }

    /// Reads both. A jump is told.
    pub(super) fn read(&mut self) -> Reading {
        let (time, instant) = (self.now(), Instant::now());
        let passed = instant.duration_since(self.last.1);
        let shown = if time >= self.last.0 { self.last.0.until(time) } else { Duration::ZERO };
        let back = time.until(self.last.0);
        if back > Duration::ZERO || shown.abs_diff(passed) > NOTICEABLE {
            let seconds =
                if back > Duration::ZERO { back + passed } else { shown.abs_diff(passed) }.as_secs();
            let direction = if back > Duration::ZERO || shown < passed { "back" } else { "forward" };
            tracing::warn!(
                seconds,
                direction,
                "the clock was set: nothing is lost, but times before and after can't be compared"
            );
        }
        let (previous, _) = std::mem::replace(&mut self.last, (time, instant));
        Reading { time, previous, passed }
    }
}
