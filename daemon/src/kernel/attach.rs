//! Loading and attaching the programs: as BTF tracepoints, else as raw ones.

use std::ffi::CString;
use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use aya::programs::links::{FdLink, PinnedLink};
use aya::programs::{BtfTracePoint, ProgramError, ProgramFd, RawTracePoint};
use aya::{Btf, Ebpf};

use super::error::Error;
use super::pins::{Kind, Pins};
use super::targets::ProgramRuns;

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

/// A load that is interrupted so often has another reason.
const LOAD_ATTEMPTS: usize = 10;

/// A program at its tracepoint. Dropping it detaches the program, unless its link is pinned.
pub(super) struct Attached {
    name: &'static str,
    program: OwnedFd,
    /// The program stays attached for as long as somebody has it.
    link: FdLink,
}

impl Attached {
    /// Opens the programs that were pinned by a load before, and their links.
    pub(super) fn open_all(pins: &Pins) -> Result<Vec<Self>, Error> {
        PROGRAMS.iter().map(|(name, _)| Self::open(pins, name)).collect()
    }

    fn open(pins: &Pins, name: &'static str) -> Result<Self, Error> {
        let path = pins.path(Kind::Program, name);
        let program = open_program(&path).map_err(Error::pin("open", &path))?;
        let path = pins.path(Kind::Link, name);
        let link = PinnedLink::from_pin(&path).map_err(Error::pin("open", &path))?;
        Ok(Self { name, program, link: link.into() })
    }

    /// The kernel's number for this program.
    pub(super) fn id(&self) -> Option<u32> {
        fdinfo(&self.program, "prog_id")?.try_into().ok()
    }

    /// What the kernel says of it.
    pub(super) fn runs(&self) -> ProgramRuns {
        ProgramRuns {
            program: self.name.into(),
            is_attached: self.link.info().is_ok_and(|link| Some(link.program_id()) == self.id()),
            runs: fdinfo(&self.program, "run_cnt").unwrap_or(0),
            nanoseconds: fdinfo(&self.program, "run_time_ns").unwrap_or(0),
        }
    }

    /// Runs that the kernel skipped because the program was already running on that CPU (from Linux 5.12).
    pub(super) fn skipped(&self) -> u64 {
        fdinfo(&self.program, "recursion_misses").unwrap_or(0)
    }
}

/// A number that the kernel shows of an open program.
fn fdinfo(fd: &OwnedFd, field: &str) -> Option<u64> {
    let info = fs::read_to_string(format!("/proc/self/fdinfo/{}", fd.as_raw_fd())).ok()?;
    let value = |line: &str| line.strip_prefix(field)?.strip_prefix(':')?.trim().parse().ok();
    info.lines().find_map(value)
}

/// Opens a pinned program by `BPF_OBJ_GET` of bpf(2). aya would look up the type information of what it is attached to
/// by its number too, which takes `CAP_SYS_ADMIN` and is needed for nothing here.
fn open_program(path: &Path) -> io::Result<OwnedFd> {
    const OBJ_GET: libc::c_long = 7;
    /// The part of `union bpf_attr` that the command reads (`include/uapi/linux/bpf.h`, Linux 6.12).
    #[repr(C)]
    struct Get {
        path: u64,
        descriptor: u32,
        flags: u32,
    }
    let path = CString::new(path.as_os_str().as_bytes())?;
    let get = Get { path: path.as_ptr() as u64, descriptor: 0, flags: 0 };
    // SAFETY: reads `get` and the text that it points to; both outlive the call.
    let opened = unsafe { libc::syscall(libc::SYS_bpf, OBJ_GET, &raw const get, size_of::<Get>()) };
    match RawFd::try_from(opened) {
        // SAFETY: the kernel just made this descriptor for us; nobody else owns it.
        Ok(opened) if opened >= 0 => Ok(unsafe { OwnedFd::from_raw_fd(opened) }),
        _ => Err(io::Error::last_os_error()),
    }
}

