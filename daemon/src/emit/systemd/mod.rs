//! A drop-in for a unit (systemd.exec(5), "System call filtering").
//!
//! systemd adds its own `@default` group to every allow-list (see `systemd-analyze syscall-filter @default`),
//! so the unit may call a little more than the profile lists. Argument rules exist for three calls only, as
//! settings of their own.

mod settings;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use super::EmitError;
use crate::policy::{Condition, DefaultAction, Profile, Verdict};
use crate::syscalls;
use settings::setting;

/// How wide a line of names gets.
const WIDTH: usize = 100;

pub(super) const FORMAT: &str = "a systemd unit";

/// The profile as a drop-in. Every list is emptied first: lists of a unit and its drop-ins are united, and the
/// unit's own would widen the profile's.
pub fn systemd(profile: &Profile) -> Result<Vec<u8>, EmitError> {
    let lists = Lists::of(profile)?;
    let mut text = String::from(HEADER);
    text.push_str("[Service]\nNoNewPrivileges=yes\nSystemCallArchitectures=\nSystemCallArchitectures=native\nSystemCallFilter=\n");
    for line in wrapped(&lists.allowed) {
        // Writing to a String can't fail.
        let _ = writeln!(text, "SystemCallFilter={line}");
    }
    for line in wrapped(&lists.refused) {
        let _ = writeln!(text, "SystemCallFilter=~{line}");
    }
    let _ = writeln!(text, "SystemCallErrorNumber={}", lists.error);
    for setting in &lists.settings {
        let _ = writeln!(text, "{setting}");
    }
    Ok(text.into_bytes())
}

const HEADER: &str = "\
# Made by seccinch. Put it in /etc/systemd/system/UNIT.service.d/, then: systemctl daemon-reload,
# systemctl restart UNIT. systemd allows its @default group too.
";

struct Lists {
    allowed: Vec<String>,
    refused: Vec<String>,
    error: String,
    settings: Vec<String>,
}

impl Lists {
    fn of(profile: &Profile) -> Result<Self, EmitError> {
        let mut lists =
            Self { allowed: Vec::new(), refused: Vec::new(), error: error(profile)?, settings: Vec::new() };
        for (nr, rule) in profile.rules() {
            let name = syscalls::display_name(profile.arch(), *nr);
            if syscalls::name(profile.arch(), *nr).is_none() {
                return Err(inexpressible(
                    &name,
                    rule.verdict(),
                    "it goes by name and this number has none yet",
                ));
            }
            match rule.verdict() {
                Verdict::Allow(Condition::Always) => lists.allowed.push(name),
                // In an allow-list, a name with an error of its own is refused with that error
                // (systemd, src/shared/seccomp-util.c, `seccomp_parse_syscall_filter`).
                Verdict::Errno(errno) => lists.refused.push(format!("{name}:{errno}")),
                Verdict::Allow(Condition::When(any)) => {
                    lists.settings.push(setting(profile, &name, any, rule.verdict())?);
                    lists.allowed.push(name);
                }
            }
        }
        lists.allowed.sort_unstable();
        lists.refused.sort_unstable();
        lists.settings.sort_unstable();
        Ok(lists)
    }
}

/// `kill` is written out, because a drop-in that says nothing leaves the unit's own error in force.
fn error(profile: &Profile) -> Result<String, EmitError> {
    match profile.default_action() {
        DefaultAction::Errno(errno) => Ok(errno.to_string()),
        DefaultAction::KillProcess => Ok("kill".to_owned()),
        DefaultAction::Log => Err(EmitError::Default {
            format: FORMAT,
            action: DefaultAction::Log.to_string(),
            way_out: "it can only log what it lists; use --default-action errno",
        }),
    }
}

pub(super) fn inexpressible(name: &str, verdict: &Verdict, way_out: &'static str) -> EmitError {
    EmitError::Rule { format: FORMAT, syscall: name.to_owned(), rule: verdict.to_string(), way_out }
}

/// Several lines instead of one of thousands of characters, for people and their diffs.
fn wrapped(names: &[String]) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for name in names {
        match lines.last_mut() {
            Some(line) if line.len() + 1 + name.len() <= WIDTH => {
                line.push(' ');
                line.push_str(name);
            }
            _ => lines.push(name.clone()),
        }
    }
    lines
}
