//! From the file's types to a baseline, everything checked.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::error::BaselineFileError;
use super::format::{AccountFile, BaselineFile, GapFile, LedgerFile, StartsFile, ToldFile, ViolatedFile};
use crate::learn::parts::decode::{self, Context};
use crate::learn::parts::{ArgumentsFile, PartError};
use crate::model::{
    Account, Arguments, Baseline, Gap, Ledger, Losses, RoleObservations, Starts, SyscallNr, ToldOf, Violated,
    WorkloadId,
};

/// `bytes` is the text that `file` was read from, to say where something stands.
pub(super) fn decode(file: BaselineFile, bytes: &[u8]) -> Result<(Baseline, Ledger), BaselineFileError> {
    let host = decode::host(file.host)?;
    let context = Context { arch: host.arch, bytes };
    let violated = file.violated.into_iter().map(|(rule, one)| Ok((rule, violated(&context, one)?)));
    let baseline = Baseline {
        workload: WorkloadId::parse(&file.workload)?,
        host,
        first: context.time(file.first)?,
        last: context.time(file.last)?,
        roles: distinct(context.roles(file.roles)?)?.into_iter().map(Arc::new).collect(),
        starts: starts(&file.starts),
        gaps: file.gaps.into_iter().map(|one| gap(&context, one)).collect::<Result<_, _>>()?,
        violated: violated.collect::<Result<_, PartError>>()?,
        losses: Losses(file.losses),
    };
    Ok((baseline, ledger(&context, file.ledger)?))
}

/// Two entries of one program would be counted apart from then on.
fn distinct(roles: Vec<RoleObservations>) -> Result<Vec<RoleObservations>, BaselineFileError> {
    let key = |role: &RoleObservations| (role.role.clone(), role.build.path.clone(), role.build.id.clone());
    // They are sorted.
    match roles.windows(2).find(|pair| key(&pair[0]) == key(&pair[1])) {
        Some(pair) => Err(BaselineFileError::Twice(pair[0].build.path.clone())),
        None => Ok(roles),
    }
}

const fn starts(file: &StartsFile) -> Starts {
    Starts { whole: file.whole, partial: file.partial, shutdowns: file.shutdowns }
}

fn gap(context: &Context<'_>, file: GapFile) -> Result<Gap, PartError> {
    Ok(Gap { from: context.time(file.from)?, to: context.time(file.to)?, reason: file.reason })
}

fn violated(context: &Context<'_>, file: ViolatedFile) -> Result<Violated, PartError> {
    Ok(Violated {
        syscalls: counts(context, file.syscalls)?,
        first: context.time(file.first)?,
        last: context.time(file.last)?,
    })
}

fn ledger(context: &Context<'_>, file: LedgerFile) -> Result<Ledger, PartError> {
    let accounts = file.accounts.into_iter().map(|one| account(context, one));
    Ok(Ledger { epoch: file.epoch, accounts: accounts.collect::<Result<_, _>>()? })
}

fn account(context: &Context<'_>, file: AccountFile) -> Result<Account, PartError> {
    Ok(Account {
        slot: file.slot,
        generation: file.generation,
        root: file.root,
        process: file.process,
        is_whole: file.is_whole,
        told: match file.told {
            ToldFile::Nothing => ToldOf::Nothing,
            ToldFile::Start => ToldOf::Start,
            ToldFile::Shutdown => ToldOf::Shutdown,
        },
        started: context.time(file.started)?,
        asked_to_end: file.asked_to_end.map(|time| context.time(time)).transpose()?,
        role: decode::role(file.role),
        build: decode::build(file.build),
        is_ending: file.is_ending,
        processes: file.processes,
        foreign: file.foreign,
        counts: counts(context, file.counts)?,
        arguments: arguments(context, file.arguments)?,
    })
}

fn counts(context: &Context<'_>, file: BTreeMap<String, u64>) -> Result<BTreeMap<SyscallNr, u64>, PartError> {
    file.into_iter().map(|(name, count)| Ok((context.number(&name)?, count))).collect()
}

fn arguments(
    context: &Context<'_>,
    file: BTreeMap<String, ArgumentsFile>,
) -> Result<BTreeMap<SyscallNr, Arguments>, PartError> {
    let one =
        |(name, file): (String, ArgumentsFile)| Ok((context.number(&name)?, context.arguments(&name, file)?));
    file.into_iter().map(one).collect()
}
