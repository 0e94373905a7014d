//! Who is connected, and who has to go when there is no room for another.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::AbortHandle;

/// What a connection is doing.
#[derive(Debug)]
pub(super) struct Activity {
    origin: Instant,
    is_answering: AtomicBool,
    /// Nanoseconds from `origin` to the last change.
    since: AtomicU64,
}

/// Why a connection was closed that had not ended by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Closed {
    /// Another one needed its place.
    Limit,
    /// It did not send a request, or did not read its answer, in time.
    Timeout,
    /// It sent what is no request, or too much of one.
    Malformed,
    /// It could not be taken: the system has no more descriptors.
    Accept,
}

/// All connections, up to a number.
#[derive(Debug)]
pub(super) struct Connections {
    origin: Instant,
    most: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    open: HashMap<u64, Open>,
    closed: BTreeMap<Closed, u64>,
}

#[derive(Debug)]
struct Open {
    activity: Arc<Activity>,
    task: Option<AbortHandle>,
}

impl Closed {
    const ALL: [(Self, &'static str); 4] = [
        (Self::Limit, "limit"),
        (Self::Timeout, "timeout"),
        (Self::Malformed, "malformed"),
        (Self::Accept, "accept"),
    ];
}

impl Activity {
    /// A request has come whole.
    pub(super) fn answering(&self) {
        self.change(true);
    }

    /// The answer is out.
    pub(super) fn waiting(&self) {
        self.change(false);
    }

    fn change(&self, is_answering: bool) {
        let since = u64::try_from(self.origin.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.since.store(since, Ordering::Relaxed);
        self.is_answering.store(is_answering, Ordering::Relaxed);
    }

    /// Who has the least goes first: those that have sent no request before those that are answered, and
    /// among them those that do so for longest.
    fn rank(&self) -> (bool, Duration) {
        let since = Duration::from_nanos(self.since.load(Ordering::Relaxed));
        (self.is_answering.load(Ordering::Relaxed), since)
    }
}

impl Connections {
    pub(super) fn new(most: usize) -> Self {
        Self { origin: Instant::now(), most: most.max(1), state: Mutex::default() }
    }

    /// Makes room for one more, and counts it in.
    pub(super) fn open(&self) -> (u64, Arc<Activity>) {
        let activity = Arc::new(Activity {
            origin: self.origin,
            is_answering: AtomicBool::new(false),
            since: AtomicU64::new(0),
        });
        activity.waiting();
        let mut state = self.state();
        while state.open.len() >= self.most && state.close_one() {}
        state.next += 1;
        let id = state.next;
        state.open.insert(id, Open { activity: Arc::clone(&activity), task: None });
        (id, activity)
    }

    /// Says which task serves a connection, unless it has ended already.
    pub(super) fn served_by(&self, id: u64, task: AbortHandle) {
        if let Some(open) = self.state().open.get_mut(&id) {
            open.task = Some(task);
        }
    }

    /// Counts out a connection that has ended.
    pub(super) fn ended(&self, id: u64, why: Option<Closed>) {
        let mut state = self.state();
        state.open.remove(&id);
        if let Some(why) = why {
            state.count(why);
        }
    }

    /// Gives up a connection for its descriptor.
    pub(super) fn out_of_descriptors(&self) {
        let mut state = self.state();
        state.count(Closed::Accept);
        state.close_one();
    }

    /// How many were closed, by reason.
    pub(super) fn closed(&self) -> BTreeMap<&'static str, u64> {
        let state = self.state();
        Closed::ALL
            .into_iter()
            .map(|(why, name)| (name, state.closed.get(&why).copied().unwrap_or_default()))
            .collect()
    }

    /// Nothing here panics half-way, so what a poisoned lock holds is whole.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn count(&mut self, why: Closed) {
        *self.closed.entry(why).or_default() += 1;
    }

    fn close_one(&mut self) -> bool {
        let candidates = self.open.iter().filter(|(_, open)| open.task.is_some());
        let Some(id) = candidates.min_by_key(|(id, open)| (open.activity.rank(), **id)).map(|(id, _)| *id)
        else {
            return false;
        };
        if let Some(task) = self.open.remove(&id).and_then(|open| open.task) {
            task.abort();
        }
        self.count(Closed::Limit);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn open(connections: &Connections) -> (u64, Arc<Activity>) {
        let (id, activity) = connections.open();
        connections.served_by(id, tokio::spawn(std::future::pending::<()>()).abort_handle());
        tokio::time::sleep(Duration::from_millis(2)).await;
        (id, activity)
    }

    /// Check that room is made by closing who waits, and who waited longest, before who is answered.
    #[tokio::test]
    async fn room_is_made_by_rank() {
        let connections = Connections::new(3);
        let (first, answered) = open(&connections).await;
        answered.answering();
        let (second, _) = open(&connections).await;
        let (third, _) = open(&connections).await;
        let (fourth, _) = open(&connections).await;
        let ids = || {
            let mut ids: Vec<u64> = connections.state().open.keys().copied().collect();
            ids.sort_unstable();
            ids
        };
        assert_eq!(ids(), [first, third, fourth], "{second} waited longest");
        open(&connections).await;
        let (last, _) = open(&connections).await;
        assert_eq!(ids(), [first, last - 1, last]);
        assert_eq!(connections.closed()["limit"], 3);
        connections.ended(first, Some(Closed::Timeout));
        assert_eq!((connections.closed()["timeout"], ids().len()), (1, 2));
    }
}
