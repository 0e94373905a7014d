//! What the tables for people share: how wide they are, and how who called fits in.

/// Columns that every terminal has: those of a table's own.
pub const WIDTH: usize = 80;
/// A column of callers that is narrower than this cuts most of them.
const LEAST: usize = 38;
/// What is left of a function's name at the least, when its file and line stand behind it.
const LEAST_FUNCTION: usize = 16;
/// Before a caller on a line of its own.
const INDENT: &str = "  by ";

/// Names come from programs and their files: nothing in them may speak to a terminal.
pub(in crate::app) fn plain(name: &str) -> String {
    name.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// The head of a table whose rows are followed by callers, with a column for them if there is room.
pub(in crate::app) fn caller_head(head: &str, width: usize) -> String {
    column(head, width).map_or_else(|| head.to_owned(), |_| format!("{head}  CALLER"))
}

/// A row, and who called: behind it if there is room, else on a line of its own.
pub(in crate::app) fn caller_row(row: &str, by: Option<&str>, width: usize) -> String {
    match (by, column(row, width)) {
        (None, _) => row.to_owned(),
        (Some(by), Some(room)) => format!("{row}  {}", fit(by, room)),
        (Some(by), None) => format!("{row}\n{INDENT}{}", fit(by, width.saturating_sub(INDENT.len()))),
    }
}

/// The room for callers behind a row, if that is enough.
fn column(row: &str, width: usize) -> Option<usize> {
    width.checked_sub(row.chars().count() + 2).filter(|room| *room >= LEAST)
}

/// Who called in so many columns: `example.com/app/store.(*Log).open (log.go:71)` without the folders of its package
/// if need be, and then without the end of its name, as long as file and line say more.
pub(in crate::app) fn fit(by: &str, room: usize) -> String {
    let by = plain(by);
    if by.chars().count() <= room {
        return by;
    }
    let short = without_folders(&by);
    let (function, place) =
        short.rsplit_once(" (").map_or((short, ""), |(function, _)| (function, &short[function.len()..]));
    match room.checked_sub(place.chars().count()) {
        Some(room) if room >= LEAST_FUNCTION => format!("{}{place}", cut(function, room)),
        _ => cut(function, room),
    }
}

/// Of a function's package, the last element alone.
fn without_folders(by: &str) -> &str {
    let path = by.find(['(', '[', '{', ' ']).unwrap_or(by.len());
    by[..path].rfind('/').map_or(by, |slash| &by[slash + 1..])
}

fn cut(text: &str, room: usize) -> String {
    if text.chars().count() <= room {
        return text.to_owned();
    }
    let kept: String = text.chars().take(room.saturating_sub(1)).collect();
    format!("{kept}…")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Check that what says most is left where there is little room, and that nothing gets wider than the room.
    #[test]
    fn callers_fit() {
        let by = "github.com/a/b/store.(*Log[...]).open.func1 (log.go:71)";
        for (room, expected) in [
            (60, by),
            (45, "store.(*Log[...]).open.func1 (log.go:71)"),
            (40, "store.(*Log[...]).open.func1 (log.go:71)"),
            (34, "store.(*Log[...]).ope… (log.go:71)"),
            (20, "store.(*Log[...]).o…"),
        ] {
            assert_eq!(fit(by, room), expected);
            assert!(fit(by, room).chars().count() <= room);
        }
        assert_eq!(fit("main.main", 5), "main…");
        assert_eq!(fit("a\u{1b}[31m/b.F (x.go:1)", 40), "a\u{fffd}[31m/b.F (x.go:1)");
    }

    /// Check that callers have a column where that fits, and lines of their own elsewhere.
    #[test]
    fn callers_have_a_column_or_a_line() {
        let row = "x".repeat(WIDTH);
        assert_eq!(caller_row(&row, Some("main.main"), WIDTH), format!("{row}\n  by main.main"));
        assert_eq!(caller_row(&row, Some("main.main"), 120), format!("{row}  main.main"));
        assert_eq!(caller_row(&row, None, 120), row);
        assert_eq!((caller_head("A", WIDTH).as_str(), caller_head(&row, WIDTH)), ("A  CALLER", row));
    }
}
