//! The head of every JSON file of ours: what it is, and which version of that.

use std::fmt;

use serde::Deserialize;

/// A file format of ours: its name and the newest version that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Document {
    /// The value of `format`.
    pub format: &'static str,
    /// The newest known version. That and the one before are read.
    pub version: u32,
}

/// A place in a text, both counted from 1 and in bytes, as `serde_json` counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

/// Why a file is not the document that was asked for.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// No JSON at all.
    #[error("not a JSON file")]
    NotJson(#[source] serde_json::Error),
    /// JSON of something else.
    #[error("not a `{expected}` file: it says `{found}`")]
    Foreign {
        /// The format that was asked for.
        expected: &'static str,
        /// What the file says it is.
        found: String,
    },
    /// JSON that does not say what it is.
    #[error("not a `{expected}` file: it has no `format`")]
    Unmarked {
        /// The format that was asked for.
        expected: &'static str,
    },
    /// Written by a newer version of this program.
    #[error(
        "written by a newer seccinch: it is version {found} of `{format}`, this one reads up to {known}; \
         upgrade seccinch to read it"
    )]
    Newer {
        /// The format.
        format: &'static str,
        /// The file's version.
        found: u32,
        /// The newest version known here.
        known: u32,
    },
    /// A version that never was.
    #[error("version {found} of `{format}` does not exist: write the file again")]
    NoSuchVersion {
        /// The format.
        format: &'static str,
        /// The file's version.
        found: u32,
    },
}

#[derive(Deserialize)]
struct Head {
    format: Option<String>,
    version: Option<u32>,
}

/// Checks that `bytes` are a JSON document of this format, in a version that can be read. Nothing but the
/// head is looked at, so a newer file is refused as newer and not for a field that is not known yet.
pub fn check_document(bytes: &[u8], expected: Document) -> Result<(), DocumentError> {
    let Document { format, version: known } = expected;
    let head: Head = serde_json::from_slice(bytes).map_err(|source| match source.classify() {
        // Well-formed, but no object with a text and a number there: nothing of ours.
        serde_json::error::Category::Data => DocumentError::Unmarked { expected: format },
        _ => DocumentError::NotJson(source),
    })?;
    let (Some(found), Some(version)) = (head.format, head.version) else {
        return Err(DocumentError::Unmarked { expected: format });
    };
    if found != format {
        return Err(DocumentError::Foreign { expected: format, found });
    }
    match version {
        0 => Err(DocumentError::NoSuchVersion { format, found: version }),
        newer if newer > known => Err(DocumentError::Newer { format, found: newer, known }),
        _ => Ok(()),
    }
}

/// Where a JSON string first stands in a text. The whole text's start if it is not found literally.
pub fn locate(bytes: &[u8], string: &str) -> Position {
    let quoted = serde_json::Value::from(string).to_string();
    let offset = bytes.windows(quoted.len()).position(|window| window == quoted.as_bytes()).unwrap_or(0);
    let before = &bytes[..offset];
    let line = before.split(|byte| *byte == b'\n').count();
    let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
    Position { line, column: offset - line_start + 1 }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} column {}", self.line, self.column)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: Document = Document { format: "seccinch.test", version: 2 };

    /// Check each way in which a file is not the document that was asked for.
    #[test]
    fn heads_are_told_apart() {
        let check = |text: &str| check_document(text.as_bytes(), DOCUMENT).map_err(|error| error.to_string());
        assert_eq!(check(r#"{"version":2,"format":"seccinch.test","more":1}"#), Ok(()));
        assert_eq!(check(r#"{"format":"seccinch.test","version":1}"#), Ok(()), "the version before is read");
        let cases = [
            ("{", "not a JSON file"),
            ("[]", "not a `seccinch.test` file: it has no `format`"),
            (r#"{"defaultAction":"x"}"#, "not a `seccinch.test` file: it has no `format`"),
            (r#"{"format":3,"version":1}"#, "not a `seccinch.test` file: it has no `format`"),
            (r#"{"format":"other","version":1}"#, "not a `seccinch.test` file: it says `other`"),
            (
                r#"{"format":"seccinch.test","version":3,"new":true}"#,
                "written by a newer seccinch: it is version 3 of `seccinch.test`, this one reads up to 2; \
                 upgrade seccinch to read it",
            ),
            (
                r#"{"format":"seccinch.test","version":0}"#,
                "version 0 of `seccinch.test` does not exist: write the file again",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(check(text), Err(expected.to_owned()), "{text}");
        }
    }

    /// Check that a string is found by line and column.
    #[test]
    fn strings_are_located() {
        let text = b"{\n  \"a\": \"b\"\n}";
        assert_eq!(locate(text, "b"), Position { line: 2, column: 8 });
        assert_eq!(locate(text, "absent"), Position { line: 1, column: 1 });
    }
}
