//! `seccinch finding list`.

use std::time::Duration;

use super::words::{counted, line, name_column, plain, short, to_the_second};
use crate::app::control::ViolationsDocument;

/// Where the other columns begin.
const NAME: usize = 28;

/// The violations, oldest first.
pub fn violations(document: &ViolationsDocument) -> String {
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
    }
    if document.violations.is_empty() {
        line(&mut text, format_args!("none: no rule was broken"));
    }
    text
}
