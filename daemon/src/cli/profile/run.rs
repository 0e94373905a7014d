//! From arguments to the commands of `app`, and from their results to standard output.

use std::io::{self, IsTerminal};
use std::path::Path;

use super::ProfileCommand;
use super::arguments::{
    ApiArg, BuildArgs, CheckArgs, ConvertArgs, DiffArgs, ExplainArgs, FormatArg, MergeArgs, ReportArgs,
    ReportFormat, RuntimeArg, StageArg, TargetArgs, YesNo,
};
use crate::app::profile::{self, Binaries, BuildRequest, ProfileCommandError, Report, Target};
use crate::cli::{ExitStatus, chain};
use crate::emit::{Api, Engine, Logging, ObjectName};
use crate::files::{Input, Output};
use crate::policy::floor::{NoNewPrivileges, Runtime};
use crate::policy::{Clone3, DefaultAction, EPERM, Entered, Launch, Narrowing, Profile, Stage, Unresolved};

pub(in crate::cli) fn run(command: ProfileCommand) -> ExitStatus {
    let result = match command {
        ProfileCommand::Build(args) => build(&args),
        ProfileCommand::Merge(args) => merge(&args),
        ProfileCommand::Convert(args) => convert(&args),
        ProfileCommand::Diff(args) => diff(&args),
        ProfileCommand::Check(args) => check(&args),
        ProfileCommand::Explain(args) => explain(&args),
    };
    result.unwrap_or_else(|error| {
        eprintln!("error: {}", chain(&error));
        match error {
            ProfileCommandError::Write(_) | ProfileCommandError::Floor(_) => ExitStatus::System,
            ProfileCommandError::Prometheus(error) if error.is_of_the_system() => ExitStatus::System,
            _ => ExitStatus::Usage,
        }
    })
}

type Outcome = Result<ExitStatus, ProfileCommandError>;

fn build(args: &BuildArgs) -> Outcome {
    let default = args.default_action.map(|action| action.0);
    if let (Some(url), Some(selector)) = (&args.prometheus.from_prometheus, &args.prometheus.selector) {
        return write(&profile::from_prometheus(url, selector, default)?, &args.target);
    }
    let narrowing = if args.no_arguments {
        Narrowing::none()
    } else {
        Narrowing::standard().with(args.narrow.iter().map(String::as_str))?
    };
    let no_new_privileges = match args.no_new_privs {
        YesNo::Yes => NoNewPrivileges::Set,
        YesNo::No => NoNewPrivileges::Unset,
    };
    let request = BuildRequest {
        inputs: inputs(&args.inputs),
        binaries: Binaries { paths: args.scan.binary.clone(), sysroot: args.scan.sysroot.clone() },
        stage: stage(args, default)?,
        default: default.unwrap_or(DefaultAction::Errno(EPERM)),
        entered: if args.include_entered { Entered::Included } else { Entered::Excluded },
        narrowing,
        clone3: if args.refuse_clone3 { Clone3::Refused } else { Clone3::AsObserved },
        launches: vec![Launch { runtime: runtime(&args.target), no_new_privileges }],
    };
    let profile = profile::build(&request)?;
    let status = write(&profile, &args.target)?;
    eprintln!("{}", profile::summary(&profile));
    Ok(status)
}

/// A lockdown says by itself what is killed; the default action is then what else fails with.
fn stage(args: &BuildArgs, default: Option<DefaultAction>) -> Result<Stage, ProfileCommandError> {
    match (args.scan.stage, default) {
        (StageArg::Enforce, _) if args.scan.accept_unresolved => Err(ProfileCommandError::NothingToAccept),
        (StageArg::Enforce, _) => Ok(Stage::Enforce),
        (StageArg::Lockdown, None | Some(DefaultAction::Errno(_))) if args.scan.accept_unresolved => {
            Ok(Stage::Lockdown(Unresolved::Accepted))
        }
        (StageArg::Lockdown, None | Some(DefaultAction::Errno(_))) => {
            Ok(Stage::Lockdown(Unresolved::Refused))
        }
        (StageArg::Lockdown, Some(action)) => Err(ProfileCommandError::LockdownDefault(action)),
    }
}

