//! Where functions of C begin and end: from the tables for stack unwinding, which survive stripping.
//!
//! Format: Linux Standard Base Core 5.0, 10.6 (`.eh_frame`, `.eh_frame_hdr`), with the encodings that GNU as and ld use.

use std::ops::Range;

use object::elf::PT_GNU_EH_FRAME;

use crate::golang::image::Image;

/// `.eh_frame_hdr` as every linker writes it: version 1, the pointer to the frames relative to its place in 4 bytes, the
/// count in 4 bytes, the table in pairs of 4 bytes relative to the header.
const HEADER: [u8; 4] = [1, 0x1b, 0x03, 0x3b];

/// What is behind them is seen as one function, which is then too large to be followed. libc has four thousand.
const MOST_FUNCTIONS: usize = 1 << 18;

/// The functions that the unwinding tables tell of, sorted; none where there are no such tables, or unusual ones.
pub(super) fn functions(image: &Image<'_>) -> Vec<Range<u64>> {
    let Some((address, header)) =
        image.part(PT_GNU_EH_FRAME).and_then(|range| Some((range.start, image.slice(range)?)))
    else {
        return Vec::new();
    };
    if !header.starts_with(&HEADER) {
        return Vec::new();
    }
    let entries = header.get(12..).unwrap_or_default().chunks_exact(8).take(MOST_FUNCTIONS);
    let mut functions: Vec<_> = entries
        .filter_map(|entry| {
            let start = address.wrapping_add_signed(i64::from(i32_at(entry, 0)?));
            let frame = address.wrapping_add_signed(i64::from(i32_at(entry, 4)?));
            // Length and the pointer to what frames have in common come first, then the place in the same encoding.
            let length = i32_at(image.bytes_at(frame)?, 12)?;
            let end = start.checked_add(u64::from(length.cast_unsigned()))?;
            let start = start.checked_add(u64::from(is_signal_frame(image, frame)))?;
            (start < end && image.is_executable(start)).then_some(start..end)
        })
        .collect();
    functions.sort_by_key(|function| function.start);
    functions
}

/// Whether a frame is that of a return from a signal handler. glibc lets these begin one byte before the code, as
/// unwinders look up the byte before a return address (`sysdeps/unix/sysv/linux/x86_64/libc_sigaction.c`, 2.36).
fn is_signal_frame(image: &Image<'_>, frame: u64) -> bool {
    let common = || {
        let back = i32_at(image.bytes_at(frame)?, 4)?;
        let common = frame.checked_add(4)?.checked_add_signed(i64::from(back).checked_neg()?)?;
        // Length, an id, and a version come before the string of augmentations.
        image.bytes_at(common.checked_add(9)?)?.get(..8)
    };
    common().is_some_and(|text| text.iter().take_while(|&&byte| byte != 0).any(|&byte| byte == b'S'))
}

fn i32_at(bytes: &[u8], position: usize) -> Option<i32> {
    let field = bytes.get(position..position.checked_add(4)?)?;
    field.try_into().ok().map(i32::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Check that the functions of a real program are found, none of them overlapping.
    #[test]
    fn functions_of_our_own_program_are_found() {
        let bytes = std::fs::read("/proc/self/exe").unwrap();
        let image = Image::parse(&bytes).unwrap();
        let functions = functions(&image);
        assert!(functions.len() > 1000, "only {} functions", functions.len());
        assert!(functions.windows(2).all(|pair| pair[0].end <= pair[1].start), "functions overlap");
        assert!(functions.iter().any(|function| function.contains(&image.entry())), "the entry is in none");
    }
}
