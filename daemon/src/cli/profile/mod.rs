//! `seccinch profile`: its arguments.

mod arguments;
mod run;

pub(super) use run::run;

use clap::Subcommand;

use arguments::{BuildArgs, CheckArgs, ConvertArgs, DiffArgs, ExplainArgs, MergeArgs};

#[derive(Debug, Subcommand)]
pub(super) enum ProfileCommand {
    /// Make a profile of observation files.
    #[command(after_help = "\
Examples:
  seccinch profile build web.json -o web.profile.json
  seccinch profile build a.json b.json --to oci --default-action kill-process
  seccinch profile build web.json --binary /usr/bin/web --stage lockdown -o web.profile.json
  seccinch profile build web.json --to systemd -o /etc/systemd/system/web.service.d/seccomp.conf
  seccinch profile build web.json --to k8s --name web | kubectl apply -f -
  seccinch profile build --from-prometheus http://prometheus:9090 \\
    --match 'workload=\"k8s:shop/Deployment/web/app\"' --to oci")]
    Build(BuildArgs),
    /// Unite profiles: allow whatever any of them allows.
    #[command(after_help = "\
Example:
  seccinch profile merge eu.json us.json -o web.profile.json")]
    Merge(MergeArgs),
    /// Say what changes from one profile to another. Exit status 1 if anything does.
    #[command(after_help = "\
Examples:
  seccinch profile diff old.profile.json new.profile.json
  seccinch profile diff docker-default.json web.profile.json --format json")]
    Diff(DiffArgs),
    /// Look for what is wrong with a profile. Exit status 1 if anything is.
    #[command(after_help = "\
Examples:
  seccinch profile check web.profile.json
  seccinch profile check /etc/docker/seccomp.json --observations web.json")]
    Check(CheckArgs),
    /// Say why a profile allows or refuses a system call: when it was seen, how often, who made it, and what could.
    #[command(after_help = "\
Examples:
  seccinch profile explain openat web.profile.json
  seccinch profile explain ptrace web.profile.json --format json")]
    Explain(ExplainArgs),
    /// Write a profile in another format.
    #[command(after_help = "\
Example:
  seccinch profile convert web.profile.json --to systemd")]
    Convert(ConvertArgs),
}
