mod language;
mod windows;

use super::*;

/// A rule as it would be written.
fn rule(text: &str) -> Result<Rule, RuleError> {
    let file: RuleFile = toml::from_str(text).unwrap();
    Rule::from_file(file, &Groups::builtin().unwrap(), Arch::NATIVE)
}
