//! Which series are meant: `workload="…", instance=~"…"`, as between the braces of a selector in PromQL
//! (<https://prometheus.io/docs/prometheus/latest/querying/basics/#instant-vector-selectors>).

use std::fmt;
use std::str::FromStr;

/// Label matchers, as they were written. Regular expressions are left to the Prometheus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match(String);

/// Why a text is no list of label matchers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem} at column {column}; write it as workload=\"systemd:web.service\", instance=~\"web-.*\"")]
pub struct MatchError {
    problem: &'static str,
    column: usize,
}

/// Longest first.
const OPERATORS: [&str; 4] = ["=~", "!~", "!=", "="];

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl FromStr for Match {
    type Err = MatchError;

    fn from_str(text: &str) -> Result<Self, MatchError> {
        let mut parser = Parser { text, at: 0 };
        loop {
            parser.matcher()?;
            parser.blanks();
            if parser.rest().is_empty() {
                return Ok(Self(text.trim().to_owned()));
            }
            if !parser.take(",") {
                return Err(parser.wrong("there is no comma between two labels"));
            }
        }
    }
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn wrong(&self, problem: &'static str) -> MatchError {
        MatchError { problem, column: self.text[..self.at].chars().count() + 1 }
    }

    fn blanks(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    fn take(&mut self, token: &str) -> bool {
        let is_there = self.rest().starts_with(token);
        if is_there {
            self.at += token.len();
        }
        is_there
    }

    fn matcher(&mut self) -> Result<(), MatchError> {
        self.blanks();
        let rest = self.rest();
        let length = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        match &rest[..length] {
            "" => return Err(self.wrong("there is no label")),
            "__name__" => return Err(self.wrong("the metric's name can't be chosen")),
            name if name.starts_with(|c: char| c.is_ascii_digit()) => {
                return Err(self.wrong("a label does not begin with a digit"));
            }
            _ => self.at += length,
        }
        self.blanks();
        if !OPERATORS.iter().any(|operator| self.take(operator)) {
            return Err(self.wrong("there is none of =, !=, =~ and !~ behind a label"));
        }
        self.blanks();
        self.string()
    }

    /// A string as Go writes it.
    fn string(&mut self) -> Result<(), MatchError> {
        let start = self.at;
        let mut characters = self.rest().char_indices();
        let Some((_, quote @ ('"' | '\'' | '`'))) = characters.next() else {
            return Err(self.wrong("there is no quoted value"));
        };
        while let Some((offset, c)) = characters.next() {
            match c {
                '\\' if quote != '`' => drop(characters.next()),
                '\n' if quote != '`' => break,
                c if c == quote => {
                    self.at += offset + 1;
                    return Ok(());
                }
                _ => {}
            }
        }
        self.at = start;
        Err(self.wrong("the quotes of the value are not closed"))
    }
}

impl fmt::Display for Match {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Check that every form of a matcher is taken as it is.
    #[test]
    fn matchers_are_taken() {
        for text in [
            r#"workload="systemd:web.service""#,
            r#"workload=~"k8s:shop/.*", instance!="a:1",job!~'x|y'"#,
            r#"  workload = "a\"}b" "#,
            "workload=`a\"\\d`",
            r#"workload="ä, b""#,
        ] {
            assert_eq!(text.parse::<Match>().map(|one| one.to_string()), Ok(text.trim().to_owned()));
        }
    }

    /// Check that what is none is refused with its place.
    #[test]
    fn others_are_refused() {
        for (text, column, why) in [
            ("", 1, "no label"),
            ("{workload=\"a\"}", 1, "no label"),
            ("web.service", 4, "none of ="),
            ("workload=web", 10, "no quoted value"),
            ("workload=\"web", 10, "not closed"),
            ("workload=\"a\\\"", 10, "not closed"),
            ("workload=\"a\"} or vector(1", 13, "no comma"),
            ("workload=\"a\",", 14, "no label"),
            ("ä=\"b\"", 1, "no label"),
            ("1a=\"b\"", 1, "digit"),
            ("a=\"ä\" b=\"c\"", 7, "no comma"),
            ("__name__=\"up\"", 1, "can't be chosen"),
        ] {
            let error = text.parse::<Match>().unwrap_err();
            assert_eq!(error.column, column, "{text}: {error}");
            assert!(error.problem.contains(why), "{text}: {error}");
        }
    }
}
