//! The arguments of each command, as they are written.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::export::prometheus::Match;
use crate::policy::{Errno, UnknownErrno};

#[derive(Debug, Args)]
pub(in crate::cli) struct BuildArgs {
    /// Files of `seccinch record`; `-` is standard input.
    #[arg(required_unless_present = "from_prometheus", value_name = "OBSERVATIONS")]
    pub(super) inputs: Vec<String>,
    #[command(flatten)]
    pub(super) prometheus: PrometheusArgs,
    #[command(flatten)]
    pub(super) target: TargetArgs,
    #[command(flatten)]
    pub(super) scan: ScanArgs,
    /// What happens to every other call: errno, errno:NAME, kill-process or log. By default errno, or what
    /// the profiles of a Prometheus say.
    #[arg(long, value_name = "ACTION", value_parser = default_action)]
    pub(super) default_action: Option<DefaultActionArg>,
    /// Whether the program runs with `no_new_privs`. Without it, runtimes need more calls of their own.
    #[arg(long, value_name = "YES|NO", default_value = "yes")]
    pub(super) no_new_privs: YesNo,
    /// Let programs that came in from outside (kubectl exec, nsenter) teach the profile too.
    #[arg(long)]
    pub(super) include_entered: bool,
    /// Narrow these calls by their arguments too (ioctl,prctl,fcntl,…).
    #[arg(long, value_name = "CALL,…", value_delimiter = ',')]
    pub(super) narrow: Vec<String>,
    /// Narrow no call by its arguments.
    #[arg(long, conflicts_with = "narrow")]
    pub(super) no_arguments: bool,
    /// Refuse clone3 with ENOSYS even if it was observed, as Docker does: glibc falls back to clone, whose
    /// flags are filtered.
    #[arg(long)]
    pub(super) refuse_clone3: bool,
}

