//! Loading and attaching the programs: as BTF tracepoints, else as raw ones.

use std::fs;
use std::os::fd::{AsFd, AsRawFd};

use aya::programs::{BtfTracePoint, ProgramError, RawTracePoint};
use aya::{Btf, Ebpf};

use super::error::Error;

/// Which kind of tracepoint the programs are attached to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hooks {
    /// BTF tracepoints: the ABI check is a direct load.
    Btf,
    /// Raw tracepoints: the ABI check goes through a helper and costs some 50 ns more.
    Raw,
}

/// Program name without its suffix, and its tracepoint. Counting comes last: nobody is counted before
/// they would be followed.
const PROGRAMS: [(&str, &str); 5] = [
    ("signal", "signal_deliver"),
    ("exit", "sched_process_exit"),
    ("exec", "sched_process_exec"),
    ("fork", "sched_process_fork"),
    ("sys_enter", "sys_enter"),
];

/// Loads every program: as `wanted`, or if nothing is, as BTF tracepoints if they all load and as raw ones
/// otherwise. The maps must still be open.
pub(super) fn load(ebpf: &mut Ebpf, wanted: Option<Hooks>) -> Result<Hooks, Error> {
    if wanted != Some(Hooks::Raw) {
        match load_btf(ebpf) {
            Ok(()) => return Ok(Hooks::Btf),
            Err(error) if wanted == Some(Hooks::Btf) => return Err(error),
            Err(error) => tracing::info!(%error, "no BTF tracepoints here, using raw ones"),
        }
    }
    for program in PROGRAMS {
        raw_program(ebpf, program)?.load().map_err(failed(program))?;
    }
    Ok(Hooks::Raw)
}

/// Attaches every loaded program.
pub(super) fn attach(ebpf: &mut Ebpf, hooks: Hooks) -> Result<(), Error> {
    for program in PROGRAMS {
        match hooks {
            Hooks::Btf => btf_program(ebpf, program)?.attach().map(drop),
            Hooks::Raw => raw_program(ebpf, program)?.attach(program.1).map(drop),
        }
        .map_err(failed(program))?;
    }
    Ok(())
}

fn load_btf(ebpf: &mut Ebpf) -> Result<(), Error> {
    let btf = Btf::from_sys_fs().map_err(ProgramError::from).map_err(failed(("sys_enter", "sys_enter")))?;
    for program in PROGRAMS {
        btf_program(ebpf, program)?.load(program.1, &btf).map_err(failed(program))?;
    }
    Ok(())
}

fn btf_program<'a>(ebpf: &'a mut Ebpf, program: (&str, &str)) -> Result<&'a mut BtfTracePoint, Error> {
    let name = format!("{}_btf", program.0);
    let found = ebpf.program_mut(&name).ok_or(Error::Missing { what: "program", name })?;
    found.try_into().map_err(failed(program))
}

fn raw_program<'a>(ebpf: &'a mut Ebpf, program: (&str, &str)) -> Result<&'a mut RawTracePoint, Error> {
    let name = format!("{}_raw", program.0);
    let found = ebpf.program_mut(&name).ok_or(Error::Missing { what: "program", name })?;
    found.try_into().map_err(failed(program))
}

fn failed(program: (&str, &str)) -> impl FnOnce(ProgramError) -> Error {
    let (program, tracepoint) = (program.0.to_owned(), program.1.to_owned());
    move |source| Error::Attach { program, tracepoint, source: Box::new(source) }
}

/// Runs of our programs that the kernel skipped because one was already running on that CPU
/// (`recursion_misses` in `bpf_prog_info`, from Linux 5.12).
pub(super) fn skipped_runs(ebpf: &Ebpf) -> u64 {
    let misses = |program: &aya::programs::Program| {
        let fd = program.fd().ok()?.as_fd().as_raw_fd();
        let info = fs::read_to_string(format!("/proc/self/fdinfo/{fd}")).ok()?;
        info.lines().find_map(|line| line.strip_prefix("recursion_misses:"))?.trim().parse::<u64>().ok()
    };
    ebpf.programs().filter_map(|(_, program)| misses(program)).sum()
}
