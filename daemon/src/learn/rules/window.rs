//! One rule's window over one workload.
//!
//! Windows follow one another and do not overlap: one begins with the first call that counts, and ends after the
//! rule's time. Calls that stayed under the threshold are gone with their window.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::model::{SyscallNr, Timestamp};

/// What one rule has counted of one workload.
#[derive(Debug, Default)]
pub(super) struct Window {
    /// When the present window began; nothing between windows.
    since: Option<Timestamp>,
    /// Whether this window has had its report.
    is_reported: bool,
    calls: BTreeMap<SyscallNr, Call>,
}

/// What is counted of one call.
#[derive(Debug, Default)]
struct Call {
    /// In this window, as compared with the threshold.
    compared: u64,
    /// In this window, and in no report yet.
    fresh: u64,
    /// From windows before, and in no report yet.
    carried: u64,
    /// It passed the threshold in this window.
    is_over: bool,
    /// It passed the threshold, and no report has said so.
    is_owed: bool,
    /// Told by the kernel ahead of the counter, which counts it too.
    ahead: u64,
}

/// How many calls, and how many of them to compare with the threshold.
#[derive(Debug, Clone, Copy)]
pub(super) struct Calls {
    pub(super) count: u64,
    pub(super) compared: u64,
}

impl Call {
    /// What the next report says. Calls of a window in which it has not passed the threshold are not in there.
    const fn due(&self) -> u64 {
        if self.is_over { self.carried.saturating_add(self.fresh) } else { self.carried }
    }

    const fn take_due(&mut self) -> u64 {
        let due = self.due();
        if self.is_over {
            self.fresh = 0;
        }
        (self.carried, self.is_owed) = (0, false);
        due
    }
}

impl Window {
    /// Takes in calls that a counter counted. Those that the kernel told of ahead are in there.
    pub(super) fn counted(&mut self, now: Timestamp, per: Duration, over: u64, nr: SyscallNr, calls: Calls) {
        self.roll(now, per);
        let call = self.calls.entry(nr).or_default();
        let known = call.ahead.min(calls.count);
        call.ahead -= known;
        let more = Calls { count: calls.count - known, compared: calls.compared.saturating_sub(known) };
        self.add(now, over, nr, more);
    }

    /// Takes in a call that the kernel told of at once. When this window has had its report, the counter is
    /// early enough.
    pub(super) fn told(&mut self, now: Timestamp, per: Duration, over: u64, nr: SyscallNr) {
        self.roll(now, per);
        if self.is_reported {
            return;
        }
        self.add(now, over, nr, Calls { count: 1, compared: 1 });
        self.calls.entry(nr).or_default().ahead += 1;
    }

    /// What the kernel told of ahead will not be counted.
    pub(super) fn expect_no_more(&mut self) {
        self.calls.values_mut().for_each(|call| call.ahead = 0);
    }

    /// The report that is due, at most one in a window: the call, and how often it was made since its last one.
    pub(super) fn report(&mut self, now: Timestamp, per: Duration) -> Option<(SyscallNr, u64)> {
        self.roll(now, per);
        if self.is_reported {
            return None;
        }
        let owed = self.calls.iter_mut().filter(|(_, call)| call.is_owed);
        let (nr, call) = owed.max_by_key(|(_, call)| call.due())?;
        self.is_reported = true;
        self.since.get_or_insert(now);
        Some((*nr, call.take_due()))
    }

    /// Whether nothing is left of it that matters.
    pub(super) fn is_over(&mut self, now: Timestamp, per: Duration) -> bool {
        self.roll(now, per);
        self.since.is_none() && self.calls.is_empty()
    }

    fn add(&mut self, now: Timestamp, over: u64, nr: SyscallNr, calls: Calls) {
        if calls.count == 0 {
            return;
        }
        self.since.get_or_insert(now);
        let call = self.calls.entry(nr).or_default();
        call.fresh = call.fresh.saturating_add(calls.count);
        call.compared = call.compared.saturating_add(calls.compared);
        if call.compared > over && !call.is_over {
            (call.is_over, call.is_owed) = (true, true);
        }
    }

    /// Ends the window if its time is over. A clock that was set back by more than a window does not hold it
    /// open until then, and brings no second report either.
    fn roll(&mut self, now: Timestamp, per: Duration) {
        let Some(since) = self.since else { return };
        if now.until(since) > per {
            self.since = Some(now);
        }
        if since.until(now) < per {
            return;
        }
        (self.since, self.is_reported) = (None, false);
        for call in self.calls.values_mut() {
            if call.is_over {
                call.carried = call.carried.saturating_add(call.fresh);
            }
            (call.compared, call.fresh, call.is_over) = (0, 0, false);
        }
        self.calls.retain(|_, call| call.carried > 0 || call.is_owed || call.ahead > 0);
    }

    /// What no report has said yet, of calls that passed the threshold.
    #[cfg(test)]
    pub(super) fn outstanding(&self) -> u64 {
        self.calls.values().map(|call| call.fresh + call.carried).sum()
    }

    /// What the counter will count again.
    #[cfg(test)]
    pub(super) fn ahead(&self) -> u64 {
        self.calls.values().map(|call| call.ahead).sum()
    }
}
