//! The phases of a program's life.

use std::time::Duration;

use crate::model::{Phase, Timestamp};

/// How long after its exec a program is said to start up. A Go service has opened its files, sockets and
/// threads by then; what comes later for the first time is still counted, only as `steady`.
const STARTUP: Duration = Duration::from_secs(5);

/// When a program started, and when it was asked to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Life {
    started: Timestamp,
    asked_to_end: Option<Timestamp>,
}

impl Life {
    /// A program that was executed at this time.
    pub const fn new(started: Timestamp) -> Self {
        Self { started, asked_to_end: None }
    }

    /// The program was asked to end. Only the first time counts.
    pub fn end(&mut self, asked: Timestamp) {
        self.asked_to_end.get_or_insert(asked);
    }

    /// When the program was executed.
    pub const fn started(&self) -> Timestamp {
        self.started
    }

    /// When it was first asked to end.
    pub const fn asked_to_end(&self) -> Option<Timestamp> {
        self.asked_to_end
    }

    /// The phase at this time.
    pub fn phase(&self, time: Timestamp) -> Phase {
        let startup = u64::try_from(STARTUP.as_nanos()).unwrap_or(u64::MAX);
        if self.asked_to_end.is_some_and(|asked| time > asked) {
            Phase::Shutdown
        } else if time.unix_nanos() < self.started.unix_nanos().saturating_add(startup) {
            Phase::Startup
        } else {
            Phase::Steady
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Check that each phase begins when it should, and that a second signal changes nothing.
    #[test]
    fn phases_follow_each_other() {
        let at = |seconds: u64| Timestamp::from_unix_nanos(seconds * 1_000_000_000);
        let mut life = Life::new(at(100));
        assert_eq!(life.phase(at(104)), Phase::Startup);
        assert_eq!(life.phase(at(105)), Phase::Steady);
        life.end(at(110));
        life.end(at(120));
        assert_eq!(life.phase(at(110)), Phase::Steady);
        assert_eq!(life.phase(at(111)), Phase::Shutdown);
    }
}