/// What the recorded programs could call, and how strict that makes the profile.
#[derive(Debug, Args)]
pub(in crate::cli) struct ScanArgs {
    /// An executable that was recorded: it is scanned, and the profile says of each call whether the program can make
    /// it. May be given again for each program.
    #[arg(long, value_name = "FILE", conflicts_with = "from_prometheus")]
    pub(super) binary: Vec<PathBuf>,
    /// The folder that is the root of these executables, in which their libraries lie.
    #[arg(long, value_name = "DIR", default_value = "/", requires = "binary")]
    pub(super) sysroot: PathBuf,
    /// How strict the profile is.
    #[arg(long, value_name = "STAGE", default_value = "enforce", conflicts_with = "from_prometheus")]
    pub(super) stage: StageArg,
    /// Lock down although scans have sites that they could not find out: what is called there may kill the process.
    #[arg(long)]
    pub(super) accept_unresolved: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum StageArg {
    /// What was not observed, and no floor holds, fails with an error.
    Enforce,
    /// And what no scan finds kills the process. Every recorded program has to be scanned.
    Lockdown,
}

/// The profiles that a Prometheus has of many hosts, instead of observations.
#[derive(Debug, Args)]
pub(in crate::cli) struct PrometheusArgs {
    /// Unite the profiles that a Prometheus has of many hosts (`http://host:9090`). Names only: it has no
    /// arguments.
    #[arg(long, value_name = "URL", requires = "selector", conflicts_with_all = ["inputs", "no_new_privs",
        "include_entered", "narrow", "no_arguments", "refuse_clone3"])]
    pub(super) from_prometheus: Option<String>,
    /// Which of them, as between the braces of a query: workload="systemd:web.service".
    #[arg(long = "match", value_name = "LABELS", requires = "from_prometheus")]
    pub(super) selector: Option<Match>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ConvertArgs {
    /// A profile: ours, OCI's or Docker's; `-` is standard input.
    #[arg(value_name = "PROFILE")]
    pub(super) input: String,
    #[command(flatten)]
    pub(super) target: TargetArgs,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct MergeArgs {
    /// Profiles: ours, OCI's or Docker's.
    #[arg(required = true, value_name = "PROFILE")]
    pub(super) inputs: Vec<String>,
    #[command(flatten)]
    pub(super) target: TargetArgs,
    /// What happens to every other call, where the profiles differ.
    #[arg(long, value_name = "ACTION", value_parser = default_action)]
    pub(super) default_action: Option<DefaultActionArg>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct DiffArgs {
    /// The profile before.
    #[arg(value_name = "OLD")]
    pub(super) old: String,
    /// The profile after.
    #[arg(value_name = "NEW")]
    pub(super) new: String,
    #[command(flatten)]
    pub(super) report: ReportArgs,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct CheckArgs {
    /// A profile: ours, OCI's or Docker's.
    #[arg(value_name = "PROFILE")]
    pub(super) input: String,
    /// Check that these recordings would run under it.
    #[arg(long, value_name = "FILE")]
    pub(super) observations: Vec<String>,
    #[command(flatten)]
    pub(super) report: ReportArgs,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ExplainArgs {
    /// The system call's name.
    #[arg(value_name = "SYSCALL")]
    pub(super) syscall: String,
    /// A profile: ours, OCI's or Docker's.
    #[arg(value_name = "PROFILE")]
    pub(super) input: String,
    #[command(flatten)]
    pub(super) report: ReportArgs,
}

/// Where a report goes, and for whom.
#[derive(Debug, Args)]
pub(in crate::cli) struct ReportArgs {
    /// For people, or one JSON document.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(super) format: ReportFormat,
    /// Write to a file instead of standard output.
    #[arg(short, long, value_name = "FILE", default_value = "-", hide_default_value = true)]
    pub(super) output: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum ReportFormat {
    Text,
    Json,
}

/// Which format a profile is written in.
#[derive(Debug, Args)]
pub(in crate::cli) struct TargetArgs {
    /// The format: ours keeps every reason, the others are for a runtime.
    #[arg(long, value_name = "FORMAT", default_value = "seccinch")]
    pub(super) to: FormatArg,
    /// Write to a file instead of standard output.
    #[arg(short, long, value_name = "FILE", default_value = "-", hide_default_value = true)]
    pub(super) output: String,
    /// What starts the program: decides the calls that it needs itself, and the flags that it takes. By
    /// default what usually reads the format, and runc for ours.
    #[arg(long, value_name = "RUNTIME")]
    pub(super) runtime: Option<RuntimeArg>,
    /// Have the kernel log every refused call (a filter flag; not every runtime takes it).
    #[arg(long)]
    pub(super) log_denials: bool,
    /// The API version of a Kubernetes object.
    #[arg(long, value_name = "VERSION", default_value = "v1")]
    pub(super) api: ApiArg,
    /// The name of a Kubernetes object. By default the program's.
    #[arg(long)]
    pub(super) name: Option<String>,
    /// The namespace of a Kubernetes object (v1beta1 only: in v1 it belongs to the cluster).
    #[arg(long)]
    pub(super) namespace: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum FormatArg {
    /// Ours: JSON with every reason.
    Seccinch,
    /// The OCI runtime's object; also a kubelet's localhost profile.
    #[value(alias = "localhost")]
    Oci,
    /// Docker's profile.
    Docker,
    /// A drop-in for a unit.
    Systemd,
    /// A `SeccompProfile` of the Security Profiles Operator.
    #[value(alias = "kubernetes")]
    K8s,
    /// A program for seccomp(2).
    Bpf,
    /// A Go source file by which the program puts it into force itself, with libseccomp-golang.
    Go,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum RuntimeArg {
    /// The program is executed under the filter, by nothing else.
    None,
    Runc,
    #[value(name = "runc-1.1")]
    Runc11,
    #[value(name = "runc-1.2")]
    Runc12,
    Crun,
    Systemd,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum ApiArg {
    V1,
    V1beta1,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum YesNo {
    Yes,
    No,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) struct DefaultActionArg(pub(super) crate::policy::DefaultAction);

/// A default action that is not one.
#[derive(Debug, thiserror::Error)]
pub(super) enum DefaultActionError {
    #[error("choose errno, errno:NAME, kill-process or log")]
    Unknown,
    #[error(transparent)]
    Errno(#[from] UnknownErrno),
}

fn default_action(text: &str) -> Result<DefaultActionArg, DefaultActionError> {
    use crate::policy::{DefaultAction, EPERM};
    Ok(DefaultActionArg(match text {
        "errno" => DefaultAction::Errno(EPERM),
        "kill-process" => DefaultAction::KillProcess,
        "log" => DefaultAction::Log,
        other => match other.strip_prefix("errno:") {
            Some(name) => DefaultAction::Errno(name.parse::<Errno>()?),
            None => return Err(DefaultActionError::Unknown),
        },
    }))
}
