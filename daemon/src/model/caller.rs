//! Who made a call: the functions that were under way, as far as the binary tells.

use std::fmt;
use std::sync::Arc;

use super::Timestamp;

/// Callers that are kept of one call of one program: the first ones.
const MOST_CALLERS: usize = 3;

/// A function that was under way. Texts are shared: a program's frames name the same few files.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Frame {
    /// Its name with its package: `net/http.(*conn).serve`.
    pub function: Arc<str>,
    /// The source file.
    pub file: Arc<str>,
    /// The line that was under way; 0 if it is not known.
    pub line: u32,
    /// The compiler put it into the next one.
    pub is_inlined: bool,
}

/// One place in a program that makes a call.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Caller {
    /// The innermost function first.
    pub frames: Arc<[Frame]>,
    /// The goroutine, where the Go version is known.
    pub goroutine: Option<u64>,
    /// When it was seen.
    pub time: Timestamp,
}

/// Who makes a call, the first seen first, each place once and not more than a few.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Callers(Vec<Caller>);

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { function, file, line, is_inlined } = self;
        write!(f, "{function} {file}:{line}{}", if *is_inlined { " (inlined)" } else { "" })
    }
}

impl From<Caller> for Callers {
    fn from(caller: Caller) -> Self {
        Self(vec![caller])
    }
}

impl Callers {
    /// Adds a caller; says whether it is a new place.
    pub fn add(&mut self, caller: Caller) -> bool {
        let is_new = !self.0.iter().any(|known| known.frames == caller.frames);
        if is_new {
            self.0.push(caller);
            self.0.sort_by_key(|caller| caller.time);
            self.0.truncate(MOST_CALLERS);
        }
        is_new
    }

    /// Takes in who made the same call elsewhere.
    pub fn absorb(&mut self, others: Self) {
        for caller in others.0 {
            self.add(caller);
        }
    }

    /// The first one seen.
    pub fn first(&self) -> Option<&Caller> {
        self.0.first()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Caller> {
        self.0.iter()
    }

    /// Whether nobody is known.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(line: u32, time: u64) -> Caller {
        let frame = Frame { function: "main.main".into(), file: "main.go".into(), line, is_inlined: false };
        Caller { frames: [frame].into(), goroutine: Some(time), time: Timestamp::from_unix_nanos(time) }
    }

    /// Check that each place is kept once, the earliest ones first, and not more than a few.
    #[test]
    fn the_first_places_are_kept() {
        let mut callers = Callers::default();
        assert!(callers.add(caller(1, 5)));
        assert!(!callers.add(caller(1, 6)), "the same place");
        let mut others = Callers::default();
        for (line, time) in [(2, 3), (3, 9), (4, 4)] {
            others.add(caller(line, time));
        }
        callers.absorb(others);
        let lines: Vec<_> = callers.iter().map(|caller| caller.frames[0].line).collect();
        assert_eq!(lines, [2, 4, 1]);
        assert_eq!(callers.first().map(|caller| caller.goroutine), Some(Some(3)));
    }
}
