//! From the file's types to observations, everything checked.

use std::collections::BTreeMap;

use super::error::ObservationsError;
use super::format::{
    ArgumentsFile, BuildFile, GoFile, HostFile, ObservationsFile, RoleFile, RoleName, SeenFile, ValuesFile,
};
use crate::files::locate;
use crate::model::{
    Arch, ArgumentValues, Arguments, Build, GoBuild, Host, Linkage, Losses, Observations, PhaseCounts, Role,
    RoleObservations, Seen, SyscallNr, Timestamp,
};
use crate::syscalls;

/// `bytes` is the text that `file` was read from, to say where something stands.
pub(super) fn decode(file: ObservationsFile, bytes: &[u8]) -> Result<Observations, ObservationsError> {
    let host = host(file.host)?;
    let context = Context { arch: host.arch, bytes };
    let mut roles: Vec<_> = file.roles.into_iter().map(|one| context.role(one)).collect::<Result<_, _>>()?;
    roles.sort_by(|a, b| {
        let key =
            |role: &RoleObservations| (role.role.clone(), role.build.path.clone(), role.build.id.clone());
        key(a).cmp(&key(b))
    });
    let (started, ended) = (context.time(file.started)?, context.time(file.ended)?);
    Ok(Observations { host, started, ended, roles, losses: Losses(file.losses) })
}

fn host(file: HostFile) -> Result<Host, ObservationsError> {
    let Some(arch) = Arch::from_name(&file.arch) else {
        return Err(ObservationsError::UnknownArch(file.arch));
    };
    Ok(Host { arch, kernel: file.kernel, clock_source: file.clock_source, seccinch: file.seccinch })
}

fn build(file: BuildFile) -> Build {
    let linkage = file.linkage.map(|file| Linkage { interpreter: file.interpreter, needed: file.needed });
    Build { path: file.path, id: file.id, go: file.go.map(go), linkage }
}

fn go(file: GoFile) -> GoBuild {
    let module = file.module.map(|module| (module.path, module.version));
    GoBuild { toolchain: file.toolchain, path: file.path, module, cgo: file.cgo }
}

/// What is needed to read a part of the file and to say where it stands.
struct Context<'a> {
    arch: Arch,
    bytes: &'a [u8],
}

impl Context<'_> {
    fn role(&self, file: RoleFile) -> Result<RoleObservations, ObservationsError> {
        let mut calls = BTreeMap::new();
        for (name, seen) in file.syscalls {
            calls.insert(self.number(&name)?, self.seen(&name, seen)?);
        }
        let role = match file.role {
            RoleName::Main => Role::Main,
            RoleName::Child(name) => Role::Child(name),
            RoleName::Entered(name) => Role::Entered(name),
        };
        Ok(RoleObservations {
            role,
            build: build(file.build),
            processes: file.processes,
            syscalls: calls,
            foreign: file.foreign,
        })
    }

    fn number(&self, name: &str) -> Result<SyscallNr, ObservationsError> {
        syscalls::parse(self.arch, name).map_err(|source| ObservationsError::UnknownSyscall {
            position: locate(self.bytes, name),
            source,
        })
    }

    fn seen(&self, name: &str, file: SeenFile) -> Result<Seen, ObservationsError> {
        Ok(Seen {
            counts: PhaseCounts::new(file.counts.startup, file.counts.steady, file.counts.shutdown),
            in_flight: file.in_flight,
            first: self.time(file.first)?,
            last: self.time(file.last)?,
            arguments: match file.arguments {
                None => Arguments::Unwatched,
                Some(ArgumentsFile::Any) => Arguments::Any,
                Some(ArgumentsFile::Values(values)) => Arguments::Values(self.values(name, values)?),
            },
        })
    }

    fn values(&self, name: &str, files: Vec<ValuesFile>) -> Result<ArgumentValues, ObservationsError> {
        let bad = |problem| ObservationsError::BadArguments {
            position: locate(self.bytes, name),
            syscall: name.to_owned(),
            problem,
        };
        let watched = syscalls::watched_by_name(name).ok_or_else(|| bad("are not watched"))?;
        let mut values = ArgumentValues::new();
        for file in files {
            if file.values.len() != watched.arguments.len() {
                return Err(bad("are too few or too many"));
            }
            if values.insert(file.values, file.count).is_some() {
                return Err(bad("stand there twice with the same values"));
            }
        }
        Ok(values)
    }

    fn time(&self, text: String) -> Result<Timestamp, ObservationsError> {
        Timestamp::from_rfc3339(&text)
            .ok_or_else(|| ObservationsError::BadTime { position: locate(self.bytes, &text), text })
    }
}
