//! Loading the programs, and talking to their maps.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use aya::maps::{Array, HashMap, Map, MapData, MapError, PerCpuArray, Queue, RingBuf};
use aya::{Ebpf, EbpfLoader, Pod};
use aya_log::EbpfLogger;
use seccinch_common::{
    ArgumentKey, HOT_COLUMNS, Lost, MAX_SYSCALLS, PID_PAGES, PIDS_PER_PAGE, RoleKey, SlotMeta, Watch,
};

use super::attach::{self, Hooks};
use super::error::Error;
use super::mapped::Mapped;
use super::offsets::{KERNEL_BTF, Layout};
use super::size::Sizes;
use super::source::Slot;
use super::{host, object};
use crate::model::Arch;
use crate::syscalls;

/// What becomes of a process that is no target and executes a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Executions {
    /// Nothing.
    #[default]
    Ignored,
    /// It is counted from its first call, in a provisional slot, until user space decides.
    Provisional,
}

/// How to load.
#[derive(Debug, Clone, Default)]
pub struct LoadOptions {
    /// Processes that are no targets.
    pub executions: Executions,
    /// The kind of tracepoint; nothing takes the best that loads.
    pub hooks: Option<Hooks>,
    /// Type information for a kernel that has none of its own.
    pub btf: Option<PathBuf>,
}

/// The loaded and attached programs. Dropping it detaches them.
pub struct Kernel {
    pub(super) ebpf: Ebpf,
    logger: Option<EbpfLogger<&'static dyn log::Log>>,
    hooks: Hooks,
    pub(super) sizes: Sizes,
    pub(super) slots: Mapped<u16>,
    pub(super) columns: Mapped<u8>,
    pub(super) wide: Mapped<u64>,
    pub(super) meta: Mapped<u64>,
    pub(super) lost: Mapped<u64>,
    pub(super) hot: PerCpuArray<MapData, [u64; HOT_COLUMNS]>,
    pub(super) arguments: HashMap<MapData, ArgumentKey, u64>,
    pub(super) roles: HashMap<MapData, RoleKey, u16>,
    pub(super) free: Queue<MapData, u16>,
    pub(super) provisional: Queue<MapData, u16>,
    pub(super) events: RingBuf<MapData>,
    pub(super) own: Vec<Slot>,
    pub(super) columns_used: BTreeMap<Slot, u8>,
    pub(super) clock_offset: u64,
}

impl Kernel {
    /// Checks the host, loads the programs and attaches them. Nobody is a target yet.
    pub fn load(options: &LoadOptions) -> Result<Self, Error> {
        host::check()?;
        let bytes = object::embedded()?;
        let btf_path = options.btf.clone().unwrap_or_else(|| KERNEL_BTF.into());
        let layout = Layout::read(&btf_path)?;
        let sizes = Sizes::of_this_machine();
        let mut ebpf = load_object(bytes, &layout, sizes, options.executions)?;
        let logger =
            EbpfLogger::init(&mut ebpf).inspect_err(|error| tracing::warn!(%error, "no kernel log")).ok();
        let hooks = attach::load(&mut ebpf, options.hooks)?;
        let mut kernel = Self::open_maps(ebpf, logger, sizes, hooks)?;
        kernel.fill_watches(&layout)?;
        kernel.fill_slots()?;
        attach::attach(&mut kernel.ebpf, hooks)?;
        Ok(kernel)
    }

