//! Little-endian numbers and text at places that may not be there.

use std::ffi::CStr;

/// No name in a Go binary comes near this, though those with type arguments are long.
const MOST_TEXT_BYTES: usize = 1 << 13;

pub(super) fn u32_at(bytes: &[u8], position: usize) -> Option<u32> {
    let field = bytes.get(position..position.checked_add(4)?)?;
    field.try_into().ok().map(u32::from_le_bytes)
}

pub(super) fn u64_at(bytes: &[u8], position: usize) -> Option<u64> {
    let field = bytes.get(position..position.checked_add(8)?)?;
    field.try_into().ok().map(u64::from_le_bytes)
}

/// The text that begins here and ends before a zero byte.
pub(super) fn text_at(bytes: &[u8], position: usize) -> Option<&str> {
    let rest = bytes.get(position..)?;
    let rest = &rest[..rest.len().min(MOST_TEXT_BYTES)];
    CStr::from_bytes_until_nul(rest).ok()?.to_str().ok()
}

/// Whether this text begins at the place, and ends before a zero byte.
pub(super) fn is_text_at(bytes: &[u8], place: u32, text: &[u8]) -> bool {
    let rest = usize::try_from(place).ok().and_then(|place| bytes.get(place..));
    rest.and_then(|rest| rest.strip_prefix(text)).is_some_and(|rest| rest.first() == Some(&0))
}
