//! Which functions were under way: stacks of a program's processes, read with its own table of functions.

use std::collections::BTreeMap;
use std::fs::File;

use serde::{Deserialize, Serialize};

use crate::golang::image::Image;
use crate::golang::pclntab::{self, Table};
use crate::golang::{self, MOST_FRAMES};
use crate::model::{self, chain};
use crate::sys::FileMapping;

/// Letters of a name or a path that are kept: only the longest names of generic functions are cut.
const MOST_TEXT: usize = 256;

/// A stack of a process that runs the file, as the kernel side told of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stack {
    /// The instruction pointer, and the return addresses from the innermost on.
    pub addresses: Vec<u64>,
    /// The words at the stack pointer.
    pub top: Vec<u64>,
    /// Where the executable's code was mapped.
    pub start_code: u64,
    /// C called, and the addresses after the first are those of the goroutine that had called C.
    pub from_c: bool,
}

/// The functions of some stacks of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The file's build id: it may be another one than was meant.
    pub id: Option<String>,
    /// Of each stack, the innermost function first; nothing of a stack that is not Go's.
    pub stacks: Vec<Vec<model::Frame>>,
}

/// As it is sent: each place once, and the stacks by its position.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Frames {
    id: Option<String>,
    places: Vec<Place>,
    stacks: Vec<Vec<usize>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    function: String,
    file: String,
    line: u32,
    is_inlined: bool,
}

/// Reads a file for the stacks of its processes.
pub(super) fn read(file: &File, stacks: &[Stack]) -> Result<Frames, String> {
    let bytes = FileMapping::of(file).map_err(|error| error.to_string())?;
    let image = Image::parse(&bytes).map_err(|error| chain(&error))?;
    let table = Table::find(&image).map_err(|error| chain(&error))?;
    let id = golang::inspect(String::new(), &*bytes).map_err(|error| chain(&error))?.id;
    let mut places = Places::default();
    let numbered = |stack: &Stack| {
        let Stack { addresses, top, start_code, from_c } = stack;
        let stack = golang::Stack { addresses, top, start_code: *start_code, from_c: *from_c };
        golang::frames(&image, &table, &stack).into_iter().map(|frame| places.number(frame)).collect()
    };
    let stacks = stacks.iter().map(numbered).collect();
    Ok(Frames { id, places: places.all, stacks })
}

/// A text of a file that others made: not longer than real ones are, and nothing in it that a terminal would obey.
pub(super) fn plain(text: &str) -> String {
    text.chars().take(MOST_TEXT).map(|letter| if letter.is_control() { '\u{fffd}' } else { letter }).collect()
}

#[derive(Default)]
struct Places<'data> {
    numbers: BTreeMap<(&'data str, &'data str, u32, bool), usize>,
    all: Vec<Place>,
}

impl<'data> Places<'data> {
    fn number(&mut self, frame: pclntab::Frame<'data>) -> usize {
        let pclntab::Frame { function, file, line, is_inlined } = frame;
        *self.numbers.entry((function, file, line, is_inlined)).or_insert_with(|| {
            let (function, file) = (plain(function), plain(file));
            self.all.push(Place { function, file, line, is_inlined });
            self.all.len() - 1
        })
    }
}

impl Frames {
    /// The frames, if they belong to so many stacks and each place is there.
    pub(super) fn named(self, stacks: usize) -> Option<Named> {
        let frame = |place: Place| model::Frame {
            function: plain(&place.function).into(),
            file: plain(&place.file).into(),
            line: place.line,
            is_inlined: place.is_inlined,
        };
        let places: Vec<model::Frame> = self.places.into_iter().map(frame).collect();
        let stack =
            |numbers: Vec<usize>| numbers.into_iter().map(|number| places.get(number).cloned()).collect();
        let named: Option<Vec<_>> = self.stacks.into_iter().map(stack).collect();
        let is_believed = |named: &Vec<Vec<_>>| {
            named.len() == stacks && named.iter().all(|frames| frames.len() <= MOST_FRAMES)
        };
        named.filter(is_believed).map(|named| Named { id: self.id, stacks: named })
    }
}
