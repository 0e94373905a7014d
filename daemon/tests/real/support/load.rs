//! How much, and with which data, the operations of a service are run.

use std::thread;

use anyhow::{Result, anyhow};

/// One run's data and size. A replay uses another seed and ten times the connections.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    /// Every name, number and text that is sent comes from here.
    pub(crate) seed: u64,
    /// Connections of each operation, open at the same time.
    pub(crate) connections: u64,
}

impl Load {
    /// What a profile is learned from.
    pub(crate) const RECORDED: Self = Self { seed: 1, connections: 2 };

    /// What the learned profile must carry.
    pub(crate) const REPLAYED: Self = Self { seed: 7_919, connections: 20 };

    /// Runs `one` for every connection at once, each with a number of its own.
    pub(crate) fn each(self, one: impl Fn(u64) -> Result<()> + Sync) -> Result<()> {
        thread::scope(|scope| {
            let one = &one;
            let running: Vec<_> = (0..self.connections)
                .map(|connection| scope.spawn(move || one(self.seed * 1_000 + connection)))
                .collect();
            let ended: Vec<_> = running.into_iter().map(thread::ScopedJoinHandle::join).collect();
            ended
                .into_iter()
                .try_for_each(|one| one.map_err(|_| anyhow!("a connection's thread panicked"))?)
        })
    }

    /// A text of this length that depends on the number.
    pub(crate) fn text(number: u64, length: usize) -> String {
        let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let letters = std::iter::repeat_with(|| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            char::from(b'a' + (state % 26) as u8)
        });
        letters.take(length).collect()
    }
}
