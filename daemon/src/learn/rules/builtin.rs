//! The rules that hold without any configuration: `profiles/rules.toml`.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::{Groups, Rule, RuleError, RuleFile};
use crate::model::Arch;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RulesFile {
    /// Raised with every change.
    #[serde(rename = "version")]
    _version: String,
    rule: Vec<RuleFile>,
}

/// The built-in rules: none is tolerated, each is reported.
pub fn builtin(groups: &Groups, arch: Arch) -> Result<Vec<Rule>, RuleError> {
    let parsed: Result<RulesFile, _> = toml::from_str(include_str!("../../../../profiles/rules.toml"));
    let file = parsed.map_err(|source| RuleError::Builtin { file: "rules.toml", source })?;
    file.rule.into_iter().map(|one| Rule::from_file(one, groups, arch)).collect()
}

/// Rules of the configuration, and those built-in ones that none of them has the name of.
pub fn with_builtin(own: Vec<Rule>, groups: &Groups, arch: Arch) -> Result<Vec<Rule>, RuleError> {
    let mut names = BTreeSet::new();
    if let Some(rule) = own.iter().find(|rule| !names.insert(&rule.name)) {
        return Err(RuleError::Twice(rule.name.clone()));
    }
    let mut rules = builtin(groups, arch)?;
    rules.retain(|rule| !names.contains(&rule.name));
    rules.extend(own);
    rules.sort_by(|left, right| left.name.cmp(&right.name));
    Ok(rules)
}