    fn open_maps(
        mut ebpf: Ebpf,
        logger: Option<EbpfLogger<&'static dyn log::Log>>,
        sizes: Sizes,
        hooks: Hooks,
    ) -> Result<Self, Error> {
        let rows = usize::from(sizes.slots);
        Ok(Self {
            slots: mapped(&mut ebpf, "SLOTS", PID_PAGES, PIDS_PER_PAGE)?,
            columns: mapped(&mut ebpf, "IDX", rows, MAX_SYSCALLS)?,
            wide: mapped(&mut ebpf, "WIDE", rows, MAX_SYSCALLS)?,
            meta: mapped(&mut ebpf, "META", rows, size_of::<SlotMeta>() / 8)?,
            lost: mapped(&mut ebpf, "LOST", 1, Lost::ALL.len())?,
            hot: open(&mut ebpf, "HOT")?,
            arguments: open(&mut ebpf, "ARGUMENTS")?,
            roles: open(&mut ebpf, "ROLES")?,
            free: open(&mut ebpf, "FREE")?,
            provisional: open(&mut ebpf, "PROVISIONAL")?,
            events: open(&mut ebpf, "EVENTS")?,
            own: Vec::new(),
            columns_used: BTreeMap::new(),
            clock_offset: clock_offset(),
            hooks,
            logger,
            sizes,
            ebpf,
        })
    }

    fn fill_watches(&mut self, layout: &Layout) -> Result<(), Error> {
        let mut watches: Array<MapData, Watch> = open(&mut self.ebpf, "WATCHES")?;
        for (nr, watched) in syscalls::watched(Arch::NATIVE) {
            let mut watch = Watch::default();
            for (register, argument) in watch.registers.iter_mut().zip(watched.arguments) {
                *register = layout.arguments[usize::from(*argument)];
                watch.count += 1;
            }
            watches.set(nr.get().into(), watch, 0).map_err(Error::map("WATCHES"))?;
        }
        Ok(())
    }

    /// The kind of tracepoint that is attached.
    pub fn hooks(&self) -> Hooks {
        self.hooks
    }

    /// Bytes that the kernel holds for the maps.
    pub fn memory_bytes(&self) -> u64 {
        self.sizes.bytes()
    }

    /// Hands the kernel side's log lines to `tracing`.
    pub fn flush_log(&mut self) {
        if let Some(logger) = &mut self.logger {
            logger.flush();
        }
    }
}

impl AsFd for Kernel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.events.as_fd()
    }
}

fn load_object(bytes: &[u8], layout: &Layout, sizes: Sizes, executions: Executions) -> Result<Ebpf, Error> {
    let provisional = u8::from(executions == Executions::Provisional);
    let slots = u32::from(sizes.slots);
    let tgid_offset = u64::from(layout.offsets.task_tgid);
    let mut loader = EbpfLoader::new();
    loader
        .override_global("OFFSETS", &layout.offsets, true)
        .override_global("COMPAT_OFFSET", &layout.compat_offset, true)
        .override_global("TGID_OFFSET", &tgid_offset, true)
        .override_global("COMPAT_MASK", &layout.compat_mask, true)
        .override_global("PROVISIONAL_EXECS", &provisional, true)
        .map_max_entries("ARGUMENTS", sizes.arguments)
        .map_max_entries("EVENTS", sizes.ring);
    for map in ["IDX", "WIDE", "HOT", "META", "FREE", "PROVISIONAL", "ROLES"] {
        loader.map_max_entries(map, slots);
    }
    loader.load(bytes).map_err(|error| Error::Load(Box::new(error)))
}

fn open<T: TryFrom<Map, Error = MapError>>(ebpf: &mut Ebpf, name: &'static str) -> Result<T, Error> {
    take(ebpf, name)?.try_into().map_err(Error::map(name))
}

fn take(ebpf: &mut Ebpf, name: &'static str) -> Result<Map, Error> {
    ebpf.take_map(name).ok_or_else(|| Error::Missing { what: "map", name: name.into() })
}

fn mapped<T: Pod>(
    ebpf: &mut Ebpf,
    name: &'static str,
    values: usize,
    per_value: usize,
) -> Result<Mapped<T>, Error> {
    match take(ebpf, name)? {
        Map::Array(map) => Mapped::new(&map, name, values, per_value),
        _ => Err(Error::Missing { what: "array", name: name.into() }),
    }
}

/// What to add to `CLOCK_MONOTONIC` to get the time of day.
fn clock_offset() -> u64 {
    let realtime = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let monotonic = crate::sys::monotonic_now();
    u64::try_from(realtime.saturating_sub(monotonic).as_nanos()).unwrap_or(0)
}