fn copy(fd: &ProgramFd) -> Result<OwnedFd, ProgramError> {
    fd.as_fd().try_clone_to_owned().map_err(|error: io::Error| error.into())
}

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
        let loaded = raw_program(ebpf, program)?;
        unless_interrupted(by_signal, || loaded.load()).map_err(failed(program))?;
    }
    Ok(Hooks::Raw)
}

/// Attaches every loaded program, and pins it and its link if that is wanted.
pub(super) fn attach(ebpf: &mut Ebpf, hooks: Hooks, pins: Option<&Pins>) -> Result<Vec<Attached>, Error> {
    PROGRAMS.iter().map(|program| attach_one(ebpf, hooks, pins, *program)).collect()
}

fn attach_one(
    ebpf: &mut Ebpf,
    hooks: Hooks,
    pins: Option<&Pins>,
    program: (&'static str, &'static str),
) -> Result<Attached, Error> {
    let pin = pins.map(|pins| pins.path(Kind::Program, program.0));
    let (fd, mut link) = match hooks {
        Hooks::Btf => {
            let loaded = btf_program(ebpf, program)?;
            if let Some(path) = &pin {
                loaded.pin(path).map_err(Error::pin("pin", path))?;
            }
            attach_btf(loaded).map_err(failed(program))?
        }
        Hooks::Raw => {
            let loaded = raw_program(ebpf, program)?;
            if let Some(path) = &pin {
                loaded.pin(path).map_err(Error::pin("pin", path))?;
            }
            attach_raw(loaded, program.1).map_err(failed(program))?
        }
    };
    if let Some(path) = pins.map(|pins| pins.path(Kind::Link, program.0)) {
        link = link.pin(&path).map_err(Error::pin("pin", &path))?.into();
    }
    Ok(Attached { name: program.0, program: fd, link })
}

fn attach_btf(program: &mut BtfTracePoint) -> Result<(OwnedFd, FdLink), ProgramError> {
    let id = program.attach()?;
    Ok((copy(program.fd()?)?, program.take_link(id)?.into()))
}

fn attach_raw(program: &mut RawTracePoint, tracepoint: &str) -> Result<(OwnedFd, FdLink), ProgramError> {
    let id = program.attach(tracepoint)?;
    Ok((copy(program.fd()?)?, program.take_link(id)?.into()))
}

fn load_btf(ebpf: &mut Ebpf) -> Result<(), Error> {
    let btf = Btf::from_sys_fs().map_err(ProgramError::from).map_err(failed(("sys_enter", "sys_enter")))?;
    for program in PROGRAMS {
        let loaded = btf_program(ebpf, program)?;
        unless_interrupted(by_signal, || loaded.load(program.1, &btf)).map_err(failed(program))?;
    }
    Ok(())
}

/// Loads again what a signal has interrupted, such as the end of a child: the verifier gives up when one is pending
/// (`do_check`, kernel/bpf/verifier.c, Linux 6.12). libbpf does the same.
fn unless_interrupted<E>(
    is_interrupted: impl Fn(&E) -> bool,
    mut load: impl FnMut() -> Result<(), E>,
) -> Result<(), E> {
    for _ in 1..LOAD_ATTEMPTS {
        match load() {
            Err(error) if is_interrupted(&error) => {}
            ended => return ended,
        }
    }
    load()
}

fn by_signal(error: &ProgramError) -> bool {
    matches!(error, ProgramError::LoadError { io_error, .. } if io_error.raw_os_error() == Some(libc::EAGAIN))
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

#[cfg(test)]
mod tests {
    use super::*;

    /// How often a load is tried that ends so often by an error.
    fn tries(failures: usize, is_interrupted: bool) -> (usize, bool) {
        let mut tried = 0;
        let loaded = unless_interrupted(
            |()| is_interrupted,
            || {
                tried += 1;
                if tried > failures { Ok(()) } else { Err(()) }
            },
        );
        (tried, loaded.is_ok())
    }

    /// Check that a load that a signal interrupts is tried again, but not for ever, and any other is not.
    #[test]
    fn interrupted_loads_are_tried_again() {
        assert_eq!(tries(3, true), (4, true));
        assert_eq!(tries(usize::MAX, true), (LOAD_ATTEMPTS, false));
        assert_eq!(tries(3, false), (1, false));
    }
}
