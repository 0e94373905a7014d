//! The live line on a terminal.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::collect::Progress;
use crate::model::Timestamp;

/// One line that is written over again and again. Silent where standard error is no terminal.
pub(super) struct StatusLine {
    started: Instant,
    is_terminal: bool,
}

impl StatusLine {
    /// A line on standard error.
    pub(super) fn on_stderr() -> Self {
        Self { started: Instant::now(), is_terminal: io::stderr().is_terminal() }
    }

    /// Shows how far the recording has come; asks only if anybody can see it.
    pub(super) fn show(&self, progress: impl FnOnce() -> Progress) {
        if self.is_terminal {
            let progress = progress();
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let now = Timestamp::from_unix_nanos(u64::try_from(now.as_nanos()).unwrap_or(u64::MAX));
            overwrite(&text(self.started.elapsed(), progress, now));
        }
    }

    /// Takes the line away.
    pub(super) fn clear(&self) {
        if self.is_terminal {
            overwrite("");
        }
    }
}

fn overwrite(text: &str) {
    // A terminal that has gone away must not end a recording.
    let _ = write!(io::stderr(), "\r\x1b[K{text}").and_then(|()| io::stderr().flush());
}

fn text(elapsed: Duration, progress: Progress, now: Timestamp) -> String {
    let newest = progress.newest.map_or_else(
        || "none yet".to_owned(),
        |newest| format!("last new one {:.0}s ago", newest.until(now).as_secs_f64()),
    );
    let (counted, distinct) = (progress.counted, progress.distinct);
    format!("{:.0}s  {counted} calls counted  {distinct} different  {newest}", elapsed.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Check that the line says elapsed time, calls, different calls, and the age of the newest.
    #[test]
    fn the_line_says_how_far_the_recording_has_come() {
        let at = |seconds: u64| Timestamp::from_unix_nanos(seconds * 1_000_000_000);
        let progress = Progress { counted: 1234, distinct: 41, newest: Some(at(7)) };
        let line = text(Duration::from_secs(12), progress, at(10));
        assert_eq!(line, "12s  1234 calls counted  41 different  last new one 3s ago");
    }
}
