//! How wide what people read may be.

use std::env;
use std::os::fd::AsFd;

use crate::app::columns::WIDTH;
use crate::sys;

/// The columns of what is written there: those of the terminal, or what `COLUMNS` says; never fewer than tables have
/// by themselves.
pub(super) fn columns(stream: impl AsFd) -> usize {
    let said = env::var("COLUMNS").ok().and_then(|text| text.parse().ok());
    let columns = said.or_else(|| sys::terminal_columns(stream.as_fd()).map(usize::from));
    columns.unwrap_or(WIDTH).max(WIDTH)
}
