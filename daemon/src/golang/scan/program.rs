//! The functions of an executable: Go's own table, and whatever code it leaves over.

use std::borrow::Cow;
use std::ops::Range;

use super::text::{self, Function, Language};
use crate::golang::image::Image;
use crate::golang::pclntab::Table;

/// The functions of a Go program. Code that Go's table does not know, C that was linked in, is one function per entry
/// in `unwound`, and what then is left is one per stretch.
pub(super) fn functions<'data>(
    image: &Image<'data>,
    table: &Table<'data>,
    unwound: &[Range<u64>],
) -> Vec<Function<'data>> {
    let mut functions: Vec<Function<'data>> = table
        .functions()
        .map(|function| Function {
            name: Cow::Borrowed(function.name),
            range: function.entry..function.end,
            language: Language::Go,
        })
        .collect();
    let mut known: Vec<Range<u64>> = functions.iter().map(|function| function.range.clone()).collect();
    known.sort_by_key(|range| range.start);
    let mut foreign: Vec<Range<u64>> = text::gaps(image, &known)
        .iter()
        .flat_map(|gap| unwound.iter().filter(|range| gap.start <= range.start && range.end <= gap.end))
        .cloned()
        .collect();
    let mut all = [known, foreign.clone()].concat();
    all.sort_by_key(|range| range.start);
    let rest = text::fill(image, &mut all);
    for range in &mut foreign {
        let at = all.partition_point(|other| other.start < range.start);
        range.end = all.get(at).map_or(range.end, |filled| filled.end);
    }
    functions.extend(foreign.into_iter().chain(rest).map(of_c));
    functions
}

fn of_c<'data>(range: Range<u64>) -> Function<'data> {
    Function { name: Cow::Owned(format!("{:#x}", range.start)), range, language: Language::C }
}
