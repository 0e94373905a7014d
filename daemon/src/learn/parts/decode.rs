//! From the files' types to the model, everything checked.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::callers;
use super::error::PartError;
use super::format::{ArgumentsFile, BuildFile, GoFile, HostFile, RoleFile, RoleName, SeenFile, ValuesFile};
use crate::files::locate;
use crate::model::{
    Arch, ArgumentValues, Arguments, Build, Callers, Frame, GoBuild, Host, Linkage, PhaseCounts, Role,
    RoleObservations, Seen, SyscallNr, Timestamp,
};
use crate::syscalls;

pub(in crate::learn) fn host(file: HostFile) -> Result<Host, PartError> {
    let Some(arch) = Arch::from_name(&file.arch) else {
        return Err(PartError::UnknownArch(file.arch));
    };
    Ok(Host { arch, kernel: file.kernel, clock_source: file.clock_source, seccinch: file.seccinch })
}

pub(in crate::learn) fn role(name: RoleName) -> Role {
    match name {
        RoleName::Main => Role::Main,
        RoleName::Child(name) => Role::Child(name),
        RoleName::Entered(name) => Role::Entered(name),
    }
}

pub(in crate::learn) fn build(file: BuildFile) -> Build {
    let linkage = file.linkage.map(|file| Linkage { interpreter: file.interpreter, needed: file.needed });
    Build { path: file.path, id: file.id, go: file.go.map(go), linkage }
}

fn go(file: GoFile) -> GoBuild {
    let module = file.module.map(|module| (module.path, module.version));
    GoBuild { toolchain: file.toolchain, path: file.path, module, cgo: file.cgo, goroutine_below: None }
}

/// What is needed to read a part of the file and to say where it stands.
pub(in crate::learn) struct Context<'a> {
    /// The table that the names belong to.
    pub(in crate::learn) arch: Arch,
    /// The whole text.
    pub(in crate::learn) bytes: &'a [u8],
}

impl Context<'_> {
    /// The roles, sorted by role, then by build.
    pub(in crate::learn) fn roles(&self, files: Vec<RoleFile>) -> Result<Vec<RoleObservations>, PartError> {
        let mut roles: Vec<_> = files.into_iter().map(|one| self.role(one)).collect::<Result<_, _>>()?;
        roles.sort_by(|a, b| {
            let key =
                |role: &RoleObservations| (role.role.clone(), role.build.path.clone(), role.build.id.clone());
            key(a).cmp(&key(b))
        });
        Ok(roles)
    }

    fn role(&self, file: RoleFile) -> Result<RoleObservations, PartError> {
        let (mut calls, frames) = (BTreeMap::new(), callers::frames(file.frames));
        for (name, seen) in file.syscalls {
            calls.insert(self.number(&name)?, self.seen(&name, seen, &frames)?);
        }
        let reachable =
            file.reachable.map(|file| file.into_model(|name| self.number(name)).map(Arc::new)).transpose()?;
        Ok(RoleObservations {
            role: role(file.role),
            build: build(file.build),
            processes: file.processes,
            syscalls: calls,
            foreign: file.foreign,
            reachable,
        })
    }

    pub(in crate::learn) fn number(&self, name: &str) -> Result<SyscallNr, PartError> {
        syscalls::parse(self.arch, name)
            .map_err(|source| PartError::UnknownSyscall { position: locate(self.bytes, name), source })
    }

    fn seen(&self, name: &str, file: SeenFile, frames: &[Frame]) -> Result<Seen, PartError> {
        let mut callers = Callers::default();
        for one in file.callers {
            let no_frame =
                || PartError::NoSuchFrame { position: locate(self.bytes, name), syscall: name.to_owned() };
            let caller = callers::caller(&one, frames, self.time(one.time.clone())?);
            callers.add(caller.ok_or_else(no_frame)?);
        }
        let arguments = file.arguments.map(|file| self.arguments(name, file)).transpose()?;
        Ok(Seen {
            counts: PhaseCounts::new(file.counts.startup, file.counts.steady, file.counts.shutdown),
            in_flight: file.in_flight,
            first: self.time(file.first)?,
            last: self.time(file.last)?,
            arguments: arguments.unwrap_or_default(),
            callers,
        })
    }

    pub(in crate::learn) fn arguments(
        &self,
        name: &str,
        file: ArgumentsFile,
    ) -> Result<Arguments, PartError> {
        Ok(match file {
            ArgumentsFile::Any => Arguments::Any,
            ArgumentsFile::Values(values) => Arguments::Values(self.values(name, values)?),
        })
    }

    fn values(&self, name: &str, files: Vec<ValuesFile>) -> Result<ArgumentValues, PartError> {
        let bad = |problem| PartError::BadArguments {
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

    pub(in crate::learn) fn time(&self, text: String) -> Result<Timestamp, PartError> {
        Timestamp::from_rfc3339(&text)
            .ok_or_else(|| PartError::BadTime { position: locate(self.bytes, &text), text })
    }
}
