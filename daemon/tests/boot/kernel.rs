//! What the machine's kernel says, without seccinch: what is loaded, and which calls were made.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};
use seccinch::model::SyscallNr;

use crate::host::{Host, PATIENCE};
use crate::support::poll;

/// The kinds of what is pinned, as `bpftool` calls them, and their folders.
const KINDS: [(&str, &str); 3] = [("prog", "programs"), ("link", "links"), ("map", "maps")];

/// What a daemon has in the kernel, by kind and the kernel's own numbers.
#[derive(Debug)]
pub(crate) struct Ids(Vec<(&'static str, String)>);

impl Ids {
    /// Everything that is pinned.
    pub(crate) fn pinned(host: &mut Host) -> Result<Self> {
        let mut ids = Vec::new();
        for (kind, folder) in KINDS {
            // `ID: …` in the first line of each.
            let said = host.run(&format!(
                "for pin in /sys/fs/bpf/seccinch/*/{folder}/*; do bpftool {kind} show pinned $pin | head -1; done"
            ))?;
            ensure!(!said.is_empty(), "no {folder} are pinned");
            ids.extend(said.lines().filter_map(|line| Some((kind, line.split_once(':')?.0.to_owned()))));
        }
        Ok(Self(ids))
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// Waits until none of them is in the kernel: it frees what nobody holds a little later.
    pub(crate) fn gone(&self, host: &mut Host) -> Result<()> {
        for (kind, _) in KINDS {
            poll::until(&format!("the end of {self:?} in the kernel"), PATIENCE, || {
                let said = host.run(&format!("bpftool {kind} show"))?;
                let left = |line: &str| {
                    line.split_once(':').is_some_and(|(id, _)| self.0.contains(&(kind, id.to_owned())))
                };
                Ok((!said.lines().any(left)).then_some(()))
            })?;
        }
        Ok(())
    }
}

/// How often each call was made by the programs that are traced, as the kernel's ring buffer has it.
pub(crate) fn traced(host: &mut Host) -> Result<BTreeMap<SyscallNr, u64>> {
    let said = host.run(
        "cd /sys/kernel/tracing; echo 0 > tracing_on; \
         grep -o 'entries-in-buffer/entries-written: [0-9]*/[0-9]*' trace; \
         grep -o 'NR [0-9]*' trace | sort | uniq -c",
    )?;
    let mut lines = said.lines();
    let kept = lines.next().and_then(|line| line.split_once(": ")?.1.split_once('/'));
    let (kept, written) = kept.with_context(|| format!("the trace is {said}"))?;
    ensure!(kept == written, "the ring buffer kept {kept} of {written} calls");
    lines.map(parse).collect()
}

/// Reads `COUNT NR NUMBER`.
fn parse(line: &str) -> Result<(SyscallNr, u64)> {
    let words: Vec<_> = line.split_whitespace().collect();
    let [count, _, number] = words[..] else { bail!("the trace has {line:?}") };
    let number = SyscallNr::new(number.parse()?).context("a number of the table")?;
    Ok((number, count.parse()?))
}
