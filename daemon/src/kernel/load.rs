//! Loading the programs, or taking over those that were left, and opening their maps.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use aya::maps::{Array, Map, MapData, MapError, PerCpuArray, Queue, RingBuf};
use aya::{Ebpf, EbpfLoader, Pod};
use aya_log::EbpfLogger;
use seccinch_common::{
    ArgumentKey, FileKey, FileVerdict, HOT_COLUMNS, Lost, MAX_SYSCALLS, PID_PAGES, PIDS_PER_PAGE, RoleKey,
    SlotMeta, Watch,
};

use super::attach::{self, Attached, Hooks};
use super::error::Error;
use super::mapped::Mapped;
use super::offsets::{KERNEL_BTF, Layout};
use super::pins::{Kind, Left, Pins};
use super::size::Sizes;
use super::slot::Slot;
use super::stamp::Stamp;
use super::table::Table;
use super::{host, object};
use crate::files::Held;
use crate::model::Arch;
use crate::syscalls;

/// What becomes of a process that is no target and executes a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Executions {
    /// Nothing.
    #[default]
    Ignored,
    /// It is counted from its first call, in a provisional slot, until user space decides; where it has decided
    /// about the file already, as it has.
    Provisional,
}

/// Whether the kernel side tells where in its program a call was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Stacks {
    /// At a first call, at an alert, and when a count reaches a power of two: each stack once.
    #[default]
    Taken,
    /// Never.
    Left,
}

/// How to load.
#[derive(Debug, Clone, Default)]
pub struct LoadOptions {
    /// Processes that are no targets.
    pub executions: Executions,
    /// The kind of tracepoint; nothing takes the best that loads.
    pub hooks: Option<Hooks>,
    /// Where calls come from.
    pub stacks: Stacks,
    /// Type information for a kernel that has none of its own.
    pub btf: Option<PathBuf>,
    /// A folder on a BPF file system where programs and counts outlive this process, and where those of one
    /// before are looked for. Nothing takes everything away when this process ends.
    pub pin: Option<PathBuf>,
}

/// Whether counting went on from an earlier load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Takeover {
    /// Nothing was there.
    Fresh,
    /// Programs and counts of an earlier load: nothing was missed.
    TakenOver,
    /// Something was there that could not be used, and was removed: between its end and now nothing was counted.
    Replaced {
        /// Why it could not be used.
        reason: String,
    },
}

/// The loaded and attached programs. Dropping it detaches them, unless they are pinned.
pub struct Kernel {
    pub(super) attached: Vec<Attached>,
    pub(super) logger: Option<EbpfLogger<&'static dyn log::Log>>,
    hooks: Hooks,
    pins: Option<Pins>,
    /// Held as long as this process counts with the pins.
    lock: Option<Held>,
    takeover: Takeover,
    pub(super) epoch: String,
    pub(super) sizes: Sizes,
    pub(super) slots: Mapped<u16>,
    pub(super) columns: Mapped<u8>,
    pub(super) wide: Mapped<u64>,
    pub(super) meta: Mapped<u64>,
    pub(super) lost: Mapped<u64>,
    pub(super) hot: PerCpuArray<MapData, [u64; HOT_COLUMNS]>,
    pub(super) arguments: Table<ArgumentKey, u64>,
    pub(super) roles: Table<RoleKey, u16>,
    pub(super) verdicts: Table<FileKey, FileVerdict>,
    pub(super) free: Queue<MapData, u16>,
    pub(super) provisional: Queue<MapData, u16>,
    pub(super) events: RingBuf<MapData>,
    pub(super) own: Vec<Slot>,
    pub(super) columns_used: BTreeMap<Slot, u8>,
    pub(super) clock_offset: u64,
}

impl Kernel {
    /// Checks the host, and loads and attaches the programs; or takes over those of an earlier load where they
    /// are pinned. After a load of its own nobody is a target yet.
    pub fn load(options: &LoadOptions) -> Result<Self, Error> {
        host::check()?;
        let btf_path = options.btf.clone().unwrap_or_else(|| KERNEL_BTF.into());
        let layout = Layout::read(&btf_path)?;
        let Some(root) = &options.pin else { return Self::load_new(options, &layout, None) };
        let pins = Pins::under(root)?;
        let lock = pins.lock()?;
        let mut kernel = Self::take_over_or_load(options, &layout, &pins)?;
        kernel.lock = Some(lock);
        Ok(kernel)
    }

