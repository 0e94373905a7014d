//! Words and columns that all tables share.

use std::fmt::Write;
use std::time::Duration;

use crate::app::columns::{WIDTH, plain};
use crate::model::Timestamp;

/// Writing to a `String` does not fail.
pub(super) fn line(text: &mut String, words: std::fmt::Arguments<'_>) {
    let _ = writeln!(text, "{words}");
}

/// A name in a column of its own if it fits, else on a line of its own.
pub(super) fn name_column(text: &mut String, name: &str, width: usize) {
    let name = plain(name);
    if name.chars().count() < width {
        let _ = write!(text, "{name:<width$}");
    } else {
        let _ = write!(text, "{name}\n{:width$}", "");
    }
}

/// How long before `now` something was, in one unit.
pub(super) fn age(time: &str, now: &str) -> String {
    match (Timestamp::from_rfc3339(time), Timestamp::from_rfc3339(now)) {
        (Some(time), Some(now)) => short(time.until(now)),
        _ => "?".to_owned(),
    }
}

/// A length of time in one unit.
pub(super) fn short(duration: Duration) -> String {
    match duration.as_secs() {
        seconds @ 0..=119 => format!("{seconds}s"),
        seconds @ 120..=7_199 => format!("{}m", seconds / 60),
        seconds @ 7_200..=172_799 => format!("{}h", seconds / 3_600),
        seconds => format!("{}d", seconds / 86_400),
    }
}

/// A time without its nanoseconds.
pub(super) fn to_the_second(time: &str) -> String {
    let cut = time.split('.').next().unwrap_or(time);
    if cut.ends_with('Z') { cut.to_owned() } else { format!("{cut}Z") }
}

/// Words behind a lead, broken at spaces and indented as far as the lead.
pub(super) fn wrap(text: &mut String, lead: &str, words: &str) {
    let indent = lead.chars().count();
    let mut used = indent;
    text.push_str(lead);
    for (place, word) in words.split(' ').enumerate() {
        let length = word.chars().count();
        if place > 0 && used + 1 + length > WIDTH {
            let _ = write!(text, "\n{:indent$}", "");
            used = indent;
        } else if place > 0 {
            text.push(' ');
            used += 1;
        }
        text.push_str(word);
        used += length;
    }
    text.push('\n');
}

/// `1 target`, `2 targets`, `2 processes`.
pub(super) fn counted(count: u64, thing: &str) -> String {
    let ending = match (count, thing.ends_with('s')) {
        (1, _) => "",
        (_, false) => "s",
        (_, true) => "es",
    };
    format!("{count} {thing}{ending}")
}
