//! What is shown, as plain values. The daemon makes a new part only for what changed, so that a view of many
//! workloads costs what changed in it.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::collect::Scans;
use crate::kernel::ProgramRuns;
use crate::learn::rules::Violation;
use crate::model::{Host, Place, RoleObservations, Starts, SyscallNr, Target, Timestamp, WorkloadId};
use crate::policy::{Condition, DefaultAction, Errno, Profile, Tier, Verdict};
use crate::syscalls;

/// Everything that is shown, at one time.
#[derive(Debug, Clone)]
pub struct View {
    /// When it was made.
    pub time: Timestamp,
    /// When the daemon started.
    pub started: Timestamp,
    /// The machine.
    pub host: Host,
    /// What works, and what does not.
    pub health: Health,
    /// Every workload, by id.
    pub workloads: Arc<BTreeMap<WorkloadId, Arc<WorkloadView>>>,
    /// Starts of programs that were seen when there were too many workloads already. It never falls.
    pub other: u64,
    /// The latest violations, newest last; bounded.
    pub violations: Arc<VecDeque<Violation>>,
    /// Violations by programs that were no workloads then, by rule and call. They never fall.
    pub violations_by_others: Arc<BTreeMap<(String, SyscallNr), u64>>,
    /// Profile files by the SHA-256 of their bytes, in hexadecimal: every generation that is kept.
    pub profiles: Arc<BTreeMap<String, PathBuf>>,
    /// What could not be counted, by reason.
    pub losses: BTreeMap<String, u64>,
    /// What became of scans of binaries.
    pub scans: Scans,
    /// The kernel side, as of a few seconds ago at the most.
    pub programs: Arc<[ProgramRuns]>,
    /// Bytes that the kernel holds for it.
    pub kernel_memory_bytes: u64,
    /// Calls counted.
    pub counted: u64,
    /// How long polls took.
    pub polls: Durations,
    /// Writes of state that failed.
    pub state_write_errors: u64,
    /// The last reload of the configuration.
    pub reload: Reload,
}

impl View {
    /// Nothing was looked at yet.
    pub fn empty(host: Host, started: Timestamp) -> Self {
        Self {
            time: started,
            started,
            host,
            health: Health::default(),
            workloads: Arc::default(),
            other: 0,
            violations: Arc::default(),
            violations_by_others: Arc::default(),
            profiles: Arc::default(),
            losses: BTreeMap::new(),
            scans: Scans::default(),
            programs: Arc::default(),
            kernel_memory_bytes: 0,
            counted: 0,
            polls: Durations::default(),
            state_write_errors: 0,
            reload: Reload { is_successful: true, last_success: started },
        }
    }
}

/// What works, and what does not.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Health {
    /// Whether counting has begun: what runs already was looked at.
    pub is_ready: bool,
    /// Everything that fails now; each part at most once.
    pub problems: Vec<Problem>,
}

/// Something that fails now. The other parts go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Which part: `state`, `workload exe:/usr/bin/caddy`, `configuration`.
    pub part: String,
    /// What, and what to do.
    pub text: String,
    /// Since when.
    pub since: Timestamp,
    /// Whether the daemon is not ready because of it.
    pub is_fatal: bool,
}

/// One workload.
#[derive(Debug, Clone)]
pub struct WorkloadView {
    /// Which.
    pub id: WorkloadId,
    /// When first watched.
    pub first: Timestamp,
    /// When last alive.
    pub last: Timestamp,
    /// What was observed, by role and build: every program, call and value, with counts and times as of the last
    /// flush.
    pub roles: Vec<Arc<RoleObservations>>,
    /// Counts over all roles and builds; they never fall.
    pub counts: BTreeMap<SyscallNr, u64>,
    /// Starts and ends.
    pub starts: Starts,
    /// Times in which calls may have been missed.
    pub gaps: u64,
    /// Live targets, without those that came in from outside.
    pub targets: Vec<Target>,
    /// Where its targets run; the latest one's.
    pub place: Place,
    /// Violations by rule and call.
    pub violations: BTreeMap<(String, SyscallNr), u64>,
    /// Its newest generation; nothing before there is one.
    pub generation: Option<Arc<GenerationView>>,
}

/// One generation of a profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GenerationView {
    /// Its number, from 1.
    pub number: u64,
    /// The SHA-256 of its OCI profile's bytes, in hexadecimal.
    pub sha256: String,
    /// When it was made.
    pub time: Timestamp,
    /// Where its files are.
    pub folder: PathBuf,
    /// What happens to every call that it does not name.
    pub default: DefaultAction,
    /// What happens to each call that it names.
    pub rules: BTreeMap<SyscallNr, RuleAction>,
    /// Names that the generation before did not allow.
    pub added: Vec<String>,
    /// Names that the generation before allowed.
    pub removed: Vec<String>,
    /// How each call of the architecture is known, as of when the profile was last made: what scans found may come
    /// after what runtimes read was written.
    pub tiers: BTreeMap<Tier, Vec<SyscallNr>>,
}

/// Every call of a profile's architecture, by tier.
pub fn tiers(profile: &Profile) -> BTreeMap<Tier, Vec<SyscallNr>> {
    let mut tiers = BTreeMap::<Tier, Vec<SyscallNr>>::new();
    for (nr, _) in syscalls::all(profile.arch()) {
        tiers.entry(profile.tier(nr)).or_default().push(nr);
    }
    tiers.values_mut().for_each(Vec::shrink_to_fit);
    tiers
}

/// What happens to a call that a profile names, without the conditions themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleAction {
    /// It runs.
    Allow,
    /// It runs with some arguments; otherwise the default action is taken.
    AllowWhen,
    /// It fails with this error.
    Errno(Errno),
}

impl RuleAction {
    /// The actions of a profile's rules.
    pub fn of(profile: &Profile) -> BTreeMap<SyscallNr, Self> {
        profile.rules().iter().map(|(nr, rule)| (*nr, rule.verdict().into())).collect()
    }
}

impl From<&Verdict> for RuleAction {
    fn from(verdict: &Verdict) -> Self {
        match verdict {
            Verdict::Allow(Condition::Always) => Self::Allow,
            Verdict::Allow(Condition::When(_)) => Self::AllowWhen,
            Verdict::Errno(errno) => Self::Errno(*errno),
        }
    }
}

/// How long something took, over its whole life: a histogram.
#[derive(Debug, Clone, Default)]
pub struct Durations {
    /// How many took no longer than each of [`Durations::BOUNDS`].
    pub within: [u64; 8],
    /// How many.
    pub count: u64,
    /// In total.
    pub sum: Duration,
}

impl Durations {
    /// Upper bounds, in seconds.
    pub const BOUNDS: [f64; 8] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1.0];

    /// Takes one in.
    pub fn add(&mut self, duration: Duration) {
        for (within, bound) in self.within.iter_mut().zip(Self::BOUNDS) {
            *within += u64::from(duration.as_secs_f64() <= bound);
        }
        self.count += 1;
        self.sum += duration;
    }
}

/// The last reload of the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reload {
    /// Whether the file was good.
    pub is_successful: bool,
    /// When one was last good.
    pub last_success: Timestamp,
}
