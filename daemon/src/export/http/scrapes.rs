//! Metrics as bodies: made once for a view, and shared by everybody who reads them.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use hyper::body::Bytes;

use crate::export::metrics::{Exporter, Format, Served};
use crate::export::view::View;

/// So long a body stands for a view that has not changed: the daemon's own numbers move even so.
const FRESH: Duration = Duration::from_secs(1);
/// Bodies that slow readers may hold in each format, beside the newest one.
const MOST_HELD: usize = 3;

/// Makes and keeps bodies.
#[derive(Debug)]
pub(super) struct Scrapes {
    exporter: Exporter,
    bodies: BTreeMap<Format, Bodies>,
}

#[derive(Debug)]
struct Bodies {
    view: Weak<View>,
    made: Instant,
    newest: Arc<str>,
    /// Older ones, as long as somebody reads them.
    held: Vec<Weak<str>>,
}

/// What `Bytes` takes as an owner.
struct Owned(Arc<str>);

impl AsRef<[u8]> for Owned {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl Scrapes {
    pub(super) const fn new(exporter: Exporter) -> Self {
        Self { exporter, bodies: BTreeMap::new() }
    }

    /// The metrics of a view. Readers that are slow enough to hold several older ones make everybody read the
    /// newest that there is, until they are through or thrown out: memory is bounded, and a scrape is answered.
    pub(super) fn body(
        &mut self,
        view: &Arc<View>,
        served: &Served,
        format: Format,
    ) -> Result<Bytes, std::fmt::Error> {
        if let Some(bodies) = self.bodies.get_mut(&format)
            && bodies.stand_for(view)
        {
            return Ok(Bytes::from_owner(Owned(Arc::clone(&bodies.newest))));
        }
        let newest: Arc<str> = self.exporter.render(view, served, format)?.into();
        let body = Bytes::from_owner(Owned(Arc::clone(&newest)));
        let before = self.bodies.remove(&format);
        let held = before.map_or_else(Vec::new, |before| {
            let mut held = before.held;
            held.push(Arc::downgrade(&before.newest));
            held
        });
        let bodies = Bodies { view: Arc::downgrade(view), made: Instant::now(), newest, held };
        self.bodies.insert(format, bodies);
        Ok(body)
    }
}

impl Bodies {
    fn stand_for(&mut self, view: &Arc<View>) -> bool {
        self.held.retain(|body| body.strong_count() > 0);
        let is_same = std::ptr::eq(self.view.as_ptr(), Arc::as_ptr(view));
        (is_same && self.made.elapsed() < FRESH) || self.held.len() >= MOST_HELD
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::metrics::Budget;
    use crate::model::{Arch, Host, Timestamp};
    use std::path::Path;

    fn view() -> Arc<View> {
        let time = Timestamp::from_unix_nanos(1);
        let host =
            Host { arch: Arch::X86_64, kernel: String::new(), clock_source: None, seccinch: String::new() };
        Arc::new(View::empty(host, time))
    }

    /// Check that one view is one body, that slow readers can't hold more bodies than a few, and that it goes on
    /// when they are gone.
    #[test]
    fn bodies_are_shared_and_bounded() {
        let mut scrapes = Scrapes::new(Exporter::new(Budget::default(), Path::new("/proc/self")));
        let mut body = |view: &Arc<View>| scrapes.body(view, &Served::default(), Format::Text).unwrap();
        let same = |one: &Bytes, other: &Bytes| one.as_ptr() == other.as_ptr();
        let first = view();
        assert!(same(&body(&first), &body(&first)));
        let mut held: Vec<Bytes> = (0..20).map(|_| body(&view())).collect();
        let mut places: Vec<_> = held.iter().map(|body| body.as_ptr()).collect();
        places.sort_unstable();
        places.dedup();
        assert_eq!(places.len(), MOST_HELD + 1, "as many are held, and the newest");
        let newest = held.pop().unwrap();
        assert!(same(&newest, &body(&view())));
        held.clear();
        assert!(!same(&newest, &body(&view())), "there is room again");
    }
}
