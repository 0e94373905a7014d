//! From the model to the files' types.

use std::borrow::Borrow;

use super::callers::FrameTable;
use super::format::{
    ArgumentsFile, BuildFile, CountsFile, GoFile, HostFile, LinkageFile, ModuleFile, RoleFile, RoleName,
    SeenFile, ValuesFile,
};
use super::reach::ReachableFile;
use crate::model::{Arch, Arguments, Build, GoBuild, Host, Linkage, Phase, Role, RoleObservations, Seen};
use crate::syscalls::display_name;

pub(in crate::learn) fn host(host: &Host) -> HostFile {
    HostFile {
        arch: host.arch.name().to_owned(),
        kernel: host.kernel.clone(),
        clock_source: host.clock_source.clone(),
        seccinch: host.seccinch.clone(),
    }
}

/// The roles in one order, whatever order they were met in.
pub(in crate::learn) fn roles(arch: Arch, roles: &[impl Borrow<RoleObservations>]) -> Vec<RoleFile> {
    let mut roles: Vec<&RoleObservations> = roles.iter().map(Borrow::borrow).collect();
    roles.sort_by_key(|role| (&role.role, &role.build.path, &role.build.id));
    roles.into_iter().map(|one| role(arch, one)).collect()
}

fn role(arch: Arch, role: &RoleObservations) -> RoleFile {
    let mut table = FrameTable::default();
    let syscalls =
        role.syscalls.iter().map(|(nr, one)| (display_name(arch, *nr), seen(one, &mut table))).collect();
    RoleFile {
        role: role_name(&role.role),
        build: build(&role.build),
        processes: role.processes,
        foreign: role.foreign,
        reachable: role.reachable.as_ref().map(|reachable| ReachableFile::new(arch, reachable)),
        syscalls,
        frames: table.into_file(),
    }
}

pub(in crate::learn) fn role_name(role: &Role) -> RoleName {
    match role {
        Role::Main => RoleName::Main,
        Role::Child(name) => RoleName::Child(name.clone()),
        Role::Entered(name) => RoleName::Entered(name.clone()),
    }
}

pub(in crate::learn) fn build(build: &Build) -> BuildFile {
    BuildFile {
        path: build.path.clone(),
        id: build.id.clone(),
        go: build.go.as_ref().map(go),
        linkage: build.linkage.as_ref().map(linkage),
    }
}

fn go(go: &GoBuild) -> GoFile {
    let module = go.module.clone().map(|(path, version)| ModuleFile { path, version });
    GoFile { toolchain: go.toolchain.clone(), path: go.path.clone(), module, cgo: go.cgo }
}

fn linkage(linkage: &Linkage) -> LinkageFile {
    LinkageFile { interpreter: linkage.interpreter.clone(), needed: linkage.needed.clone() }
}

fn seen<'a>(seen: &'a Seen, table: &mut FrameTable<'a>) -> SeenFile {
    SeenFile {
        counts: CountsFile {
            startup: seen.counts.get(Phase::Startup),
            steady: seen.counts.get(Phase::Steady),
            shutdown: seen.counts.get(Phase::Shutdown),
        },
        in_flight: seen.in_flight,
        first: seen.first.to_string(),
        last: seen.last.to_string(),
        arguments: arguments(&seen.arguments),
        callers: table.callers(&seen.callers),
    }
}

pub(in crate::learn) fn arguments(arguments: &Arguments) -> Option<ArgumentsFile> {
    match arguments {
        Arguments::Unwatched => None,
        Arguments::Any => Some(ArgumentsFile::Any),
        Arguments::Values(values) => {
            let values =
                values.iter().map(|(values, count)| ValuesFile { values: values.clone(), count: *count });
            Some(ArgumentsFile::Values(values.collect()))
        }
    }
}
