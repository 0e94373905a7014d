//! The table at the end of a recording.

use std::fmt::Write;
use std::time::Duration;

use crate::app::columns::{WIDTH, caller_head, caller_row};
use crate::golang;
use crate::model::{Arguments, Build, GoBuild, Observations, Phase, Role, RoleObservations, Seen, SyscallNr};
use crate::syscalls;

/// The observations as a table for people, of so many columns: a section a role, busiest call first.
pub fn render(observations: &Observations, width: usize) -> String {
    let mut text = String::new();
    for role in &observations.roles {
        section(&mut text, role, observations, width);
    }
    for (reason, count) in observations.losses.0.iter().filter(|(_, count)| **count > 0) {
        line(&mut text, format_args!("lost: {count} ({reason})"));
    }
    text
}

/// Writing to a `String` does not fail.
fn line(text: &mut String, words: std::fmt::Arguments<'_>) {
    let _ = writeln!(text, "{words}");
}

fn section(text: &mut String, role: &RoleObservations, observations: &Observations, width: usize) {
    line(text, format_args!("{}", heading(role)));
    for words in described(&role.build) {
        line(text, format_args!("{words}"));
    }
    let calls: u64 = role.syscalls.values().map(|seen| seen.counts.total()).sum();
    let span = observations.started.until(observations.ended);
    let different = role.syscalls.len();
    let processes = role.processes;
    line(
        text,
        format_args!(
            "{different} syscalls, {calls} calls, {processes} processes, {:.1}s\n",
            span.as_secs_f64()
        ),
    );
    let head = format!(
        "{:<24}{:>11}{:>9}{:>9}{:>9}{:>9}{:>9}",
        "SYSCALL", "CALLS", "STARTUP", "STEADY", "SHUTDOWN", "FIRST", "LAST"
    );
    line(text, format_args!("{}", caller_head(&head, width)));
    let mut rows: Vec<_> = role.syscalls.iter().collect();
    rows.sort_by_key(|(nr, seen)| (std::cmp::Reverse(seen.counts.total()), **nr));
    for (nr, seen) in rows {
        row(text, *nr, seen, observations, width);
    }
    if role.foreign > 0 {
        line(
            text,
            format_args!("{:<24}{:>11}  (32-bit, x32 or unknown: in no profile)", "foreign", role.foreign),
        );
    }
    text.push('\n');
}

fn heading(role: &RoleObservations) -> String {
    match &role.role {
        Role::Main => format!("main: {}", role.build.path),
        Role::Child(name) => format!("child {name}: {}", role.build.path),
        Role::Entered(name) => format!("entered {name}: {} (teaches no profile)", role.build.path),
    }
}

fn described(build: &Build) -> Vec<String> {
    let Some(linkage) = &build.linkage else {
        return vec!["ended before it could be looked at, or not a 64-bit ELF file".into()];
    };
    let interpreter = linkage.interpreter.as_deref().unwrap_or("none, static");
    let needed = if linkage.needed.is_empty() { "no libraries".into() } else { linkage.needed.join(" ") };
    let linked = format!("interpreter {interpreter}, {needed}");
    let id = format!("build id {}", build.id.as_deref().unwrap_or("none"));
    vec![build.go.as_ref().map_or_else(|| "not Go".into(), go), linked, id]
}

fn go(go: &GoBuild) -> String {
    let (path, version) = go.module.clone().unwrap_or((go.path.clone().unwrap_or_default(), String::new()));
    let cgo = match go.cgo {
        Some(true) => ", built with cgo enabled",
        Some(false) => ", built without cgo",
        None => "",
    };
    format!("{} {}{cgo}", go.toolchain, format!("{path} {version}").trim_end())
}

fn row(text: &mut String, nr: SyscallNr, seen: &Seen, observations: &Observations, width: usize) {
    let name = syscalls::display_name(observations.host.arch, nr);
    let since = |time: crate::model::Timestamp| short(observations.started.until(time));
    let [startup, steady, shutdown] = Phase::ALL.map(|phase| seen.counts.get(phase));
    let calls = match seen.counts.total() {
        0 if seen.in_flight => "in flight".to_owned(),
        total => total.to_string(),
    };
    let numbers = format!(
        "{name:<24}{calls:>11}{startup:>9}{steady:>9}{shutdown:>9}{:>9}{:>9}",
        since(seen.first),
        since(seen.last)
    );
    let by = golang::telling(&seen.callers).and_then(|caller| golang::one_line(&caller.frames));
    line(text, format_args!("{}", caller_row(&numbers, by.as_deref(), width)));
    if let Some(values) = arguments(&name, &seen.arguments) {
        line(text, format_args!("  {values}"));
    }
}

