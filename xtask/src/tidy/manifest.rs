//! Every direct dependency has its reason in a comment.

use super::Finding;

/// Dependencies without a comment above them. Crates of one family share one: `serde_json` directly
/// below `serde`.
pub(super) fn check(manifest: &str) -> Vec<Finding> {
    let (mut findings, mut above, mut state) = (Vec::new(), "", State::Elsewhere);
    for (index, line) in manifest.lines().enumerate() {
        let commented = above.starts_with('#');
        let mut miss = |name: &str| {
            let message = format!("dependency `{name}` has no comment that says what it is for");
            findings.push(Finding::new(index + 1, message));
        };
        if let Some(header) = line.strip_prefix('[') {
            state = State::after(header);
            if let Some(name) = header.split_once("dependencies.").map(|(_, name)| name.trim_end_matches(']'))
                && !commented
            {
                miss(name);
            }
        } else if state == State::Dependencies
            && let Some(name) = name(line)
        {
            let family = self::name(above).is_some_and(|before| name.starts_with(before));
            if !commented && !family {
                miss(name);
            }
        }
        above = line;
    }
    findings
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Dependencies,
    Elsewhere,
}

impl State {
    /// In `[dependencies]`, `[dev-dependencies]`, `[target.….dependencies]`, `[workspace.dependencies]`.
    fn after(header: &str) -> Self {
        if header.trim_end().ends_with("dependencies]") { Self::Dependencies } else { Self::Elsewhere }
    }
}

/// The key that a line begins with; none for a comment, a blank, or the inside of an array.
fn name(line: &str) -> Option<&str> {
    if !line.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_' || c == '"') {
        return None;
    }
    let end = line.find(['.', ' ', '=']).unwrap_or(line.len());
    Some(&line[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Check that a dependency needs a comment or a relative above it, in every sort of table.
    #[test]
    fn finds_missing_reasons() {
        let manifest = "[package]\nname = \"p\"\n[dependencies]\n# Why.\nserde = \"1\"\nserde_json = \"1\"\n\
                        libc = \"0.2\"\n[target.'cfg(unix)'.dev-dependencies]\nrand.workspace = true\n\
                        # Why.\n[dependencies.clap]\nversion = \"4\"\n[build-dependencies.cc]\nversion = \"1\"\n";
        let lines: Vec<usize> = check(manifest).iter().map(|finding| finding.line).collect();
        assert_eq!(lines, [7, 9, 13]);
    }

    /// Check that the lines of an array are not taken for dependencies.
    #[test]
    fn reads_over_arrays() {
        let manifest = "[dependencies]\n# Why.\ntokio = { version = \"1\", features = [\n    \"rt\",\n] }\n";
        assert_eq!(check(manifest), []);
    }
}
