//! Exits of system calls that had no entry, counted by `ebpf/src/denials.rs`.

use std::fs;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use anyhow::{Context, Result, ensure};
use aya::Ebpf;
use aya::maps::{Array, HashMap};
use aya::programs::RawTracePoint;

use super::{Denial, Refusal, name};
use crate::support::fixtures;

/// The loaded programs.
pub(crate) struct Orphans {
    ebpf: Mutex<Ebpf>,
}

impl Orphans {
    /// The one that is loaded, as long as a test needs it: each load would slow down every call of the host.
    pub(crate) fn shared() -> Result<Arc<Self>> {
        static LOADED: Mutex<Weak<Orphans>> = Mutex::new(Weak::new());
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(orphans) = loaded.upgrade() {
            return Ok(orphans);
        }
        let orphans = Arc::new(Self::load()?);
        *loaded = Arc::downgrade(&orphans);
        Ok(orphans)
    }

    fn load() -> Result<Self> {
        let path = fixtures::bpf_object("denials");
        let object =
            fs::read(&path).with_context(|| format!("{}: run `cargo xtask build`", path.display()))?;
        let mut ebpf = Ebpf::load(&object).context("loading the counter of refused calls")?;
        // In this order, a call that is under way has no entry without an exit.
        for (program, tracepoint) in
            [("ended", "sched_process_exit"), ("exit", "sys_exit"), ("enter", "sys_enter")]
        {
            let program: &mut RawTracePoint =
                ebpf.program_mut(program).context("a missing program")?.try_into()?;
            program.load()?;
            program.attach(tracepoint)?;
        }
        Ok(Self { ebpf: Mutex::new(ebpf) })
    }

    /// Watches a group.
    pub(crate) fn begin(&self, cgroup: u64) -> Result<()> {
        self.with(|ebpf| {
            let map = ebpf.map_mut("SCOPES").context("a missing map")?;
            HashMap::<_, u64, u8>::try_from(map)?.insert(cgroup, 1, 0).context("watching a group")
        })
    }

    /// What was refused in a group.
    pub(crate) fn refused(&self, cgroup: u64) -> Result<Vec<Denial>> {
        self.with(|ebpf| {
            let lost = Array::<_, u64>::try_from(ebpf.map("LOST").context("a missing map")?)?.get(&0, 0)?;
            ensure!(lost == 0, "{lost} entries of the counter of refused calls found no room");
            let map = ebpf.map("REFUSED").context("a missing map")?;
            let map = HashMap::<_, [u64; 2], u64>::try_from(map)?;
            let mut refused = Vec::new();
            for entry in &map {
                let ([place, call], count) = entry?;
                if place == cgroup {
                    let (errno, nr) = ((call >> 32) as u32, (call & 0xffff_ffff) as u32);
                    refused.push(Denial { syscall: name(nr), how: Refusal::Errno(errno), count });
                }
            }
            Ok(refused)
        })
    }

    /// The watched group that a process was in when it made its last call, also if it has ended.
    pub(crate) fn member(&self, pid: u32) -> Result<Option<u64>> {
        self.with(|ebpf| {
            let map = ebpf.map("MEMBERS").context("a missing map")?;
            Ok(HashMap::<_, u32, u64>::try_from(map)?.get(&pid, 0).ok())
        })
    }

    fn with<T>(&self, act: impl FnOnce(&mut Ebpf) -> Result<T>) -> Result<T> {
        act(&mut self.ebpf.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
