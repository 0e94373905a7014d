//! `seccinch finding list`.

use std::time::Duration;

use super::words::{counted, line, name_column, short, to_the_second};
use crate::app::columns::{fit, plain};
use crate::app::control::ViolationsDocument;
use crate::app::control::document::CulpritFile;

/// Where the other columns begin.
const NAME: usize = 28;

/// The violations, oldest first, in so many columns.
pub fn violations(document: &ViolationsDocument, width: usize) -> String {
    let mut text = String::new();
    line(&mut text, format_args!("{:<NAME$}{:<22}RULE, AND WHAT BROKE IT", "WORKLOAD", "TIME"));
    for violation in &document.violations {
        name_column(&mut text, &violation.workload, NAME);
        let allowed = format!(
            "{} in {}",
            violation.over,
            short(Duration::try_from_secs_f64(violation.per_seconds).unwrap_or_default())
        );
        let time = to_the_second(&violation.time);
        line(&mut text, format_args!("{time:<22}{}", plain(&violation.rule)));
        let count = counted(violation.count, "call");
        line(
            &mut text,
            format_args!(
                "{:<NAME$}{} of {}, over {allowed}: {}",
                "", count, violation.syscall, violation.then
            ),
        );
        if let Some(caller) = &violation.caller {
            made_by(&mut text, caller, width);
        }
    }
    if document.violations.is_empty() {
        line(&mut text, format_args!("none: no rule was broken"));
    }
    text
}

/// Who made the call, and on which goroutine if that is known and fits.
fn made_by(text: &mut String, caller: &CulpritFile, width: usize) {
    let Some(by) = &caller.by else { return };
    // Another stack than that of the call itself says who makes such calls, not who made this one.
    let lead = if caller.this_call { "by " } else { "seen by " };
    let room = width.saturating_sub(NAME + lead.len());
    let goroutine = caller.goroutine.map(|id| format!("goroutine {id}"));
    let by = fit(by, room);
    match goroutine {
        Some(id) if by.chars().count() + 2 + id.len() <= room => {
            line(text, format_args!("{:<NAME$}{lead}{by}, {id}", ""));
        }
        Some(id) => line(text, format_args!("{:<NAME$}{lead}{by},\n{:<NAME$}on {id}", "", "")),
        None => line(text, format_args!("{:<NAME$}{lead}{by}", "")),
    }
}
