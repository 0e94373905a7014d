//! What a command prints: for people, or as one JSON document.

use crate::files::WriteError;

/// What a command found.
pub trait Report {
    /// For people, readable on 80 columns.
    fn text(&self) -> String;

    /// One JSON document with `format` and `version`.
    fn json(&self) -> Result<Vec<u8>, WriteError>;

    /// Whether there was nothing to find.
    fn is_clean(&self) -> bool;
}

pub(super) const WIDTH: usize = 80;

/// Breaks a text at spaces into lines of at most 80 columns: the first after `lead`, the others indented by
/// as many columns. A word that is too long stays whole.
pub(in crate::app) fn wrap(lead: &str, text: &str) -> String {
    let indent = " ".repeat(lead.chars().count());
    let mut lines = String::new();
    let mut line = lead.to_owned();
    let mut is_empty = true;
    for word in text.split(' ') {
        if !is_empty && line.chars().count() + 1 + word.chars().count() > WIDTH {
            lines.push_str(line.trim_end());
            lines.push('\n');
            line.clone_from(&indent);
            is_empty = true;
        }
        if !is_empty {
            line.push(' ');
        }
        line.push_str(word);
        is_empty = false;
    }
    lines + line.trim_end() + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Check that long texts are broken and indented, and nothing is lost.
    #[test]
    fn long_texts_are_broken() {
        let text = vec!["word"; 40].join(" ");
        let wrapped = wrap("  - ", &text);
        assert!(wrapped.lines().all(|line| line.len() <= WIDTH), "{wrapped}");
        assert!(wrapped.lines().skip(1).all(|line| line.starts_with("    w")), "{wrapped}");
        assert_eq!(wrapped.matches("word").count(), 40);
        assert_eq!(wrap("a ", ""), "a\n");
    }
}
