//! The documents that the daemon answers with. Those about what it watches are the API's own
//! (`export/api/openapi.json`); here is what the command line reads of them. Times are RFC 3339.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::files::Document;

/// `seccinch status`.
pub(super) const STATUS: Document = Document { format: "seccinch.status", version: 1 };
/// `seccinch workload list`.
pub(super) const WORKLOADS: Document = Document { format: "seccinch.workloads", version: 1 };
/// `seccinch workload show`.
pub(super) const WORKLOAD: Document = Document { format: "seccinch.workload", version: 1 };
/// `seccinch finding list`.
pub(super) const VIOLATIONS: Document = Document { format: "seccinch.violations", version: 1 };
/// The answer to a reload.
pub(super) const RELOAD: Document = Document { format: "seccinch.reload", version: 1 };
/// The answer to what can't be answered.
pub(super) const ERROR: Document = Document { format: "seccinch.error", version: 1 };

/// How the daemon does.
#[derive(Debug, Clone, Deserialize)]
pub struct StatusDocument {
    pub(super) time: String,
    pub(super) started: String,
    pub(super) seccinch: String,
    pub(super) host: HostFile,
    pub(super) ready: bool,
    pub(super) problems: Vec<ProblemFile>,
    pub(super) workloads: u64,
    pub(super) targets: u64,
    pub(super) other: u64,
    pub(super) counted: u64,
    pub(super) losses: BTreeMap<String, u64>,
    pub(super) programs: Vec<ProgramFile>,
    pub(super) kernel_memory_bytes: u64,
    pub(super) polls: PollsFile,
    pub(super) state_write_errors: u64,
    pub(super) reload: LastReloadFile,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct HostFile {
    pub(super) arch: String,
    pub(super) kernel: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct ProblemFile {
    pub(super) part: String,
    pub(super) text: String,
    pub(super) since: String,
    pub(super) fatal: bool,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct ProgramFile {
    pub(super) attached: bool,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct PollsFile {
    pub(super) count: u64,
    pub(super) seconds: f64,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct LastReloadFile {
    pub(super) successful: bool,
    pub(super) last_success: String,
}

/// All workloads.
#[derive(Debug, Clone, Deserialize)]
pub struct WorkloadsDocument {
    pub(super) time: String,
    pub(super) other: u64,
    pub(super) workloads: Vec<SummaryFile>,
}

/// One workload in short.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct SummaryFile {
    pub(super) id: String,
    pub(super) first: String,
    pub(super) last: String,
    pub(super) targets: u64,
    pub(super) calls: u64,
    pub(super) syscalls: u64,
    pub(super) starts: StartsFile,
    pub(super) gaps: u64,
    pub(super) generation: Option<GenerationFile>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct StartsFile {
    pub(super) whole: u64,
    pub(super) partial: u64,
    pub(super) shutdowns: u64,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct GenerationFile {
    pub(super) number: u64,
    pub(super) sha256: String,
    pub(super) time: String,
}

/// Everything about one workload.
#[derive(Debug, Clone, Deserialize)]
pub struct WorkloadDocument {
    #[serde(flatten)]
    pub(super) summary: SummaryFile,
    pub(super) place: BTreeMap<String, Option<String>>,
    pub(super) live: Vec<TargetFile>,
    pub(super) roles: Vec<RoleFile>,
    pub(super) violated: Vec<ViolatedFile>,
    pub(super) rules: BTreeMap<String, ActionFile>,
    pub(super) added: Vec<String>,
    pub(super) removed: Vec<String>,
    pub(super) tier_totals: BTreeMap<String, u64>,
    pub(super) observed_unreachable: Vec<UnreachableFile>,
}

/// A call that was seen though the scan of the binary did not find it.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct UnreachableFile {
    pub(super) syscall: String,
    pub(super) executable: String,
    pub(super) by: Option<String>,
}

/// What happens to a call that the profile names.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct ActionFile {
    pub(super) action: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct TargetFile {
    pub(super) pid: u32,
    pub(super) started: String,
    pub(super) whole: bool,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct RoleFile {
    pub(super) role: RoleName,
    pub(super) executable: String,
    pub(super) build_id: Option<String>,
    pub(super) go: Option<String>,
    pub(super) processes: u64,
    pub(super) foreign: u64,
    pub(super) reachable: Option<ScanFile>,
    pub(super) syscalls: BTreeMap<String, SeenFile>,
}

/// The scan of a binary.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct ScanFile {
    pub(super) syscalls: u64,
    pub(super) unresolved: u64,
    pub(super) gaps: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RoleName {
    Main,
    Child(String),
    Entered(String),
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct SeenFile {
    pub(super) startup: u64,
    pub(super) steady: u64,
    pub(super) shutdown: u64,
    pub(super) in_flight: bool,
    pub(super) last: String,
    pub(super) by: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct ViolatedFile {
    pub(super) rule: String,
    pub(super) syscall: String,
    pub(super) count: u64,
}

/// The latest violations, newest last.
#[derive(Debug, Clone, Deserialize)]
pub struct ViolationsDocument {
    pub(super) violations: Vec<ViolationFile>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct ViolationFile {
    pub(super) time: String,
    pub(super) workload: String,
    pub(super) rule: String,
    pub(super) syscall: String,
    pub(super) count: u64,
    pub(super) over: u64,
    pub(super) per_seconds: f64,
    pub(super) then: String,
    pub(super) caller: Option<CulpritFile>,
}

/// Who broke a rule.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct CulpritFile {
    pub(super) by: Option<String>,
    pub(super) goroutine: Option<u64>,
    pub(super) this_call: bool,
}

/// How a reload went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReloadDocument {
    pub(super) format: String,
    pub(super) version: u32,
    /// Whether the configuration was good.
    pub successful: bool,
    /// What is wrong with it, or what of it holds from the next start only.
    pub text: String,
}

/// Why a request is not answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ErrorDocument {
    pub(super) format: String,
    pub(super) version: u32,
    pub(super) kind: ErrorKind,
    pub(super) text: String,
}

/// What kind of an error it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorKind {
    /// The request is none.
    BadRequest,
    /// Nobody of that name is known.
    UnknownWorkload,
    /// Not for this user.
    NotPermitted,
    /// Too many ask at once.
    Busy,
    /// The daemon did not answer.
    Stopping,
}
