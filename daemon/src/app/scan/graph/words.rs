//! Names from a binary as they can be shown: nothing in them acts on who reads them.

use std::fmt::Write as _;

use super::{Column, Edge, Graph, Node, OPTIONAL, Role};

/// The characters of a label's line; longer names lose their middle.
const LINE: usize = 52;

/// What stands before calls that only other code makes.
const NOT_FROM_GO: &str = "not from Go code:";

/// A name with everything but plain characters written as `\u{…}`: control characters, marks that join others, and
/// those that turn the direction of text stay visible and do nothing.
pub(super) fn plain(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for c in name.chars() {
        if is_plain(c) {
            text.push(c);
        } else {
            text.extend(c.escape_unicode());
        }
    }
    text
}

/// Printable ASCII, and the letters of scripts whose letters stand alone, from left to right: Latin, Greek, Cyrillic,
/// kana, Chinese characters, Hangul syllables.
fn is_plain(c: char) -> bool {
    let ranges = ['\u{c0}'..='\u{24f}', '\u{370}'..='\u{481}', '\u{48a}'..='\u{52f}'];
    let wide =
        ['\u{3041}'..='\u{3096}', '\u{30a1}'..='\u{30fa}', '\u{4e00}'..='\u{9fff}', '\u{ac00}'..='\u{d7a3}'];
    let is_letter = || ranges.iter().chain(&wide).any(|range| range.contains(&c)) && c.is_alphabetic();
    matches!(c, ' '..='~') || is_letter()
}

/// At most so many characters of a plain name: the middle is left out.
pub(super) fn at_most(text: &str, most: usize) -> String {
    let characters: Vec<char> = text.chars().collect();
    if characters.len() <= most {
        return text.to_owned();
    }
    let kept = most.saturating_sub(3);
    // The end of a path tells more than its beginning.
    let start = kept * 2 / 5;
    let end = characters.len() - (kept - start);
    format!("{}...{}", String::from_iter(&characters[..start]), String::from_iter(&characters[end..]))
}

/// Words with commas between them, on lines for which `fits` holds, as long as a word fits at all.
pub(super) fn lines(words: &[String], fits: impl Fn(&str) -> bool) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for (place, word) in words.iter().enumerate() {
        let comma = if place + 1 < words.len() { "," } else { "" };
        let longer = if line.is_empty() { format!("{word}{comma}") } else { format!("{line} {word}{comma}") };
        if line.is_empty() || fits(&longer) {
            line = longer;
        } else {
            lines.push(std::mem::replace(&mut line, format!("{word}{comma}")));
        }
    }
    lines.extend((!line.is_empty()).then_some(line));
    lines
}

/// How many of something there are.
pub(super) fn count(number: usize, one: &str) -> String {
    format!("{number} {one}{}", if number == 1 { "" } else { "s" })
}

impl Node {
    /// The second line of a node: how much stands behind it.
    pub(super) fn extent(&self) -> String {
        let calls = count(self.syscalls.len(), "call");
        match self.role {
            Role::Module(_) if self.members.len() > 1 => {
                format!("{calls}, {} packages", self.members.len())
            }
            Role::Libraries => format!("{calls}, {}", at_most(&plain(&self.members.join(", ")), 40)),
            _ => calls,
        }
    }
}

impl Graph {
    /// What a graph is headed by.
    pub(super) fn title(&self) -> String {
        format!("What {} can ask of the kernel", plain(&self.program))
    }

    /// Its figures.
    pub(super) fn figures(&self) -> String {
        let mut text =
            format!("{}, {} of them from Go code", count(self.syscalls, "system call"), self.from_go);
        if let Some(toolchain) = &self.toolchain {
            let _ = write!(text, " ({})", plain(toolchain));
        }
        text
    }

    /// What is not in the nodes.
    pub(super) fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.unresolved > 0 {
            let calls = count(self.unresolved, "call");
            notes
                .push(format!("{calls} with a number that could not be found out: seccinch scan lists them"));
        }
        notes.extend(self.gaps.iter().map(|gap| format!("not looked at: {}", plain(gap))));
        notes
    }

    /// The calls of a node of the last column, on lines: those that Go code makes, and the others.
    pub(super) fn calls_of(&self, node: &Node, fits: impl Fn(&str) -> bool) -> (Vec<String>, Vec<String>) {
        let from_go = self.names(&(&node.syscalls - &node.not_from_go));
        let mut others = self.names(&node.not_from_go);
        if let Some(first) = others.first_mut() {
            *first = format!("{NOT_FROM_GO} {first}");
        }
        (lines(&from_go, &fits), lines(&others, &fits))
    }

    /// What a node says, line by line: for languages that lay out labels themselves.
    pub(super) fn label(&self, node: &Node) -> Vec<String> {
        let name = at_most(&plain(&node.label), LINE);
        if node.role.column() != Column::To {
            return vec![name, node.extent()];
        }
        let (from_go, others) = self.calls_of(node, |line| line.len() <= LINE);
        [vec![format!("{name} ({})", node.extent())], from_go, others].concat()
    }

    /// What an edge stands for.
    pub(super) fn explained(&self, edge: &Edge) -> String {
        let label = |place: usize| plain(&self.nodes[place].label);
        let mut text = format!("{} -> {}: ", label(edge.from), label(edge.to));
        text.push_str(&self.names(&edge.syscalls).join(", "));
        if !edge.optional.is_empty() {
            let separator = if edge.is_optional() { "" } else { "; " };
            let _ = write!(text, "{separator}{OPTIONAL}: {}", self.names(&edge.optional).join(", "));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Check that what could act on a terminal, a parser or the direction of text is only shown.
    #[test]
    fn names_are_made_plain() {
        assert_eq!(plain("github.com/a/b.v2"), "github.com/a/b.v2");
        assert_eq!(plain("größe/ключ/漢字"), "größe/ключ/漢字");
        assert_eq!(plain("a\nb\u{1b}[31m"), "a\\u{a}b\\u{1b}[31m");
        assert_eq!(plain("\u{202e}x\u{301}\u{fdfd}"), "\\u{202e}x\\u{301}\\u{fdfd}");
    }

    /// Check that long names keep both ends, and that short ones are not touched.
    #[test]
    fn long_names_lose_their_middle() {
        assert_eq!(at_most("abcdefghij", 10), "abcdefghij");
        assert_eq!(at_most("abcdefghijk", 10), "ab...ghijk");
        assert_eq!(at_most(&"漢".repeat(50), 10).chars().count(), 10);
    }

    /// Check that words are broken into lines, none is lost, and one that fits nowhere stands alone.
    #[test]
    fn words_are_broken_into_lines() {
        let words = ["read", "write", "a-very-long-name", "futex"].map(str::to_owned);
        let broken = lines(&words, |line| line.len() <= 12);
        assert_eq!(broken, ["read, write,", "a-very-long-name,", "futex"]);
        assert_eq!(lines(&[], |_| true), Vec::<String>::new());
    }

    /// Check that nothing is counted in the plural but what is several.
    #[test]
    fn counts_have_their_number() {
        assert_eq!([0, 1, 2].map(|number| count(number, "call")), ["0 calls", "1 call", "2 calls"]);
    }
}
