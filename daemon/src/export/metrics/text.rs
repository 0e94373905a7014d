//! From OpenMetrics 1.0 to the text format 0.0.4.
//!
//! Series look the same in both. Heads differ: 0.0.4 names a counter by its series' name, has no `info`, no
//! units and no end (<https://prometheus.io/docs/instrumenting/exposition_formats/>).

use std::fmt::Write as _;

/// The same metrics in the text format 0.0.4.
pub(super) fn from_openmetrics(openmetrics: &str) -> String {
    let mut text = String::with_capacity(openmetrics.len());
    let mut help = "";
    for line in openmetrics.lines() {
        let Some(comment) = line.strip_prefix("# ") else {
            text.push_str(line);
            text.push('\n');
            continue;
        };
        match comment.split_once(' ') {
            // The type follows, and decides the name.
            Some(("HELP", rest)) => help = rest,
            Some(("TYPE", rest)) => head(&mut text, help, rest),
            _ => {}
        }
    }
    text
}

fn head(text: &mut String, help: &str, named_type: &str) {
    let Some((name, openmetrics_type)) = named_type.split_once(' ') else { return };
    let (suffix, kind) = match openmetrics_type {
        "counter" => ("_total", "counter"),
        "info" => ("_info", "gauge"),
        other => ("", other),
    };
    let help = help.strip_prefix(name).unwrap_or_default();
    // Writing to a string can't fail.
    let _ = writeln!(text, "# HELP {name}{suffix}{help}\n# TYPE {name}{suffix} {kind}");
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Check that heads get the names of their series, and that nothing else of a series changes.
    #[test]
    fn heads_are_rewritten() {
        let openmetrics = "# HELP a_seconds Time.\n# TYPE a_seconds counter\n# UNIT a_seconds seconds\n\
                           a_seconds_total{b=\"# TYPE x counter\"} 1.5\n\
                           # HELP b Facts.\n# TYPE b info\nb_info{c=\"d\"} 1\n\
                           # HELP e Now.\n# TYPE e gauge\ne 2\n# EOF\n";
        let text = "# HELP a_seconds_total Time.\n# TYPE a_seconds_total counter\n\
                    a_seconds_total{b=\"# TYPE x counter\"} 1.5\n\
                    # HELP b_info Facts.\n# TYPE b_info gauge\nb_info{c=\"d\"} 1\n\
                    # HELP e Now.\n# TYPE e gauge\ne 2\n";
        assert_eq!(from_openmetrics(openmetrics), text);
    }
}