fn short(duration: Duration) -> String {
    match duration.as_secs() {
        0..=99 => format!("{:.2}s", duration.as_secs_f64()),
        seconds @ 100..=9_999 => format!("{seconds}s"),
        seconds => format!("{}h", seconds / 3600),
    }
}

/// The values of a watched call, as many as fit the line.
fn arguments(name: &str, arguments: &Arguments) -> Option<String> {
    let values = match arguments {
        Arguments::Unwatched => return None,
        Arguments::Any => return Some("any arguments".into()),
        Arguments::Values(values) => values,
    };
    let labels = syscalls::watched_by_name(name)?.labels.join(",");
    let mut text = format!("{labels}:");
    for (shown, value) in values.keys().enumerate() {
        let value: Vec<_> = value.iter().map(|value| format!("{value:#x}")).collect();
        let value = format!(" {}", value.join(","));
        if text.len() + value.len() > WIDTH - 12 {
            let more = values.len() - shown;
            return Some(format!("{text} +{more} more"));
        }
        text.push_str(&value);
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Arch, Caller, Callers, Frame, Host, Losses, PhaseCounts, Timestamp};

    /// One with a name that is too long for a terminal.
    fn caller() -> Caller {
        let frame = |function: &str| Frame {
            function: function.into(),
            file: "/build/a/dial.go".into(),
            line: 12,
            is_inlined: false,
        };
        let outside =
            "example.com/a-company/a-service/internal/network/client.(*Client).dialWithTimeout.func1";
        let frames = [frame("net.(*sysDialer).dialTCP"), frame(outside)];
        Caller { frames: frames.into(), goroutine: Some(1), time: Timestamp::default() }
    }

    fn observations() -> Observations {
        let at = |seconds: u64| Timestamp::from_unix_nanos(seconds * 1_000_000_000);
        let seen = |counts, arguments| Seen {
            counts,
            in_flight: false,
            first: at(11),
            last: at(20),
            arguments,
            callers: Callers::default(),
        };
        let nr = |name| syscalls::number(Arch::X86_64, name).unwrap();
        let combinations = (0..40).map(|n| (vec![n, n, n], 1)).collect();
        let calls = [
            (nr("read"), seen(PhaseCounts::new(1, 2, 3), Arguments::Unwatched)),
            (
                nr("socket"),
                Seen {
                    callers: caller().into(),
                    ..seen(PhaseCounts::new(40, 0, 0), Arguments::Values(combinations))
                },
            ),
        ];
        Observations {
            host: Host {
                arch: Arch::X86_64,
                kernel: "6.12".into(),
                clock_source: None,
                seccinch: "0".into(),
            },
            started: at(10),
            ended: at(21),
            roles: vec![RoleObservations {
                role: Role::Main,
                build: Build { path: "/usr/bin/app".into(), ..Build::default() },
                processes: 1,
                syscalls: calls.into(),
                foreign: 7,
                reachable: None,
            }],
            losses: Losses([("ring_full".to_owned(), 9)].into()),
        }
    }

    /// Check that the busiest call comes first, that who makes it, foreign calls and losses are told, and that no line
    /// is wider than a terminal, however wide that is.
    #[test]
    fn the_table_is_complete_and_fits() {
        for (width, caller) in [
            (WIDTH, "\n  by client.(*Client).dialWithTimeout.func1 (dial.go:12)\n"),
            (120, "10.00s  client.(*Client).dialWit… (dial.go:12)\n"),
        ] {
            let table = render(&observations(), width);
            assert!(table.find("socket").unwrap() < table.find("read").unwrap(), "{table}");
            for expected in [
                "main: /usr/bin/app",
                "2 syscalls, 46 calls",
                "foreign",
                "lost: 9 (ring_full)",
                "more",
                caller,
            ] {
                assert!(table.contains(expected), "no {expected:?} in:\n{table}");
            }
            for line in table.lines() {
                assert!(line.chars().count() <= width, "{} characters: {line}", line.len());
            }
        }
    }
}
