//! Floors: the names that every profile holds, whatever was observed.
//!
//! In: an architecture, the Go release of a program if it is one, the runtime that will start it. Out:
//! system call names, each with the floor that it is from and the reason. A recording shows what a program
//! did while it was watched; a floor adds what the same program does on a day when the recorder was not
//! there, because its runtime, its kernel or the thing that starts it does so.
//!
//! The names are data, in `profiles/floor-*.toml`; `docs/floors.md` says how they were found, and
//! `daemon/tests/floors` shows for each what breaks without it.

mod file;

use std::fmt;
use std::sync::OnceLock;

use crate::model::{Arch, GoVersion};
use file::{File, Row};

/// A floor, by what makes its names necessary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Floor {
    /// Every process: its start, its end, its signals.
    Process,
    /// Calls that a vDSO answers without the kernel on one host, and does not on another.
    Vdso,
    /// What the Go runtime may call at any time.
    Go,
    /// What the Go runtime and the packages under it call once, before `main`.
    GoStart,
    /// What Go's own profiler calls, if someone asks a service for a profile.
    GoProfiling,
    /// What runc calls in the container between loading the filter and executing the program.
    Runc,
    /// What it calls besides where `no_new_privs` is not set.
    RuncPrivileges,
    /// What crun calls in the container between loading the filter and executing the program.
    Crun,
    /// What it calls besides where `no_new_privs` is not set.
    CrunPrivileges,
    /// The same for a unit's main process under systemd.
    Systemd,
}

/// What loads the filter and starts the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Runtime {
    /// runc, by itself or under containerd, Docker or Kubernetes.
    Runc,
    /// crun, by itself or under Podman or CRI-O.
    Crun,
    /// systemd, with `SystemCallFilter=`.
    Systemd,
}

/// Whether the program runs with `no_new_privs`, which decides how early a runtime loads the filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NoNewPrivileges {
    /// It is set (`noNewPrivileges: true`, `allowPrivilegeEscalation: false`): the filter is loaded last.
    Set,
    /// It is not: the filter is loaded while the runtime still has privileges to drop.
    Unset,
}

/// One name of a floor.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FloorEntry {
    /// The call's name in the architecture's table.
    pub name: &'static str,
    /// The floor that holds it.
    pub floor: Floor,
    /// Who calls it, and what breaks without it.
    pub reason: String,
}

/// A floor file of this program that it cannot use itself.
#[derive(Debug, thiserror::Error)]
pub enum FloorError {
    /// Not TOML, or not of the shape of a floor file.
    #[error("reading the built-in floor file `{floor}`")]
    Parse {
        /// The file's floor.
        floor: Floor,
        /// Where and why.
        #[source]
        source: toml::de::Error,
    },
    /// A name that no architecture has.
    #[error("the built-in floor file `{floor}` names the unknown system call `{name}`")]
    UnknownName {
        /// The file's floor.
        floor: Floor,
        /// The name as the file has it.
        name: String,
    },
    /// An architecture that is none of ours.
    #[error("the built-in floor file `{floor}` has the unknown architecture `{arch}` for `{name}`")]
    Architecture {
        /// The file's floor.
        floor: Floor,
        /// The row's name.
        name: String,
        /// What stands there.
        arch: String,
    },
    /// A Go release that is not written `1.27`.
    #[error(
        "the built-in floor file `{floor}` has `{version}` for `{name}`, which is no Go release such as `1.27`"
    )]
    GoRelease {
        /// The file's floor.
        floor: Floor,
        /// The row's name.
        name: String,
        /// What stands there.
        version: String,
    },
}

impl Floor {
    /// Every floor.
    pub const ALL: [Self; 10] = [
        Self::Process,
        Self::Vdso,
        Self::Go,
        Self::GoStart,
        Self::GoProfiling,
        Self::Runc,
        Self::RuncPrivileges,
        Self::Crun,
        Self::CrunPrivileges,
        Self::Systemd,
    ];

