//! The maps. Their sizes here are the smallest that load; user space sets the real ones.

use aya_ebpf::{
    bindings::{BPF_F_MMAPABLE, BPF_F_RDONLY_PROG},
    macros::map,
    maps::{Array, HashMap, LruHashMap, PerCpuArray, Queue, RingBuf},
};
use seccinch_common::{
    ArgumentKey, FileKey, FileVerdict, HOT_COLUMNS, Lost, MAX_SYSCALLS, Once, PID_PAGES, PIDS_PER_PAGE,
    RoleKey, SlotMeta, StackEvent, Watch,
};

/// Process id → slot, 0 for everyone who is not a target.
#[map]
pub static SLOTS: Array<[u16; PIDS_PER_PAGE]> = Array::with_max_entries(PID_PAGES as u32, BPF_F_MMAPABLE);

/// Slot → where each number is counted: 0 in `WIDE`, a marker there too, else a column of `HOT`.
#[map]
pub static IDX: Array<[u8; MAX_SYSCALLS]> = Array::with_max_entries(1, BPF_F_MMAPABLE);

/// Slot → counts shared by all CPUs.
#[map]
pub static WIDE: Array<[u64; MAX_SYSCALLS]> = Array::with_max_entries(1, BPF_F_MMAPABLE);

/// Slot → this CPU's counts of the busiest numbers.
#[map]
pub static HOT: PerCpuArray<[u64; HOT_COLUMNS]> = PerCpuArray::with_max_entries(1, 0);

/// Slot → what belongs to it beside its counts.
#[map]
pub static META: Array<SlotMeta> = Array::with_max_entries(1, BPF_F_MMAPABLE);

/// Slots for new roles, zeroed.
#[map]
pub static FREE: Queue<u16> = Queue::with_max_entries(1, 0);

/// Slots for processes of which user space has yet to say whether they are targets.
#[map]
pub static PROVISIONAL: Queue<u16> = Queue::with_max_entries(1, 0);

/// One executable inside one tree → its slot.
#[map]
pub static ROLES: HashMap<RoleKey, u16> = HashMap::with_max_entries(1, 0);

/// Files of which user space has said what becomes of those who execute them. The least used ones make room:
/// they are asked about again.
#[map]
pub static VERDICTS: LruHashMap<FileKey, FileVerdict> = LruHashMap::with_max_entries(4096, 0);

/// What has happened to processes lately; an entry matters for as long as two threads can race.
#[map]
pub static ONCE: LruHashMap<Once, u8> = LruHashMap::with_max_entries(4096, 0);

/// Learned arguments → how often.
#[map]
pub static ARGUMENTS: HashMap<ArgumentKey, u64> = HashMap::with_max_entries(1, 0);

/// Native number → which of its arguments are learned.
#[map]
pub static WATCHES: Array<Watch> = Array::with_max_entries(MAX_SYSCALLS as u32, BPF_F_RDONLY_PROG);

/// Hashes of stacks that were sent. The least used ones make room: they are sent again.
#[map]
pub static STACKS_SENT: LruHashMap<u64, u64> = LruHashMap::with_max_entries(1, 0);

/// Where this CPU puts a stack together, as it is too large for a program's own.
#[map]
pub static STACK: PerCpuArray<StackEvent> = PerCpuArray::with_max_entries(1, 0);

/// What could not be counted, by [`Lost`].
#[map]
pub static LOST: Array<[u64; Lost::ALL.len()]> = Array::with_max_entries(1, BPF_F_MMAPABLE);

/// Records for user space.
#[map]
pub static EVENTS: RingBuf = RingBuf::with_byte_size(4096, 0);
