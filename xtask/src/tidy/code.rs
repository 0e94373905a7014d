//! Rust sources without what is not code.

use std::{iter::Peekable, str::Chars};

/// The text with comments and the insides of strings and characters blanked out. Every line
/// keeps its number.
pub(super) fn without_comments_and_strings(text: &str) -> String {
    let mut scanner = Scanner { rest: text.chars().peekable(), code: String::with_capacity(text.len()) };
    while let Some(c) = scanner.rest.next() {
        scanner.take(c);
    }
    scanner.code
}

/// Where `word` stands in `code` as a word of its own.
pub(super) fn word_starts<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let in_word = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word).map(|(start, _)| start).filter(move |&start| {
        let (before, after) = (&code[..start], &code[start + word.len()..]);
        !before.ends_with(in_word) && !after.starts_with(in_word)
    })
}

/// The line of a position, from 1.
pub(super) fn line(code: &str, position: usize) -> usize {
    code[..position].matches('\n').count() + 1
}

struct Scanner<'a> {
    rest: Peekable<Chars<'a>>,
    code: String,
}

impl Scanner<'_> {
    fn take(&mut self, c: char) {
        match (c, self.rest.peek().copied()) {
            ('/', Some('/')) => self.line_comment(),
            ('/', Some('*')) => self.block_comment(),
            ('r', Some('#' | '"')) if !self.inside_a_word() => self.raw(),
            ('"', _) => self.string(),
            ('\'', _) => self.character_or_lifetime(),
            _ => self.code.push(c),
        }
    }

    /// Whether the code so far ends in a letter that makes a following `r` no prefix. The `b` and `c`
    /// of `br"…"` and `cr"…"` are.
    fn inside_a_word(&self) -> bool {
        let mut before = self.code.chars().rev();
        let in_word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        match before.next() {
            Some('b' | 'c') => in_word(before.next()),
            last => in_word(last),
        }
    }

    /// Puts a blank for a character, and leaves the ends of lines.
    fn blank(&mut self, c: char) {
        self.code.push(if c == '\n' { '\n' } else { ' ' });
    }

    fn line_comment(&mut self) {
        self.code.push(' ');
        while let Some(c) = self.rest.next_if(|&c| c != '\n') {
            self.blank(c);
        }
    }

    /// Block comments nest.
    fn block_comment(&mut self) {
        let (mut depth, mut before) = (0_usize, '/');
        self.code.push(' ');
        while let Some(c) = self.rest.next() {
            self.blank(c);
            let pair = (before, c);
            // A character closes or opens once: `/*/` opens only.
            before = if matches!(pair, ('/', '*') | ('*', '/')) { ' ' } else { c };
            match pair {
                ('/', '*') => depth += 1,
                ('*', '/') => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return;
            }
        }
    }

    fn string(&mut self) {
        self.code.push('"');
        while let Some(c) = self.rest.next() {
            match c {
                '"' => return self.code.push('"'),
                '\\' => {
                    self.blank(c);
                    if let Some(escaped) = self.rest.next() {
                        self.blank(escaped);
                    }
                }
                _ => self.blank(c),
            }
        }
    }

    /// `r"…"`, `r#"…"#`, or a raw identifier (`r#type`).
    fn raw(&mut self) {
        self.code.push('r');
        let mut hashes = 0;
        while self.rest.next_if_eq(&'#').is_some() {
            self.code.push('#');
            hashes += 1;
        }
        if self.rest.next_if_eq(&'"').is_none() {
            return;
        }
        self.code.push('"');
        // Hashes seen since the last quote; none before the first quote.
        let mut closing: Option<usize> = None;
        while closing != Some(hashes) {
            let Some(c) = self.rest.next() else { return };
            closing = match (c, closing) {
                ('"', _) => Some(0),
                ('#', Some(seen)) => Some(seen + 1),
                _ => None,
            };
            self.blank(c);
        }
        self.code.push('"');
    }

    /// `'a'` and `'\n'` are characters, `'a` is a lifetime.
    fn character_or_lifetime(&mut self) {
        self.code.push('\'');
        match self.rest.next() {
            Some('\\') => {
                self.blank('\\');
                if let Some(escaped) = self.rest.next() {
                    self.blank(escaped);
                }
                while let Some(c) = self.rest.next_if(|&c| c != '\'') {
                    self.blank(c);
                }
            }
            Some(c) if self.rest.peek() == Some(&'\'') => self.blank(c),
            Some(c) => self.code.push(c),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Check that only code is left of each sort of text.
    #[test]
    fn blanks_what_is_not_code() {
        for (source, code) in [
            ("a // b\nc", "a     \nc"),
            ("a /* b /* c */ d */ e", "a                   e"),
            ("a /*/ b */ c", "a          c"),
            (r#"f("x\"y{", z)"#, r#"f("     ", z)"#),
            (r##"f(r#"a"b"#, z)"##, r#"f(r#"     ", z)"#),
            (r#"f(br"\", z)"#, r#"f(br"  ", z)"#),
            (r"f('{', '\'', 'a)", r"f(' ', '  ', 'a)"),
            ("for\"x\"", "for\" \""),
            ("r#type + 1", "r#type + 1"),
        ] {
            assert_eq!(without_comments_and_strings(source), code, "of {source}");
        }
    }
}
