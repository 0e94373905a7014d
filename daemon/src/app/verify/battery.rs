//! The calls by which containers are left (`profiles/escape.toml`), and those of them that may stand open.

use std::collections::BTreeMap;

use serde::Deserialize;

#[cfg(target_arch = "x86_64")]
use super::cases::X32;
use crate::model::Arch;
use crate::policy::Outcome;
use crate::sys::{Call, Entry};
use crate::syscalls::number;

const ROWS: &str = include_str!("../../../../profiles/escape.toml");
const ACCEPTED: &str = include_str!("../../../../profiles/accepted-open.toml");
/// Rows that may be accepted: with more, a battery says nothing.
const MOST_ACCEPTED: usize = 3;

/// What is wrong with the files.
#[derive(Debug, thiserror::Error)]
pub enum BatteryError {
    /// One of them is no such file.
    #[error("profiles/{file} is damaged")]
    Parse {
        /// Which.
        file: &'static str,
        /// What is wrong with it.
        #[source]
        source: toml::de::Error,
    },
    /// A row is about nothing.
    #[error("profiles/escape.toml: row `{row}` names no call of any architecture")]
    Name {
        /// The row.
        row: String,
    },
    /// A row is accepted that is not there.
    #[error("profiles/accepted-open.toml: `{row}` is no row of escape.toml")]
    NoSuchRow {
        /// The row.
        row: String,
    },
    /// Too much is accepted.
    #[error("profiles/accepted-open.toml has {count} rows: at most {MOST_ACCEPTED} may stand open")]
    TooMany {
        /// How many.
        count: usize,
    },
}

/// A way out that is asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) name: String,
    pub(super) why: String,
    pub(super) call: Call,
    /// Why it may stand open; nothing if it may not.
    pub(super) accepted: Option<String>,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Judged {
    pub(super) row: Row,
    pub(super) outcome: Outcome,
}

impl Judged {
    /// Whether it is open, and nobody said that it may be.
    pub(super) fn is_open(&self) -> bool {
        self.outcome == Outcome::Made && self.row.accepted.is_none()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RowsToml {
    #[expect(dead_code, reason = "for people who compare files")]
    version: String,
    row: Vec<RowToml>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RowToml {
    name: String,
    syscall: String,
    #[serde(default)]
    arguments: Vec<u64>,
    #[serde(default)]
    entry: EntryToml,
    why: String,
}

#[derive(Deserialize, Default, PartialEq, Eq)]
enum EntryToml {
    #[default]
    #[serde(rename = "native")]
    Native,
    #[serde(rename = "x32")]
    X32,
    #[serde(rename = "32-bit")]
    Bits32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AcceptedToml {
    #[expect(dead_code, reason = "for people who compare files")]
    version: String,
    row: Vec<AcceptedRowToml>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AcceptedRowToml {
    name: String,
    reason: String,
}

/// The rows that this machine's architecture has.
pub(super) fn rows() -> Result<Vec<Row>, BatteryError> {
    let rows: RowsToml = parse("escape.toml", ROWS)?;
    let mut accepted = accepted(&rows)?;
    let mut known = Vec::new();
    for row in rows.row {
        let is_known = Arch::ALL.into_iter().any(|arch| number(arch, &row.syscall).is_some());
        if !is_known || row.arguments.len() > 6 {
            return Err(BatteryError::Name { row: row.name });
        }
        if let Some(call) = call(&row) {
            let accepted = accepted.remove(&row.name);
            known.push(Row { name: row.name, why: row.why, call, accepted });
        }
    }
    Ok(known)
}

fn accepted(rows: &RowsToml) -> Result<BTreeMap<String, String>, BatteryError> {
    let accepted: AcceptedToml = parse("accepted-open.toml", ACCEPTED)?;
    if accepted.row.len() > MOST_ACCEPTED {
        return Err(BatteryError::TooMany { count: accepted.row.len() });
    }
    if let Some(none) = accepted.row.iter().find(|one| !rows.row.iter().any(|row| row.name == one.name)) {
        return Err(BatteryError::NoSuchRow { row: none.name.clone() });
    }
    Ok(accepted.row.into_iter().map(|row| (row.name, row.reason)).collect())
}

fn parse<T: serde::de::DeserializeOwned>(file: &'static str, text: &str) -> Result<T, BatteryError> {
    toml::from_str(text).map_err(|source| BatteryError::Parse { file, source })
}

/// The call, where this machine has it.
fn call(row: &RowToml) -> Option<Call> {
    let mut arguments = [0; 6];
    arguments[..row.arguments.len()].copy_from_slice(&row.arguments);
    let native = u32::from(number(Arch::NATIVE, &row.syscall)?.get());
    let (entry, number) = match row.entry {
        EntryToml::Native => (Entry::Native, native),
        #[cfg(target_arch = "x86_64")]
        EntryToml::X32 => (Entry::Native, native | X32),
        // `read` is 3 there (arch/x86/entry/syscalls/syscall_32.tbl).
        #[cfg(target_arch = "x86_64")]
        EntryToml::Bits32 => (Entry::Int80, 3),
        #[cfg(not(target_arch = "x86_64"))]
        EntryToml::X32 | EntryToml::Bits32 => return None,
    };
    Some(Call { entry, number, arguments })
}

/// The rows with what became of each.
pub(super) fn judge(rows: Vec<Row>, outcomes: &[Outcome]) -> Vec<Judged> {
    rows.into_iter().zip(outcomes).map(|(row, outcome)| Judged { row, outcome: *outcome }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Check that the files in the program are whole, and that few rows may stand open.
    #[test]
    fn the_files_are_whole() {
        let rows = rows().unwrap();
        assert!(rows.len() > 40, "{}", rows.len());
        assert!(rows.iter().filter(|row| row.accepted.is_some()).count() <= MOST_ACCEPTED);
        let names: std::collections::BTreeSet<_> = rows.iter().map(|row| &row.name).collect();
        assert_eq!(names.len(), rows.len(), "each row has a name of its own");
    }
}
