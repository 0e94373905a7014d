//! Rules as people write them.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;

use super::{ArgumentTest, Groups, Rule, RuleError, Then};
use crate::model::{Arch, Pattern, SyscallNr};
use crate::syscalls::{display_name, watched, watched_by_name};

/// A `[[rule]]` as it is written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleFile {
    /// A name of its own.
    pub name: String,
    /// Names, or groups as `@NAME`.
    pub syscalls: Vec<String>,
    /// Which of those calls count.
    pub argument: Option<ArgumentTestFile>,
    /// How many are not yet a violation.
    pub over: u64,
    /// In how much time: `1m`.
    pub per: String,
    /// What follows.
    #[serde(default)]
    pub then: ThenFile,
    /// Patterns of workload ids; all if it is left out.
    pub workloads: Option<Vec<String>>,
    /// Why it is there.
    pub why: Option<String>,
}

/// `{ index = 0, any_of = "0x10000000" }`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArgumentTestFile {
    /// The argument's position, from 0.
    pub index: u64,
    /// The bits of which one has to be set.
    pub any_of: Bits,
}

/// A set of bits: a number, or a text with one, because a flag reads better in hexadecimal.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Bits {
    /// `268435456`.
    Number(u64),
    /// `"0x10000000"`.
    Text(String),
}

/// What follows, as it is written.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ThenFile {
    /// `"report"`.
    #[default]
    Report,
    /// `"deny"`.
    Deny,
    /// `"narrow"`.
    Narrow,
}

/// The longest name: it is a label of a metric.
const LONGEST_NAME: usize = 64;

impl Rule {
    /// A rule, everything in it checked.
    pub fn from_file(file: RuleFile, groups: &Groups, arch: Arch) -> Result<Self, RuleError> {
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if !(1..=LONGEST_NAME).contains(&file.name.len()) || !file.name.chars().all(is_allowed) {
            return Err(RuleError::Name(file.name));
        }
        let name = file.name;
        let syscalls = groups.resolve(&name, &file.syscalls, arch)?;
        let rule = Self {
            argument: file.argument.map(|test| argument(&name, &test)).transpose()?,
            per: per(&name, file.per)?,
            then: file.then.into(),
            workloads: workloads(&name, file.workloads)?,
            over: file.over,
            why: file.why.unwrap_or_else(|| "a rule of the configuration".to_owned()),
            syscalls,
            name,
        };
        rule.check(arch)?;
        Ok(rule)
    }

    /// What its parts have to do with each other.
    fn check(&self, arch: Arch) -> Result<(), RuleError> {
        if self.then == Then::Deny && self.argument.is_some() {
            return Err(RuleError::DenyByArgument(self.name.clone()));
        }
        for nr in &self.syscalls {
            self.check_argument(arch, *nr)?;
            self.check_narrowing(arch, *nr)?;
        }
        Ok(())
    }

    fn check_argument(&self, arch: Arch, nr: SyscallNr) -> Result<(), RuleError> {
        let Some(test) = self.argument else { return Ok(()) };
        let syscall = display_name(arch, nr);
        let learned = match watched_by_name(&syscall) {
            Some(watched) if watched.arguments.contains(&test.index) => return Ok(()),
            Some(watched) => {
                let named = watched.arguments.iter().zip(watched.labels);
                let named: Vec<_> = named.map(|(index, label)| format!("{index} ({label})")).collect();
                format!("of this call that is {}", named.join(", "))
            }
            None => {
                format!("no argument of this call is; calls with learned arguments are {}", narrowable(arch))
            }
        };
        Err(RuleError::Argument { rule: self.name.clone(), syscall, index: test.index.into(), learned })
    }

    /// Whatever is learned can be narrowed.
    fn check_narrowing(&self, arch: Arch, nr: SyscallNr) -> Result<(), RuleError> {
        let syscall = display_name(arch, nr);
        if self.then != Then::Narrow || watched_by_name(&syscall).is_some() {
            return Ok(());
        }
        Err(RuleError::NotNarrowable { rule: self.name.clone(), syscall, known: narrowable(arch) })
    }
}

fn narrowable(arch: Arch) -> String {
    watched(arch).map(|(_, watched)| watched.name).collect::<Vec<_>>().join(", ")
}

fn argument(rule: &str, file: &ArgumentTestFile) -> Result<ArgumentTest, RuleError> {
    let mask = match &file.any_of {
        Bits::Number(number) => Some(*number),
        Bits::Text(text) => match text.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16).ok(),
            None => text.parse().ok(),
        },
    };
    let wrong = || RuleError::Bits { rule: rule.to_owned(), text: file.any_of.to_string() };
    let mask = mask.filter(|mask| *mask != 0).ok_or_else(wrong)?;
    // No call has so many: a position that is none is refused by its call.
    Ok(ArgumentTest { index: u8::try_from(file.index).unwrap_or(u8::MAX), mask })
}

fn per(rule: &str, text: String) -> Result<Duration, RuleError> {
    match humantime::parse_duration(&text) {
        Ok(per) if !per.is_zero() => Ok(per),
        _ => Err(RuleError::Per { rule: rule.to_owned(), text }),
    }
}

fn workloads(rule: &str, file: Option<Vec<String>>) -> Result<Vec<Pattern>, RuleError> {
    let texts = file.unwrap_or_else(|| vec!["*".to_owned()]);
    if texts.is_empty() {
        return Err(RuleError::NoWorkloads(rule.to_owned()));
    }
    let pattern = |text: String| {
        Pattern::parse(&text).map_err(|source| RuleError::Pattern { rule: rule.to_owned(), source })
    };
    texts.into_iter().map(pattern).collect()
}

impl fmt::Display for Bits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => write!(f, "\"{text}\""),
        }
    }
}

impl From<ThenFile> for Then {
    fn from(file: ThenFile) -> Self {
        match file {
            ThenFile::Report => Self::Report,
            ThenFile::Deny => Self::Deny,
            ThenFile::Narrow => Self::Narrow,
        }
    }
}
