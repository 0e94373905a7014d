//! What was found out about a filter, for people and as JSON (`docs/verify.md`).

use std::fmt::Write as _;

use serde::Serialize;

use super::battery::Judged;
use super::cases::{Difference, Way};
use crate::app::profile::Report;
use crate::app::profile::report::wrap;
use crate::files::{WriteError, to_json};
use crate::policy::Outcome;

/// What a filter does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyReport {
    pub(super) name: String,
    /// Whether there is a profile to compare with.
    pub(super) is_compared: bool,
    pub(super) filters: usize,
    pub(super) asked: usize,
    /// Calls that are made, by name.
    pub(super) open: Vec<String>,
    pub(super) differences: Vec<Difference>,
    pub(super) battery: Vec<Judged>,
}

#[derive(Serialize)]
struct Document<'a> {
    format: &'static str,
    version: u32,
    subject: &'a str,
    /// How many filters there are, one on the other.
    filters: usize,
    /// How many calls were asked about.
    asked: usize,
    /// The calls that are made with some arguments.
    made: &'a [String],
    /// Whether there was a profile to compare with.
    compared: bool,
    differences: Vec<DifferenceDocument<'a>>,
    battery: Vec<RowDocument<'a>>,
}

#[derive(Serialize)]
struct DifferenceDocument<'a> {
    call: &'a str,
    kind: &'static str,
    expected: String,
    actual: String,
}

#[derive(Serialize)]
struct RowDocument<'a> {
    row: &'a str,
    state: &'static str,
    outcome: String,
    why: &'a str,
    /// Why it may stand open.
    #[serde(skip_serializing_if = "Option::is_none")]
    accepted: Option<&'a str>,
}

impl<'a> From<&'a Difference> for DifferenceDocument<'a> {
    fn from(one: &'a Difference) -> Self {
        Self {
            call: &one.call,
            kind: one.way.name(),
            expected: one.expected.to_string(),
            actual: one.actual.to_string(),
        }
    }
}

impl<'a> From<&'a Judged> for RowDocument<'a> {
    fn from(one: &'a Judged) -> Self {
        Self {
            row: &one.row.name,
            state: one.state(),
            outcome: one.outcome.to_string(),
            why: &one.row.why,
            accepted: one.row.accepted.as_deref(),
        }
    }
}

impl Judged {
    fn state(&self) -> &'static str {
        match (self.outcome, &self.row.accepted) {
            (Outcome::Made, None) => "open",
            (Outcome::Made, Some(_)) => "accepted",
            _ => "blocked",
        }
    }
}

impl Way {
    const fn name(self) -> &'static str {
        match self {
            Self::Looser => "looser",
            Self::Stricter => "stricter",
            Self::Otherwise => "otherwise",
        }
    }
}

impl VerifyReport {
    fn head(&self) -> String {
        let asked = format!("{}: {} calls asked about, none made", self.name, self.asked);
        match (self.filters, self.is_compared, self.differences.len()) {
            (0, ..) => format!("{asked}; it runs under no filter"),
            (_, false, _) => format!("{asked}; {} are allowed", self.open.len()),
            (_, true, 0) => {
                format!("{asked}; each is answered as the profile says, {} are allowed", self.open.len())
            }
            (_, true, count) => format!("{asked}; {count} are answered otherwise than the profile says"),
        }
    }

    fn count(&self, state: &str) -> usize {
        self.battery.iter().filter(|one| one.state() == state).count()
    }
}

impl Report for VerifyReport {
    fn text(&self) -> String {
        let mut text = wrap("", &self.head());
        for Difference { call, expected, actual, way } in &self.differences {
            text.push_str(&wrap(
                "- ",
                &format!("{call}: {actual}, where the profile says {expected} ({})", way.name()),
            ));
        }
        let (blocked, accepted, open) = (self.count("blocked"), self.count("accepted"), self.count("open"));
        let _ = writeln!(text, "\nways out: {blocked} blocked, {accepted} accepted, {open} open");
        for one in &self.battery {
            let reason = match one.state() {
                "open" => format!(": {}", one.row.why),
                "accepted" => format!(": {}", one.row.accepted.as_deref().unwrap_or_default()),
                _ => String::new(),
            };
            let line = format!("{} ({}){reason}", one.row.name, one.outcome);
            text.push_str(&wrap(&format!("  {:<8}  ", one.state()), &line));
        }
        text
    }

    fn json(&self) -> Result<Vec<u8>, WriteError> {
        to_json(&Document {
            format: "seccinch.verify",
            version: 1,
            subject: &self.name,
            filters: self.filters,
            asked: self.asked,
            made: &self.open,
            compared: self.is_compared,
            differences: self.differences.iter().map(DifferenceDocument::from).collect(),
            battery: self.battery.iter().map(RowDocument::from).collect(),
        })
    }

    fn is_clean(&self) -> bool {
        self.differences.is_empty() && !self.battery.iter().any(Judged::is_open)
    }
}
