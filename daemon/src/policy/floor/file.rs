//! Floor files: their shape as people write it, and what must be true of them.

use serde::Deserialize;

use super::{Floor, FloorError};
use crate::model::{Arch, GoVersion};

/// A checked floor file.
pub(super) struct File {
    /// What a profile's provenance says of the file; raised with every change to its names.
    pub(super) version: String,
    /// Its names, in its order.
    pub(super) rows: Vec<Row>,
}

/// One name of a floor file.
pub(super) struct Row {
    /// A name that at least one architecture has.
    pub(super) name: String,
    /// Who calls it, and what breaks without it.
    pub(super) reason: String,
    /// The one architecture where it is called; every one that has the name, if nothing stands here.
    arch: Option<Arch>,
    /// The first and the last Go release that calls it.
    since: Option<GoVersion>,
    until: Option<GoVersion>,
}

impl File {
    /// Reads and checks a floor's file.
    pub(super) fn parse(floor: Floor, text: &str) -> Result<Self, FloorError> {
        let file: FileToml = toml::from_str(text).map_err(|source| FloorError::Parse { floor, source })?;
        let rows: Result<_, _> = file.syscall.into_iter().map(|row| Row::check(floor, row)).collect();
        Ok(Self { version: file.version, rows: rows? })
    }
}

impl Row {
    /// Checks one row as it stands in the file.
    fn check(floor: Floor, row: RowToml) -> Result<Self, FloorError> {
        if !Arch::ALL.into_iter().any(|arch| crate::syscalls::number(arch, &row.name).is_some()) {
            return Err(FloorError::UnknownName { floor, name: row.name });
        }
        let arch = row.arch.map(|arch| architecture(floor, &row.name, arch)).transpose()?;
        let since = row.since.map(|version| release(floor, &row.name, &version)).transpose()?;
        let until = row.until.map(|version| release(floor, &row.name, &version)).transpose()?;
        Ok(Self { name: row.name, reason: row.reason, arch, since, until })
    }

    /// Whether the name belongs to a program of this architecture and release (nothing: not Go).
    pub(super) fn holds(&self, arch: Arch, go: Option<GoVersion>) -> bool {
        let native = self.arch.is_none_or(|wanted| wanted == arch);
        let after = self.since.is_none_or(|since| go.is_some_and(|go| go >= since));
        let before = self.until.is_none_or(|until| go.is_some_and(|go| go <= until));
        native && after && before
    }
}

/// Reads `x86_64`.
fn architecture(floor: Floor, name: &str, arch: String) -> Result<Arch, FloorError> {
    Arch::from_name(&arch).ok_or_else(|| FloorError::Architecture { floor, name: name.into(), arch })
}

/// Reads `1.27`.
fn release(floor: Floor, name: &str, version: &str) -> Result<GoVersion, FloorError> {
    let numbers = version.split_once('.').and_then(|(major, minor)| {
        Some(GoVersion { major: major.parse().ok()?, minor: minor.parse().ok()? })
    });
    numbers.ok_or_else(|| FloorError::GoRelease { floor, name: name.into(), version: version.into() })
}

/// A floor file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileToml {
    version: String,
    #[serde(default)]
    syscall: Vec<RowToml>,
}

/// A `[[syscall]]` as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RowToml {
    name: String,
    reason: String,
    arch: Option<String>,
    since: Option<String>,
    until: Option<String>,
}