fn merge(args: &MergeArgs) -> Outcome {
    let default = args.default_action.map(|action| action.0);
    write(&profile::merge(&inputs(&args.inputs), default)?, &args.target)
}

fn convert(args: &ConvertArgs) -> Outcome {
    write(&profile::load(&Input::from(args.input.as_str()))?.profile, &args.target)
}

fn diff(args: &DiffArgs) -> Outcome {
    let (old, new) = (Input::from(args.old.as_str()), Input::from(args.new.as_str()));
    report(&profile::diff(&old, &new)?, &args.report)
}

fn check(args: &CheckArgs) -> Outcome {
    let host = profile::Host::read(Path::new("/"));
    let observations = inputs(&args.observations);
    report(&profile::check(&Input::from(args.input.as_str()), &observations, &host)?, &args.report)
}

fn explain(args: &ExplainArgs) -> Outcome {
    report(&profile::explain(&args.syscall, &Input::from(args.input.as_str()))?, &args.report)
}

fn inputs(arguments: &[String]) -> Vec<Input> {
    arguments.iter().map(|argument| Input::from(argument.as_str())).collect()
}

fn report(report: &impl Report, args: &ReportArgs) -> Outcome {
    let bytes = match args.format {
        ReportFormat::Text => report.text().into_bytes(),
        ReportFormat::Json => report.json()?,
    };
    Output::from(args.output.as_str()).write(&bytes)?;
    Ok(if report.is_clean() { ExitStatus::Done } else { ExitStatus::Found })
}

fn write(profile: &Profile, args: &TargetArgs) -> Outcome {
    let output = Output::from(args.output.as_str());
    if args.to == FormatArg::Bpf && output == Output::Stdout && io::stdout().is_terminal() {
        return Err(ProfileCommandError::Terminal);
    }
    let bytes = profile::emit(profile, &target(profile, args)?)?;
    output.write(&bytes)?;
    for warning in profile::warn_of(profile) {
        eprintln!("{warning}");
    }
    Ok(ExitStatus::Done)
}

/// What starts the program, where it was not said: what usually reads the format.
fn runtime(args: &TargetArgs) -> Option<Runtime> {
    match (args.runtime, args.to) {
        (Some(RuntimeArg::None), _) | (None, FormatArg::Bpf | FormatArg::Go) => None,
        (Some(RuntimeArg::Crun), _) => Some(Runtime::Crun),
        (Some(RuntimeArg::Systemd), _) | (None, FormatArg::Systemd) => Some(Runtime::Systemd),
        (Some(RuntimeArg::Runc | RuntimeArg::Runc11 | RuntimeArg::Runc12) | None, _) => Some(Runtime::Runc),
    }
}

fn engine(args: &TargetArgs) -> Engine {
    match args.runtime {
        Some(RuntimeArg::Runc11) => Engine::Runc11,
        Some(RuntimeArg::Runc12) => Engine::Runc12,
        Some(RuntimeArg::Crun) => Engine::Crun,
        _ => Engine::Any,
    }
}

fn target(profile: &Profile, args: &TargetArgs) -> Result<Target, ProfileCommandError> {
    let logging = if args.log_denials { Logging::Denials } else { Logging::Kernel };
    Ok(match args.to {
        FormatArg::Seccinch => Target::Seccinch,
        FormatArg::Oci => Target::Oci(engine(args), logging),
        FormatArg::Docker => Target::Docker(engine(args), logging),
        FormatArg::Systemd => Target::Systemd,
        FormatArg::Bpf => Target::Bpf,
        FormatArg::Go => Target::Go,
        FormatArg::K8s => {
            let api = match args.api {
                ApiArg::V1 => Api::V1,
                ApiArg::V1beta1 => Api::V1Beta1,
            };
            let name = args.name.clone().unwrap_or_else(|| profile::default_name(profile));
            let name = ObjectName::new(&name, args.namespace.as_deref())?;
            Target::Kubernetes(api, name, engine(args), logging)
        }
    })
}
