//! Go's table of functions: which function an address is in, its file and line, what was inlined there, and how deep
//! the stack is.
//!
//! Comes in: an [`Image`]. Goes out: functions and frames. The table survives `-s -w` and stripping, as the runtime
//! needs it to grow stacks. Nothing is unpacked ahead of a question, and nothing in the file is trusted: what can't be
//! read is left out of the answer. Layouts: `src/runtime/symtab.go`, `src/runtime/runtime2.go` (`_func`) and
//! `src/cmd/link/internal/ld/pcln.go`, Go 1.18 to 1.27.

use thiserror::Error;

use super::bytes::{text_at, u32_at};
use super::header::{Found, Header, Layout, candidates};
use super::image::Image;
use super::inline::{self, Inlined};
use super::moduledata::Module;
use super::pcvalue;

/// Why there is no table of functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Error {
    /// Nothing in the file looks like one.
    #[error("the program has no Go function table: it was not built by Go, or is damaged or packed")]
    Missing,
    /// Go 1.17 or older.
    #[error("the program was built by Go 1.17 or older: build it with Go 1.18 or newer")]
    Old,
    /// There is one, but its parts do not fit together.
    #[error("the program's Go function table is damaged")]
    Damaged,
    /// Go 1.26 or newer, and what says where the functions lie was not found.
    #[error(
        "the program's Go function table does not say where the functions are: it is damaged, or of a newer Go"
    )]
    NoText,
}

/// Places that look like a table and are none; a hostile file could have a million.
const MOST_CANDIDATES: usize = 4;
/// The largest programs have two fifths of this.
const MOST_FUNCTIONS: u64 = 1 << 19;
/// The name or file that is not known, as the runtime writes it.
const UNKNOWN: &str = "?";
/// `_func`: offsets up to Go 1.19, and up to `cuOffset` also later.
const NAME: usize = 4;
const STACK: usize = 16;
const FILE: usize = 20;
const LINE: usize = 24;
const COMPILE_UNIT: usize = 32;

/// A program's table of functions.
#[derive(Debug, Clone)]
pub struct Table<'data> {
    layout: Layout,
    quantum: u8,
    text: u64,
    /// (entry, record) of each function, in the order of entries, as offsets.
    index: &'data [[u8; 8]],
    /// Where the last function ends.
    end: u32,
    names: &'data [u8],
    compile_units: &'data [u8],
    files: &'data [u8],
    values: &'data [u8],
    records: &'data [u8],
    inline_trees: &'data [u8],
}

/// A function as the linker laid it out.
#[derive(Debug, Clone, Copy)]
pub struct Function<'data> {
    /// With its package: `net/http.(*conn).serve`. From Go 1.21 on with type arguments, which are long:
    /// [`name_for_print`](super::name_for_print) cuts them.
    pub name: &'data str,
    /// The address of its first instruction.
    pub entry: u64,
    /// The address behind its last one; padding up to the next function is part of it.
    pub end: u64,
    /// Its `_func`, and all that follows.
    record: &'data [u8],
}

/// A place in the source that an address stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'data> {
    /// As [`Function::name`].
    pub function: &'data str,
    /// As the compiler was given it, or with the module's path instead of the folder (`-trimpath`).
    pub file: &'data str,
    /// 0 if it is not known.
    pub line: u32,
    /// Whether the function was inlined into that of the next frame.
    pub is_inlined: bool,
}

impl<'data> Table<'data> {
    /// Finds the program's table: by its section, else by its magic number. What functions' entries are relative to is
    /// taken from `moduledata`, or from the header up to Go 1.25.
    ///
    /// # Errors
    /// There is none of Go 1.18 or newer, or it is damaged.
    pub fn find(image: &Image<'data>) -> Result<Self, Error> {
        let mut problem = Error::Missing;
        let headers = candidates(image).filter_map(|address| Header::read(image, address));
        for found in headers.take(MOST_CANDIDATES) {
            let attempt = match found {
                Found::Header(header) => Self::read(image, &header),
                Found::Old => Err(Error::Old),
            };
            match attempt {
                Ok(table) => return Ok(table),
                Err(error) => problem = error,
            }
        }
        Err(problem)
    }

    fn read(image: &Image<'data>, header: &Header) -> Result<Self, Error> {
        let slice = |start, end| image.slice(start..end).ok_or(Error::Damaged);
        let records = image.bytes_at(header.records).ok_or(Error::Damaged)?;
        let count = Some(header.functions).filter(|&count| count <= MOST_FUNCTIONS);
        let count = count.and_then(|count| usize::try_from(count).ok()).ok_or(Error::Damaged)?;
        let index = records.as_chunks().0.get(..count).ok_or(Error::Damaged)?;
        let end = u32_at(records, count * 8).ok_or(Error::Damaged)?;
        let module = Module::find(image, header);
        let text = module.map(|module| module.text).or_else(|| header.text(image)).ok_or(Error::NoText)?;
        let table = Self {
            layout: header.layout,
            quantum: header.quantum,
            text,
            index,
            end,
            names: slice(header.names, header.compile_units)?,
            compile_units: slice(header.compile_units, header.files)?,
            files: slice(header.files, header.values)?,
            values: slice(header.values, header.records)?,
            records,
            inline_trees: module.and_then(|module| image.bytes_at(module.inline_trees?)).unwrap_or_default(),
        };
        table.is_sound(image).then_some(table).ok_or(Error::Damaged)
    }