    /// Its name, as in `profiles/floor-NAME.toml` and in a profile's reasons.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Vdso => "vdso",
            Self::Go => "go",
            Self::GoStart => "go-start",
            Self::GoProfiling => "go-profiling",
            Self::Runc => "runc",
            Self::RuncPrivileges => "runc-privileges",
            Self::Crun => "crun",
            Self::CrunPrivileges => "crun-privileges",
            Self::Systemd => "systemd",
        }
    }

    /// Its file, as it was when this program was built.
    const fn text(self) -> &'static str {
        match self {
            Self::Process => include_str!("../../../profiles/floor-process.toml"),
            Self::Vdso => include_str!("../../../profiles/floor-vdso.toml"),
            Self::Go => include_str!("../../../profiles/floor-go.toml"),
            Self::GoStart => include_str!("../../../profiles/floor-go-start.toml"),
            Self::GoProfiling => include_str!("../../../profiles/floor-go-profiling.toml"),
            Self::Runc => include_str!("../../../profiles/floor-runc.toml"),
            Self::RuncPrivileges => include_str!("../../../profiles/floor-runc-privileges.toml"),
            Self::Crun => include_str!("../../../profiles/floor-crun.toml"),
            Self::CrunPrivileges => include_str!("../../../profiles/floor-crun-privileges.toml"),
            Self::Systemd => include_str!("../../../profiles/floor-systemd.toml"),
        }
    }

    /// Its file as it is used: read once, because a daemon builds many profiles.
    fn file(self) -> Result<&'static File, FloorError> {
        static FILES: [OnceLock<File>; Floor::ALL.len()] = [const { OnceLock::new() }; Floor::ALL.len()];
        let place = &FILES[self as usize];
        match place.get() {
            Some(file) => Ok(file),
            None => File::parse(self, self.text()).map(|file| place.get_or_init(|| file)),
        }
    }

    /// Whether a program of this kind, started by this runtime, stands on this floor.
    fn carries(self, go: Option<GoVersion>, runtime: Option<Runtime>, privileges: NoNewPrivileges) -> bool {
        let early = privileges == NoNewPrivileges::Unset;
        match self {
            Self::Process | Self::Vdso => true,
            Self::Go | Self::GoStart | Self::GoProfiling => go.is_some(),
            Self::Runc => runtime == Some(Runtime::Runc),
            Self::RuncPrivileges => early && runtime == Some(Runtime::Runc),
            Self::Crun => runtime == Some(Runtime::Crun),
            Self::CrunPrivileges => early && runtime == Some(Runtime::Crun),
            Self::Systemd => runtime == Some(Runtime::Systemd),
        }
    }
}

impl fmt::Display for Floor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The names that a profile holds for a program of this kind under this runtime, in the order of the
/// floors and then of their files.
///
/// `go` is the release that built the program, nothing for a program that is not Go. `runtime` is what
/// will start it, nothing where it is only executed under the filter. Names that the architecture does not
/// have are left out; one name may stand in several floors, each with its own reason.
pub fn floor(
    arch: Arch,
    go: Option<GoVersion>,
    runtime: Option<Runtime>,
    no_new_privileges: NoNewPrivileges,
) -> Result<Vec<FloorEntry>, FloorError> {
    let mut entries = Vec::new();
    for floor in Floor::ALL.into_iter().filter(|floor| floor.carries(go, runtime, no_new_privileges)) {
        let rows = floor.file()?.rows.iter().filter(|row| row.holds(arch, go));
        entries.extend(rows.filter_map(|row| row.entry(arch, floor)));
    }
    Ok(entries)
}

/// Every floor with the version of its file: part of a profile's provenance.
pub fn versions() -> Result<Vec<(Floor, String)>, FloorError> {
    Floor::ALL.into_iter().map(|floor| Ok((floor, floor.file()?.version.clone()))).collect()
}

impl Row {
    /// The row as an entry, or nothing where the architecture has no such call.
    fn entry(&self, arch: Arch, floor: Floor) -> Option<FloorEntry> {
        let name = crate::syscalls::name(arch, crate::syscalls::number(arch, &self.name)?)?;
        Some(FloorEntry { name, floor, reason: self.reason.clone() })
    }
}

#[cfg(test)]
mod tests;