    fn take_over_or_load(options: &LoadOptions, layout: &Layout, pins: &Pins) -> Result<Self, Error> {
        let unusable = match pins.left()? {
            Left::Nothing => None,
            Left::Unusable(reason) => Some(reason.to_owned()),
            Left::Whole(stamp) => match Self::take_over(pins, &stamp, options, layout) {
                Ok(kernel) => return Ok(kernel),
                Err(reason) => Some(reason),
            },
        };
        if unusable.is_some() {
            pins.remove_versions()?;
        }
        let mut kernel = Self::load_pinned(options, layout, pins)?;
        kernel.takeover = unusable.map_or(Takeover::Fresh, |reason| Takeover::Replaced { reason });
        Ok(kernel)
    }

    /// What an earlier load left; else why it is of no use.
    fn take_over(pins: &Pins, stamp: &Stamp, options: &LoadOptions, layout: &Layout) -> Result<Self, String> {
        if let Some(reason) = stamp.misfit(layout, options) {
            return Err(reason.into());
        }
        let sizes = stamp.sizes().ok_or("pins of another layout")?;
        Self::open_pinned(pins, stamp, sizes).map_err(|error| {
            tracing::warn!(%error, "the pinned programs cannot be taken over");
            error.to_string()
        })
    }

    fn open_pinned(pins: &Pins, stamp: &Stamp, sizes: Sizes) -> Result<Self, Error> {
        let attached = Attached::open_all(pins)?;
        // Only those that write to the log know where it is.
        let logger =
            attached.iter().filter_map(Attached::id).find_map(|id| EbpfLogger::init_from_id(id).ok());
        if logger.is_none() {
            tracing::warn!("no kernel log");
        }
        let mut kernel = Self::open_maps(stamp, sizes, |name| open_pin(&pins.path(Kind::Map, name)))?;
        kernel.attached = attached;
        kernel.logger = logger;
        kernel.pins = Some(pins.clone());
        kernel.takeover = Takeover::TakenOver;
        kernel.recall_slots();
        Ok(kernel)
    }

    fn load_pinned(options: &LoadOptions, layout: &Layout, pins: &Pins) -> Result<Self, Error> {
        let loaded = pins.create().and_then(|()| Self::load_new(options, layout, Some(pins)));
        // Nobody would look for half of it before the next start.
        loaded.inspect_err(|_| drop(pins.remove_all()))
    }

    fn load_new(options: &LoadOptions, layout: &Layout, pins: Option<&Pins>) -> Result<Self, Error> {
        let sizes = Sizes::of_this_machine();
        let mut ebpf = load_object(object::embedded()?, layout, sizes, options)?;
        let logger =
            EbpfLogger::init(&mut ebpf).inspect_err(|error| tracing::warn!(%error, "no kernel log")).ok();
        let hooks = attach::load(&mut ebpf, options.hooks)?;
        let stamp = Stamp::new(layout, options, hooks, sizes)?;
        let mut kernel = Self::open_maps(&stamp, sizes, |name| {
            let map = take(&mut ebpf, name)?;
            if let Some(path) = pins.map(|pins| pins.path(Kind::Map, name)) {
                map.pin(&path).map_err(Error::pin("pin", &path))?;
            }
            Ok(map)
        })?;
        kernel.logger = logger;
        fill_watches(&mut ebpf, layout)?;
        kernel.fill_slots()?;
        kernel.attached = attach::attach(&mut ebpf, hooks, pins)?;
        if let Some(pins) = pins {
            pins.complete(&stamp)?;
            kernel.pins = Some(pins.clone());
        }
        Ok(kernel)
    }

