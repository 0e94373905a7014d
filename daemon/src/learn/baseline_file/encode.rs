//! From a baseline to the file's types.

use super::format::{
    AccountFile, BaselineFile, DOCUMENT, GapFile, LedgerFile, StartsFile, ToldFile, ViolatedFile,
};
use crate::learn::parts::encode;
use crate::model::{Account, Arch, Baseline, Gap, Ledger, SyscallNr, Timestamp, ToldOf, Violated};
use crate::syscalls::display_name;

pub(super) fn encode(baseline: &Baseline, ledger: &Ledger) -> BaselineFile {
    let arch = baseline.host.arch;
    let violated = baseline.violated.iter().map(|(rule, one)| (rule.clone(), violated(arch, one)));
    BaselineFile {
        format: DOCUMENT.format.to_owned(),
        version: DOCUMENT.version,
        workload: baseline.workload.to_string(),
        host: encode::host(&baseline.host),
        first: baseline.first.to_string(),
        last: baseline.last.to_string(),
        starts: StartsFile {
            whole: baseline.starts.whole,
            partial: baseline.starts.partial,
            shutdowns: baseline.starts.shutdowns,
        },
        gaps: baseline.gaps.iter().map(gap).collect(),
        violated: violated.collect(),
        losses: baseline.losses.0.clone(),
        roles: encode::roles(arch, &baseline.roles),
        ledger: LedgerFile {
            epoch: ledger.epoch.clone(),
            accounts: ledger.accounts.iter().map(|one| account(arch, one)).collect(),
        },
    }
}

fn gap(gap: &Gap) -> GapFile {
    GapFile { from: gap.from.to_string(), to: gap.to.to_string(), reason: gap.reason.clone() }
}

fn violated(arch: Arch, violated: &Violated) -> ViolatedFile {
    ViolatedFile {
        syscalls: violated.syscalls.iter().map(|(nr, count)| (display_name(arch, *nr), *count)).collect(),
        first: violated.first.to_string(),
        last: violated.last.to_string(),
    }
}

fn account(arch: Arch, account: &Account) -> AccountFile {
    let name = |nr: &SyscallNr| display_name(arch, *nr);
    let arguments =
        account.arguments.iter().filter_map(|(nr, values)| Some((name(nr), encode::arguments(values)?)));
    AccountFile {
        slot: account.slot,
        generation: account.generation,
        root: account.root,
        process: account.process,
        is_whole: account.is_whole,
        told: match account.told {
            ToldOf::Nothing => ToldFile::Nothing,
            ToldOf::Start => ToldFile::Start,
            ToldOf::Shutdown => ToldFile::Shutdown,
        },
        started: account.started.to_string(),
        asked_to_end: account.asked_to_end.as_ref().map(Timestamp::to_string),
        role: encode::role_name(&account.role),
        build: encode::build(&account.build),
        is_ending: account.is_ending,
        processes: account.processes,
        foreign: account.foreign,
        counts: account.counts.iter().map(|(nr, count)| (name(nr), *count)).collect(),
        arguments: arguments.collect(),
    }
}
