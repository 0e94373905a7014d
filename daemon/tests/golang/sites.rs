//! Where functions are called: what return addresses on stacks stand for.

use seccinch::golang::image::{Access, Image};
use seccinch::golang::pclntab::Table;

/// The last byte of every direct call (x86-64: E8) of a function.
pub(crate) fn call_sites(image: &Image<'_>, table: &Table<'_>) -> Vec<u64> {
    let is_entry = |pc| table.function_at(pc).is_some_and(|function| function.entry == pc);
    let code = image.segments().iter().filter(|segment| segment.access == Access::Executable);
    let calls = code.flat_map(|segment| {
        let calls = segment.bytes.windows(5).enumerate().filter(|(_, bytes)| bytes[0] == 0xe8);
        calls.filter_map(move |(position, bytes)| {
            let next = segment.address + position as u64 + 5;
            let distance = i32::from_le_bytes(bytes[1..].try_into().ok()?);
            is_entry(next.checked_add_signed(distance.into())?).then_some(next - 1)
        })
    });
    calls.filter(|&site| table.function_at(site).is_some()).collect()
}