    /// Opens the maps; `map` gives one by its name.
    fn open_maps(
        stamp: &Stamp,
        sizes: Sizes,
        mut map: impl FnMut(&'static str) -> Result<Map, Error>,
    ) -> Result<Self, Error> {
        let rows = usize::from(sizes.slots);
        Ok(Self {
            slots: mapped("SLOTS", &map("SLOTS")?, PID_PAGES, PIDS_PER_PAGE)?,
            columns: mapped("IDX", &map("IDX")?, rows, MAX_SYSCALLS)?,
            wide: mapped("WIDE", &map("WIDE")?, rows, MAX_SYSCALLS)?,
            meta: mapped("META", &map("META")?, rows, size_of::<SlotMeta>() / 8)?,
            lost: mapped("LOST", &map("LOST")?, 1, Lost::ALL.len())?,
            hot: typed("HOT", map("HOT")?)?,
            arguments: Table::new("ARGUMENTS", map("ARGUMENTS")?)?,
            roles: Table::new("ROLES", map("ROLES")?)?,
            verdicts: Table::new("VERDICTS", map("VERDICTS")?)?,
            free: typed("FREE", map("FREE")?)?,
            provisional: typed("PROVISIONAL", map("PROVISIONAL")?)?,
            events: typed("EVENTS", map("EVENTS")?)?,
            own: Vec::new(),
            columns_used: BTreeMap::new(),
            clock_offset: clock_offset(),
            hooks: stamp.hooks(),
            epoch: stamp.epoch(),
            takeover: Takeover::Fresh,
            pins: None,
            lock: None,
            attached: Vec::new(),
            logger: None,
            sizes,
        })
    }

    /// The kind of tracepoint that is attached.
    pub fn hooks(&self) -> Hooks {
        self.hooks
    }

    /// Bytes that the kernel holds for the maps.
    pub fn memory_bytes(&self) -> u64 {
        self.sizes.bytes()
    }

    /// Whether counting went on from an earlier load.
    pub fn taken_over(&self) -> &Takeover {
        &self.takeover
    }

    /// Ends counting: nothing is left in the kernel, pinned or not. Says which programs were pinned.
    pub fn detach(self) -> Result<Vec<String>, Error> {
        self.pins.as_ref().map_or(Ok(Vec::new()), Pins::remove_all)
    }
}

impl AsFd for Kernel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.events.as_fd()
    }
}

fn load_object(bytes: &[u8], layout: &Layout, sizes: Sizes, options: &LoadOptions) -> Result<Ebpf, Error> {
    let provisional = u8::from(options.executions == Executions::Provisional);
    let stacks = u8::from(options.stacks == Stacks::Taken);
    let slots = u32::from(sizes.slots);
    let tgid_offset = u64::from(layout.offsets.task_tgid);
    let mut loader = EbpfLoader::new();
    loader
        .override_global("OFFSETS", &layout.offsets, true)
        .override_global("COMPAT_OFFSET", &layout.compat_offset, true)
        .override_global("TGID_OFFSET", &tgid_offset, true)
        .override_global("COMPAT_MASK", &layout.compat_mask, true)
        .override_global("ARGUMENT_REGISTERS", &layout.arguments, true)
        .override_global("PROVISIONAL_EXECS", &provisional, true)
        .override_global("STACKS", &stacks, true)
        .override_global("STACK_OFFSETS", &layout.stack, true)
        .map_max_entries("STACKS_SENT", sizes.stacks)
        .map_max_entries("ARGUMENTS", sizes.arguments)
        .map_max_entries("EVENTS", sizes.ring);
    for map in ["IDX", "WIDE", "HOT", "META", "FREE", "PROVISIONAL", "ROLES"] {
        loader.map_max_entries(map, slots);
    }
    loader.load(bytes).map_err(|error| Error::Load(Box::new(error)))
}

fn fill_watches(ebpf: &mut Ebpf, layout: &Layout) -> Result<(), Error> {
    let mut watches: Array<MapData, Watch> = typed("WATCHES", take(ebpf, "WATCHES")?)?;
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

fn open_pin(path: &Path) -> Result<Map, Error> {
    MapData::from_pin(path).and_then(Map::from_map_data).map_err(Error::pin("open", path))
}

fn take(ebpf: &mut Ebpf, name: &'static str) -> Result<Map, Error> {
    ebpf.take_map(name).ok_or_else(|| Error::Missing { what: "map", name: name.into() })
}

fn typed<T: TryFrom<Map, Error = MapError>>(name: &'static str, map: Map) -> Result<T, Error> {
    map.try_into().map_err(Error::map(name))
}

fn mapped<T: Pod>(
    name: &'static str,
    map: &Map,
    values: usize,
    per_value: usize,
) -> Result<Mapped<T>, Error> {
    match map {
        Map::Array(data) => Mapped::new(data, name, values, per_value),
        _ => Err(Error::Missing { what: "array", name: name.into() }),
    }
}

/// What to add to `CLOCK_MONOTONIC` to get the time of day.
pub(super) fn clock_offset() -> u64 {
    let realtime = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let monotonic = crate::sys::monotonic_now();
    u64::try_from(realtime.saturating_sub(monotonic).as_nanos()).unwrap_or(0)
}
