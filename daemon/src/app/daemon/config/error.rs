//! What is wrong with a configuration, and where.

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;

use crate::files::{Position, ReadError};
use crate::syscalls::nearest_of;

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file or its folder can't be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The files are not what they should be.
    #[error("{0}")]
    Faults(Faults),
}

/// Everything that was found wrong; never nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults(pub Vec<Fault>);

/// One thing that is wrong in one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The file.
    pub file: PathBuf,
    /// Where in it.
    pub position: Position,
    /// What, and what to write instead.
    pub problem: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.file.display(), self.position, self.problem)
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let faults: Vec<_> = self.0.iter().map(Fault::to_string).collect();
        f.write_str(&faults.join("\n"))
    }
}

/// Where an offset is in a text: line and column from 1, in bytes.
pub(super) fn position(text: &str, offset: usize) -> Position {
    let before = &text.as_bytes()[..offset.min(text.len())];
    let line = before.split(|byte| *byte == b'\n').count();
    let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
    Position { line, column: before.len() - start + 1 }
}

/// A parser's error in our words, and where it is.
pub(super) fn of_parser(text: &str, error: &toml::de::Error) -> (Position, String) {
    let Range { start, .. } = error.span().unwrap_or_default();
    (position(text, start), reworded(error.message()))
}

/// The parser lists every key that could have been meant; people want the one.
fn reworded(message: &str) -> String {
    let quoted: Vec<_> = message.split('`').skip(1).step_by(2).collect();
    let [unknown, known @ ..] = &quoted[..] else { return message.replace('\n', ", ") };
    let what = if message.starts_with("unknown field") {
        "key"
    } else if message.starts_with("unknown variant") {
        "value"
    } else {
        return message.replace('\n', ", ");
    };
    let known = known.iter().copied();
    match nearest_of(unknown, known.clone()) {
        Some(nearest) => format!("unknown {what} `{unknown}`; the nearest known one is `{nearest}`"),
        None => format!("unknown {what} `{unknown}`; known here: {}", known.collect::<Vec<_>>().join(", ")),
    }
}
