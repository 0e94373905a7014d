//! A few functions of a Go program, with their part of its table of functions.
//!
//! Layouts: as in `seccinch::golang::pclntab`, whose reader must find in the small table what it found in the large.

use anyhow::{Context as _, Result};
use seccinch::golang::image::Image;
use seccinch::golang::pclntab::Table;

/// Where in `moduledata` the place of the inline trees stands, by version of Go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Version {
    pub(crate) inline_trees: usize,
    /// Whether the header says where the text begins.
    pub(crate) has_text: bool,
}

/// The code and the table.
#[derive(Debug)]
pub(crate) struct Functions {
    /// The address of the code, which stays: calls are relative.
    pub(crate) address: u64,
    pub(crate) code: Vec<u8>,
    /// The table without its header, and where its parts begin.
    pub(crate) table: Vec<u8>,
    pub(crate) parts: [u64; 5],
    pub(crate) inline_trees: u64,
    pub(crate) count: u64,
    pub(crate) magic: u32,
}

/// `_func.npcdata`, the fields that are offsets into the tables of values, and that of the compile unit.
const TABLES: usize = 28;
const VALUES: [usize; 3] = [16, 20, 24];
const COMPILE_UNIT: usize = 32;
const INLINE_TREE: usize = 3;
/// What is kept of each function's files and inlined calls.
const MOST_FILES: usize = 12;
const MOST_INLINED: usize = 8;
/// Bytes of the header.
pub(crate) const HEADER: usize = 96;

/// Where the parts of the large table lie.
struct Source<'data> {
    names: &'data [u8],
    units: &'data [u8],
    files: &'data [u8],
    values: &'data [u8],
    records: &'data [u8],
    trees: &'data [u8],
    /// Bytes of a `_func` before its tables.
    head: usize,
    /// Bytes of an inlined call, and where its name stands.
    call: (usize, usize),
}

#[derive(Default)]
struct Small {
    names: Vec<u8>,
    units: Vec<u8>,
    files: Vec<u8>,
    values: Vec<u8>,
    index: Vec<u8>,
    records: Vec<u8>,
    trees: Vec<u8>,
}

/// The function that calls the kernel, and so many before and behind it.
pub(crate) fn around_syscall(file: &[u8], version: Version, around: usize) -> Result<Functions> {
    let image = Image::parse(file)?;
    let table = Table::find(&image)?;
    let all: Vec<_> = table.functions().collect();
    let is_kernel =
        |name: &str| name.ends_with("syscall.Syscall6") || name.ends_with("syscall/linux.Syscall6");
    let middle = all.iter().position(|one| is_kernel(one.name)).context("no Syscall6")?;
    let chosen = middle.saturating_sub(around)..(middle + around).min(all.len());
    let header = [&b".gopclntab"[..], b".data.rel.ro.gopclntab"].iter().find_map(|name| image.section(name));
    let header = header.context("no section of the table")?.start;
    let bytes = image.bytes_at(header).context("no table")?;
    let part = |field: usize| bytes.get(word(bytes, 8 + 8 * field)?..);
    let module = image.section(b".go.module").map(|section| section.start);
    let module = module.or_else(|| image.symbol(b"runtime.firstmoduledata")).context("no module")?;
    let trees = image.word(module + version.inline_trees as u64).and_then(|start| image.bytes_at(start));
    let is_old = bytes.first() == Some(&0xf0);
    let source = Source {
        names: part(3).context("names")?,
        units: part(4).context("units")?,
        files: part(5).context("files")?,
        values: part(6).context("values")?,
        records: part(7).context("records")?,
        trees: trees.context("no inline trees")?,
        head: if is_old { 40 } else { 44 },
        call: if is_old { (20, 12) } else { (16, 4) },
    };
    let (address, end) = (all[chosen.start].entry, all[chosen.end - 1].end);
    let code = image.slice(address..end).context("no code")?.to_vec();
    // Offset 0 stands for no table, and for no name.
    let mut small = Small { names: vec![0], values: vec![0], ..Small::default() };
    for (number, position) in chosen.clone().enumerate() {
        let entry = u32::try_from(all[position].entry - address)?;
        let record = number_at(source.records, 8 * position + 4).context("a function's record")?;
        let at = (8 * chosen.len() + 4 + small.records.len()).try_into().unwrap_or(u32::MAX);
        debug_assert_eq!(number, small.index.len() / 8);
        small.index.extend([entry, at].into_iter().flat_map(u32::to_le_bytes));
        copy(&source, source.records.get(record..).context("a record")?, &mut small).context("a function")?;
    }
    small.index.extend(u32::try_from(end - address)?.to_le_bytes());
    Ok(small.join(address, code, chosen.len() as u64, number_at(bytes, 0).context("magic")? as u64))
}

