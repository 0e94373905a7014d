//! Who made a call, as documents say it.

use serde::Serialize;

use crate::golang;
use crate::learn::FrameTable;
use crate::model::{Caller, Frame};

/// One caller, by the function that answers "who?".
#[derive(Serialize)]
pub(super) struct SiteFile {
    /// In one line: `main.(*Server).run (server.go:12)`.
    by: Option<String>,
    #[serde(flatten)]
    site: Option<FrameFile>,
    /// Where the Go version is known.
    goroutine: Option<u64>,
    /// When it was seen.
    time: String,
}

/// A function that was under way.
#[derive(Serialize)]
pub(super) struct FrameFile {
    function: String,
    /// Empty where the function has none.
    package: String,
    file: String,
    /// 0 if it is not known.
    line: u32,
    /// Whether the compiler put it into the next one.
    inlined: bool,
}

/// One caller of a role's call.
#[derive(Serialize)]
pub(super) struct CallerFile {
    #[serde(flatten)]
    site: SiteFile,
    /// The whole stack, the innermost function first: positions in the role's `frames`.
    frames: Vec<usize>,
}

/// Who broke a rule.
#[derive(Serialize)]
pub(super) struct CulpritFile {
    #[serde(flatten)]
    site: SiteFile,
    /// Whether that is who made the very call that was told of, not one who made such calls before.
    this_call: bool,
    /// The innermost function first.
    frames: Vec<FrameFile>,
}

impl CallerFile {
    /// Puts the stack's places into the table.
    pub(super) fn new<'a>(caller: &'a Caller, table: &mut FrameTable<'a>) -> Self {
        Self { site: caller.into(), frames: table.positions(caller) }
    }
}

impl CulpritFile {
    pub(super) fn new(caller: &Caller, this_call: bool) -> Self {
        Self { site: caller.into(), this_call, frames: caller.frames.iter().map(FrameFile::from).collect() }
    }
}

impl From<&Caller> for SiteFile {
    fn from(caller: &Caller) -> Self {
        Self {
            by: golang::one_line(&caller.frames),
            site: golang::site(&caller.frames).map(FrameFile::from),
            goroutine: caller.goroutine,
            time: caller.time.to_string(),
        }
    }
}

impl From<&Frame> for FrameFile {
    fn from(frame: &Frame) -> Self {
        Self {
            function: frame.function.to_string(),
            package: golang::package_of(&frame.function).into_owned(),
            file: frame.file.to_string(),
            line: frame.line,
            inlined: frame.is_inlined,
        }
    }
}
