//! Callers as a file has them: each place in the program stands once, in its role's table.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::format::{CallerFile, FrameFile};
use crate::model::{Caller, Callers, Frame, Timestamp};

/// Whoever edits a file by hand can't make a caller endless.
const MOST_FRAMES: usize = 128;

/// The places in a program that callers name, each once, in the order in which they were first named.
#[derive(Debug, Default)]
pub struct FrameTable<'a> {
    positions: BTreeMap<&'a Frame, usize>,
    frames: Vec<&'a Frame>,
}

impl<'a> FrameTable<'a> {
    /// Where a caller's frames are in the table, the innermost first.
    pub fn positions(&mut self, caller: &'a Caller) -> Vec<usize> {
        caller.frames.iter().map(|frame| self.position(frame)).collect()
    }

    /// All of them.
    pub fn into_frames(self) -> Vec<&'a Frame> {
        self.frames
    }

    fn position(&mut self, frame: &'a Frame) -> usize {
        *self.positions.entry(frame).or_insert_with(|| {
            self.frames.push(frame);
            self.frames.len() - 1
        })
    }

    pub(super) fn callers(&mut self, callers: &'a Callers) -> Vec<CallerFile> {
        callers.iter().map(|caller| self.caller(caller)).collect()
    }

    fn caller(&mut self, caller: &'a Caller) -> CallerFile {
        CallerFile {
            frames: self.positions(caller),
            goroutine: caller.goroutine,
            time: caller.time.to_string(),
        }
    }

    pub(super) fn into_file(self) -> Vec<FrameFile> {
        let file = |frame: &Frame| FrameFile {
            function: frame.function.to_string(),
            file: frame.file.to_string(),
            line: frame.line,
            is_inlined: frame.is_inlined,
        };
        self.frames.into_iter().map(file).collect()
    }
}

/// The places of a table that was read, with equal texts shared.
pub(super) fn frames(files: Vec<FrameFile>) -> Vec<Frame> {
    let mut texts = BTreeMap::<String, Arc<str>>::new();
    let mut shared =
        |text: String| Arc::clone(texts.entry(text).or_insert_with_key(|text| Arc::from(text.as_str())));
    let frame = |file: FrameFile| Frame {
        function: shared(file.function),
        file: shared(file.file),
        line: file.line,
        is_inlined: file.is_inlined,
    };
    files.into_iter().map(frame).collect()
}

/// A caller that was read; nothing if it names a place that is not in the table.
pub(super) fn caller(file: &CallerFile, table: &[Frame], time: Timestamp) -> Option<Caller> {
    let frames = file.frames.iter().take(MOST_FRAMES).map(|position| table.get(*position).cloned());
    Some(Caller { frames: frames.collect::<Option<_>>()?, goroutine: file.goroutine, time })
}