/// Copies a function's record with all that it leads to.
fn copy(source: &Source<'_>, record: &[u8], small: &mut Small) -> Option<()> {
    let tables = number_at(record, TABLES)?;
    let data = usize::from(*record.get(source.head - 1)?);
    let mut own = record.get(..source.head + 4 * (tables + data))?.to_vec();
    put(&mut own, 4, text(source.names, number_at(record, 4)?, &mut small.names)?);
    let more = (0..tables).map(|table| source.head + 4 * table);
    for field in VALUES.into_iter().chain(more) {
        let table = number_at(record, field)?;
        let place = if table == 0 { 0 } else { values(source.values.get(table..)?, &mut small.values) };
        put(&mut own, field, place);
    }
    let unit = number_at(record, COMPILE_UNIT)?;
    put(&mut own, COMPILE_UNIT, small.units.len() / 4);
    for file in (0..MOST_FILES).filter_map(|file| number_at(source.units, 4 * unit.checked_add(file)?)) {
        let place = text(source.files, file, &mut small.files).unwrap_or_default();
        small.units.extend(u32::try_from(place).ok()?.to_le_bytes());
    }
    let field = source.head + 4 * (tables + INLINE_TREE);
    let tree = (data > INLINE_TREE).then(|| number_at(record, field)).flatten();
    if let Some(tree) =
        tree.filter(|&tree| tree != u32::MAX as usize).and_then(|tree| source.trees.get(tree..))
    {
        put(&mut own, field, small.trees.len());
        let (size, name) = source.call;
        for call in tree.chunks_exact(size).take(MOST_INLINED) {
            let mut call = call.to_vec();
            let place = number_at(&call, name).and_then(|name| text(source.names, name, &mut small.names));
            put(&mut call, name, place.unwrap_or_default());
            small.trees.extend(call);
        }
    }
    small.records.extend(own);
    Some(())
}

/// Copies a text that ends before a zero byte, and says where it then stands.
fn text(from: &[u8], place: usize, to: &mut Vec<u8>) -> Option<usize> {
    let text = from.get(place..)?;
    let text = &text[..=text.iter().position(|&byte| byte == 0)?];
    let found = to.windows(text.len()).position(|window| window == text);
    Some(found.unwrap_or_else(|| {
        to.extend(text);
        to.len() - text.len()
    }))
}

/// Copies a table of values, which ends with a change of 0 behind the first pair, and says where it then stands.
fn values(from: &[u8], to: &mut Vec<u8>) -> usize {
    let mut numbers = 0;
    let ends = from.iter().enumerate().skip(1).find(|&(at, &byte)| {
        numbers += usize::from(from[at - 1] < 0x80);
        byte == 0 && numbers >= 2 && numbers % 2 == 0 && from[at - 1] < 0x80
    });
    let table = &from[..=ends.map_or(0, |(at, _)| at)];
    to.extend(table);
    to.len() - table.len()
}

impl Small {
    fn join(self, address: u64, code: Vec<u8>, count: u64, magic: u64) -> Functions {
        let mut table = Vec::new();
        let mut parts = [0; 5];
        let all = [self.names, self.units, self.files, self.values, [self.index, self.records].concat()];
        for (part, bytes) in parts.iter_mut().zip(all) {
            table.resize(table.len().next_multiple_of(8), 0);
            *part = (HEADER + table.len()) as u64;
            table.extend(bytes);
        }
        table.resize(table.len().next_multiple_of(8), 0);
        let inline_trees = (HEADER + table.len()) as u64;
        table.extend(self.trees);
        let magic = u32::try_from(magic).unwrap_or_default();
        Functions { address, code, table, parts, inline_trees, count, magic }
    }
}

pub(crate) fn word(bytes: &[u8], place: usize) -> Option<usize> {
    let field: [u8; 8] = bytes.get(place..place.checked_add(8)?)?.try_into().ok()?;
    usize::try_from(u64::from_le_bytes(field)).ok()
}

fn number_at(bytes: &[u8], place: usize) -> Option<usize> {
    let field: [u8; 4] = bytes.get(place..place.checked_add(4)?)?.try_into().ok()?;
    usize::try_from(u32::from_le_bytes(field)).ok()
}

fn put(bytes: &mut [u8], place: usize, value: usize) {
    let value = u32::try_from(value).unwrap_or(u32::MAX);
    bytes[place..place + 4].copy_from_slice(&value.to_le_bytes());
}
