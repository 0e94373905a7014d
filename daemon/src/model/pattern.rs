//! Names with wildcards.

use std::fmt;

/// Bytes that a pattern may have; paths are no longer.
const MOST_BYTES: usize = 4096;

/// A glob over a whole text: `*` stands for any characters (`/` too), `?` for any one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pattern(String);

/// Why a text is no pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// It would match nothing that has a name.
    #[error("an empty pattern matches nothing: write `*` for everything")]
    Empty,
    /// It has a NUL, which no name has, or is longer than any name.
    #[error("a pattern has at most {MOST_BYTES} bytes and no NUL")]
    Unsafe,
}

impl Pattern {
    /// Reads a pattern.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        match text {
            "" => Err(PatternError::Empty),
            text if text.len() > MOST_BYTES || text.contains('\0') => Err(PatternError::Unsafe),
            text => Ok(Self(text.to_owned())),
        }
    }

    /// Whether the whole text is meant.
    pub fn matches(&self, text: &str) -> bool {
        let (mut pattern, mut rest) = (self.0.as_str(), text);
        // Behind the last `*`, and the text that it has not swallowed yet: only the last one ever has to give.
        let mut retry: Option<(&str, &str)> = None;
        loop {
            let wanted = pattern.chars().next();
            let found = rest.chars().next();
            match (wanted, found) {
                (None, None) => return true,
                (Some('*'), _) => {
                    pattern = &pattern[1..];
                    retry = Some((pattern, rest));
                }
                (Some(wanted), Some(found)) if wanted == '?' || wanted == found => {
                    (pattern, rest) = (&pattern[wanted.len_utf8()..], &rest[found.len_utf8()..]);
                }
                _ => {
                    let Some((behind, left)) = retry else { return false };
                    let Some(swallowed) = left.chars().next() else { return false };
                    rest = &left[swallowed.len_utf8()..];
                    (pattern, retry) = (behind, Some((behind, rest)));
                }
            }
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Check that wildcards match what they stand for, over the whole text.
    #[test]
    fn wildcards_match_whole_texts() {
        for (pattern, text, expected) in [
            ("caddy", "caddy", true),
            ("caddy", "caddy2", false),
            ("*/caddy", "/usr/bin/caddy", true),
            ("*/caddy", "/usr/bin/caddyshack", false),
            ("/opt/*/bin/*", "/opt/a/b/bin/c", true),
            ("/opt/*/bin/?", "/opt/a/bin/cc", false),
            ("a*b*c", "aXbXbc", true),
            ("a*b*c", "aXbXb", false),
            ("?", "ä", true),
            ("*ä", "ää", true),
            ("*", "", true),
            ("?", "", false),
            ("**", "x", true),
        ] {
            assert_eq!(Pattern::parse(pattern).unwrap().matches(text), expected, "{pattern} {text}");
        }
    }

    /// Check that a pattern of many wildcards takes no exponential time.
    #[test]
    fn hostile_patterns_are_quick() {
        let pattern = Pattern::parse(&"*a".repeat(100)).unwrap();
        assert!(!pattern.matches(&format!("{}b", "a".repeat(4000))));
    }

    /// Check that what can match no name is refused.
    #[test]
    fn useless_patterns_are_refused() {
        assert_eq!(Pattern::parse(""), Err(PatternError::Empty));
        assert_eq!(Pattern::parse("a\0"), Err(PatternError::Unsafe));
        assert_eq!(Pattern::parse(&"a".repeat(5000)), Err(PatternError::Unsafe));
    }
}
