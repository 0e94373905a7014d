//! From observations to the file's types.

use super::format::{
    ArgumentsFile, BuildFile, CountsFile, DOCUMENT, GoFile, HostFile, LinkageFile, ModuleFile,
    ObservationsFile, RoleFile, RoleName, SeenFile, ValuesFile,
};
use crate::model::{
    Arch, Arguments, Build, GoBuild, Host, Linkage, Observations, Phase, Role, RoleObservations, Seen,
};
use crate::syscalls::display_name;

pub(super) fn encode(observations: &Observations) -> ObservationsFile {
    let mut roles: Vec<&RoleObservations> = observations.roles.iter().collect();
    // Whoever made the observations may have met the binaries in any order.
    roles.sort_by_key(|role| (&role.role, &role.build.path, &role.build.id));
    ObservationsFile {
        format: DOCUMENT.format.to_owned(),
        version: DOCUMENT.version,
        host: host(&observations.host),
        started: observations.started.to_string(),
        ended: observations.ended.to_string(),
        losses: observations.losses.0.clone(),
        roles: roles.into_iter().map(|one| role(observations.host.arch, one)).collect(),
    }
}

fn host(host: &Host) -> HostFile {
    HostFile {
        arch: host.arch.name().to_owned(),
        kernel: host.kernel.clone(),
        clock_source: host.clock_source.clone(),
        seccinch: host.seccinch.clone(),
    }
}

fn role(arch: Arch, role: &RoleObservations) -> RoleFile {
    let syscalls = role.syscalls.iter().map(|(nr, one)| (display_name(arch, *nr), seen(one)));
    RoleFile {
        role: match &role.role {
            Role::Main => RoleName::Main,
            Role::Child(name) => RoleName::Child(name.clone()),
            Role::Entered(name) => RoleName::Entered(name.clone()),
        },
        build: build(&role.build),
        processes: role.processes,
        foreign: role.foreign,
        syscalls: syscalls.collect(),
    }
}

fn build(build: &Build) -> BuildFile {
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

fn seen(seen: &Seen) -> SeenFile {
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
    }
}

fn arguments(arguments: &Arguments) -> Option<ArgumentsFile> {
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
