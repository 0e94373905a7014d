//! `seccinch status`.

use std::time::Duration;

use super::words::{age, counted, line, wrap};
use crate::app::columns::plain;
use crate::app::control::StatusDocument;

/// How the daemon does.
pub fn status(status: &StatusDocument) -> String {
    let mut text = String::new();
    let state = if status.ready { "ready" } else { "not ready" };
    line(
        &mut text,
        format_args!(
            "seccinch {}: {state}, for {}, on {} {}",
            status.seccinch,
            age(&status.started, &status.time),
            status.host.arch,
            plain(&status.host.kernel)
        ),
    );
    let other =
        if status.other > 0 { format!(", and {} beyond the limit", status.other) } else { String::new() };
    let entries = [
        ("workloads", format!("{}{other}, {}", status.workloads, counted(status.targets, "live target"))),
        ("counted", counted(status.counted, "call")),
        ("polls", polls(status)),
        ("kernel", kernel(status)),
        ("configuration", reload(status)),
    ];
    for (name, words) in entries {
        wrap(&mut text, &format!("{name:<15}"), &words);
    }
    if status.state_write_errors > 0 {
        wrap(&mut text, &format!("{:<15}", "state"), &counted(status.state_write_errors, "failed write"));
    }
    for (reason, count) in status.losses.iter().filter(|(_, count)| **count > 0) {
        line(&mut text, format_args!("{:<15}{count} ({})", "lost", plain(reason)));
    }
    problems(&mut text, status);
    text
}

fn polls(status: &StatusDocument) -> String {
    let count = status.polls.count;
    let each = Duration::try_from_secs_f64(status.polls.seconds).unwrap_or_default();
    let each = each.checked_div(u32::try_from(count).unwrap_or(u32::MAX)).unwrap_or_default();
    format!("{count}, {:.1} ms each", each.as_secs_f64() * 1000.0)
}

fn kernel(status: &StatusDocument) -> String {
    let attached = status.programs.iter().filter(|program| program.attached).count();
    let mebibytes = status.kernel_memory_bytes.div_ceil(1 << 20);
    format!("{attached} of {} programs attached, {mebibytes} MiB", status.programs.len())
}

fn reload(status: &StatusDocument) -> String {
    let since = age(&status.reload.last_success, &status.time);
    if status.reload.successful {
        format!("read {since} ago")
    } else {
        format!("the last reload was refused; that of {since} ago is in effect")
    }
}

fn problems(text: &mut String, status: &StatusDocument) {
    if status.problems.is_empty() {
        line(text, format_args!("{:<15}none", "problems"));
        return;
    }
    line(text, format_args!("problems"));
    for problem in &status.problems {
        let since = age(&problem.since, &status.time);
        let words = format!("{} (for {since}): {}", plain(&problem.part), plain(&problem.text));
        wrap(text, if problem.fatal { "  ! " } else { "  - " }, &words);
    }
}