    /// Whether functions are in order, and all within the program's code.
    fn is_sound(&self, image: &Image<'_>) -> bool {
        let (Some(&first), Some(&last)) = (self.index.first(), self.index.last()) else { return false };
        let code =
            |offset| self.text.checked_add(u64::from(offset)).is_some_and(|pc| image.is_executable(pc));
        self.index.is_sorted_by_key(|&entry| start(entry))
            && start(last) < self.end
            && code(start(first))
            && code(start(last))
            && code(self.end - 1)
    }

    /// How many functions there are.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether there is no function, which is never so.
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// All functions, in the order of their addresses.
    pub fn functions(&self) -> impl Iterator<Item = Function<'data>> + '_ {
        (0..self.index.len()).filter_map(|position| self.function(position))
    }

    /// The function that has this instruction.
    pub fn function_at(&self, pc: u64) -> Option<Function<'data>> {
        let offset = pc.checked_sub(self.text)?;
        let position = self.index.partition_point(|&entry| u64::from(start(entry)) <= offset);
        self.function(position.checked_sub(1)?).filter(|function| pc < function.end)
    }

    fn function(&self, position: usize) -> Option<Function<'data>> {
        let entry = *self.index.get(position)?;
        let end = self.index.get(position + 1).map_or(self.end, |&next| start(next));
        let record = u32_at(&entry, 4).and_then(|record| self.records.get(usize::try_from(record).ok()?..));
        let record = record.unwrap_or_default();
        let name = u32_at(record, NAME).and_then(|name| self.name(name)).unwrap_or(UNKNOWN);
        let [entry, end] = [start(entry), end].map(|offset| self.text + u64::from(offset));
        Some(Function { name, entry, end, record })
    }

    /// By how many bytes the stack has grown since the function's entry when this instruction is about to be executed:
    /// the return address lies that far above the stack pointer (`funcspdelta`).
    pub fn stack_delta(&self, function: &Function<'_>, pc: u64) -> Option<i32> {
        self.value(function, u32_at(function.record, STACK)?, pc)
    }

    /// The places in the source that this instruction stands for, innermost first. The last one is the function that
    /// the instruction is in, all others were inlined into it. Nothing if it is in no Go function. For a return
    /// address, ask for one less.
    ///
    /// Source: `inlineUnwinder`, `src/runtime/symtabinl.go`, Go 1.21 to 1.27.
    pub fn frames(&self, pc: u64) -> Vec<Frame<'data>> {
        let Some(function) = self.function_at(pc) else { return Vec::new() };
        let mut frames = Vec::new();
        let mut at = pc;
        while let Some(call) = self.inlined(&function, at).filter(|_| frames.len() < inline::MOST_DEEP) {
            frames.push(self.frame(&function, at, call.name, true));
            at = call.parent;
        }
        frames.push(self.frame(&function, at, function.name, false));
        frames
    }

    fn frame(&self, function: &Function<'_>, pc: u64, name: &'data str, is_inlined: bool) -> Frame<'data> {
        let line = u32_at(function.record, LINE).and_then(|table| self.value(function, table, pc));
        let file = self.file(function, pc).unwrap_or(UNKNOWN);
        Frame {
            function: name,
            file,
            line: line.and_then(|line| u32::try_from(line).ok()).unwrap_or(0),
            is_inlined,
        }
    }

    /// Two steps: from the file's number in its compile unit to a place in the table of paths (`funcfile`).
    fn file(&self, function: &Function<'_>, pc: u64) -> Option<&'data str> {
        let number = self.value(function, u32_at(function.record, FILE)?, pc)?;
        let unit = u32_at(function.record, COMPILE_UNIT)?;
        let position = usize::try_from(unit.checked_add(u32::try_from(number).ok()?)?).ok()?;
        let path = u32_at(self.compile_units, position.checked_mul(4)?)?;
        text_at(self.files, usize::try_from(path).ok()?)
    }

    fn inlined(&self, function: &Function<'_>, pc: u64) -> Option<Inlined<'data>> {
        let tree = inline::Tree::of(function.record, self.layout, self.inline_trees)?;
        let number = self.value(function, tree.numbers, pc)?;
        let call = tree.call(number)?;
        let parent = function.entry.checked_add(u64::from(call.parent))?;
        let name = self.name(call.name).filter(|_| (function.entry..function.end).contains(&parent))?;
        Some(Inlined { name, parent })
    }

    fn name(&self, offset: u32) -> Option<&'data str> {
        text_at(self.names, usize::try_from(offset).ok()?)
    }

    /// The value that the table at this offset has for an instruction; 0 means no table (`pcvalue`).
    fn value(&self, function: &Function<'_>, table: u32, pc: u64) -> Option<i32> {
        let table = usize::try_from(table).ok().filter(|&table| table != 0)?;
        pcvalue::value_at(self.values.get(table..)?, self.quantum, pc.checked_sub(function.entry)?)
    }
}

/// A function's start, relative to the text.
fn start(entry: [u8; 8]) -> u32 {
    let [a, b, c, d, ..] = entry;
    u32::from_le_bytes([a, b, c, d])
}
