//! What can go wrong between us and the kernel.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Why the kernel side can't do what was asked.
#[derive(Debug, Error)]
pub enum Error {
    /// Neither root nor the capabilities.
    #[error(
        "loading eBPF programs needs root, or CAP_BPF, CAP_PERFMON and CAP_SYS_PTRACE; \
         this process has effective capabilities {effective:#x}: run it with sudo"
    )]
    Privilege {
        /// The `CapEff` set.
        effective: u64,
    },
    /// eBPF reports pids of the initial namespace, which mean nothing here.
    #[error(
        "this process is in another pid namespace than the host's, so the kernel's pids mean nothing to it: \
         run seccinch on the host (in a container: with `--pid=host`)"
    )]
    PidNamespace,
    /// The processes could not be listed.
    #[error("cannot list the processes in /proc")]
    Processes(#[source] io::Error),
    /// The kernel's type information can't be had.
    #[error(
        "cannot read the kernel's type information (BTF) from {path}: the kernel needs CONFIG_DEBUG_INFO_BTF, \
         or `--btf FILE` names a BTF file made for it"
    )]
    Btf {
        /// Where it was looked for.
        path: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The type information is not what we can read.
    #[error("the type information in {path} is not usable: {problem}")]
    BtfContent {
        /// Where it came from.
        path: String,
        /// What is wrong or missing.
        problem: String,
    },
    /// Built without the BPF toolchain.
    #[error(
        "this seccinch was built without its eBPF programs and can only work on files: \
         build it with `cargo xtask build`"
    )]
    NoObject,
    /// The kernel refused the object: maps, or the object's own form.
    #[error(
        "the kernel does not take seccinch's eBPF maps (Linux 5.11 or newer with CONFIG_BPF_SYSCALL is needed)"
    )]
    Load(#[source] Box<aya::EbpfError>),
    /// The kernel refused a program, as BTF tracepoint and as raw tracepoint.
    #[error(
        "cannot attach eBPF program {program} to tracepoint {tracepoint} \
         (kernel lockdown, `kernel.unprivileged_bpf_disabled` or an LSM policy may forbid it)"
    )]
    Attach {
        /// The program.
        program: String,
        /// Where it belongs.
        tracepoint: String,
        /// The kernel's word.
        #[source]
        source: Box<aya::programs::ProgramError>,
    },
    /// The object and this program disagree: a fault of the build.
    #[error("the embedded eBPF object has no {what} named {name}: it was built from other sources")]
    Missing {
        /// Map or program.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// A map could not be read or written.
    #[error("cannot access eBPF map {map}")]
    Map {
        /// The map.
        map: &'static str,
        /// The kernel's word.
        #[source]
        source: Box<aya::maps::MapError>,
    },
    /// A map could not be mapped into memory.
    #[error("cannot map eBPF map {map} into memory")]
    Mmap {
        /// The map.
        map: &'static str,
        /// The kernel's word.
        #[source]
        source: io::Error,
    },
    /// There is no BPF file system to leave programs on.
    #[error(
        "{path} is not on a BPF file system, where programs outlive the daemon: \
         `mount -t bpf bpf /sys/fs/bpf`"
    )]
    NoBpfFileSystem {
        /// Where the programs were to be left.
        path: PathBuf,
    },
    /// Another process counts with what is pinned there.
    #[error(
        "another seccinch daemon counts with the pins in {path}: stop it first, or set `pin` in [kernel] to \
         another folder"
    )]
    PinInUse {
        /// The folder.
        path: PathBuf,
    },
    /// Something on the BPF file system could not be read or written.
    #[error("cannot {doing} {path} (this needs root, or a BPF file system that this user may write to)")]
    Pin {
        /// What was tried.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// The kernel's word.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A load could not be given a name.
    #[error("cannot read {path}")]
    Epoch {
        /// The kernel's source of unique names.
        path: &'static str,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Every slot is taken.
    #[error("all {slots} slots are taken: record fewer targets at once")]
    NoFreeSlot {
        /// How many there are.
        slots: u16,
    },
}

impl Error {
    /// Names the map that an operation failed on.
    pub(super) fn map(map: &'static str) -> impl FnOnce(aya::maps::MapError) -> Self {
        move |source| Self::Map { map, source: Box::new(source) }
    }

    /// Names what was tried with something on the BPF file system.
    pub(super) fn pin<E>(doing: &'static str, path: &Path) -> impl FnOnce(E) -> Self
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let path = path.to_owned();
        move |source| Self::Pin { doing, path, source: source.into() }
    }
}
