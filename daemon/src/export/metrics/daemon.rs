//! Metrics of the daemon itself.

use std::collections::BTreeMap;

use super::family::{Family, Labels, Sample, Samples, Text, Unit, Value};
use super::seconds;
use crate::export::view::View;
use crate::kernel::ProgramRuns;

/// The reason under which programs are counted that found too many workloads.
const TOO_MANY_WORKLOADS: &str = "too many workloads";

/// Everything that the view says of the daemon.
pub(super) fn families(view: &View) -> Vec<Family> {
    let mut families = vec![losses(view), scans(view), problems(view)];
    families.extend(programs(&view.programs));
    families.extend(loop_and_state(view));
    families.push(Family {
        name: "seccinch_build",
        unit: None,
        help: "The version of the daemon.",
        samples: Samples::Infos(vec![Labels::from([
            ("version", env!("CARGO_PKG_VERSION").into()),
            ("revision", option_env!("SECCINCH_REVISION").unwrap_or("unknown").into()),
        ])]),
    });
    families
}

/// A counter for each label's value.
pub(super) fn counters<T: Into<Text>>(
    label: &'static str,
    counts: impl IntoIterator<Item = (T, u64)>,
) -> Samples {
    let sample = |(value, count): (T, u64)| Sample::new([(label, value.into())], Value::Whole(count));
    Samples::Counters(counts.into_iter().map(sample).collect())
}

fn losses(view: &View) -> Family {
    let mut losses = view.losses.clone();
    *losses.entry(TOO_MANY_WORKLOADS.to_owned()).or_default() += view.other;
    Family {
        name: "seccinch_observations_lost",
        unit: None,
        help: "What could not be counted.",
        samples: counters("reason", losses),
    }
}

fn scans(view: &View) -> Family {
    Family {
        name: "seccinch_scans",
        unit: None,
        help: "Scans of binaries for what they could ever call.",
        samples: counters("result", [("done", view.scans.done), ("failed", view.scans.failed)]),
    }
}

fn problems(view: &View) -> Family {
    let mut parts = BTreeMap::<String, u64>::new();
    for problem in &view.health.problems {
        // The first word only: the rest may be a workload's name.
        let part = problem.part.split(' ').next().unwrap_or_default();
        *parts.entry(part.to_owned()).or_default() += 1;
    }
    let problem = |(part, count): (String, u64)| Sample::new([("part", part.into())], Value::Whole(count));
    Family {
        name: "seccinch_problems",
        unit: None,
        help: "Failing parts of the daemon; there is no series for a part that works.",
        samples: Samples::Gauges(parts.into_iter().map(problem).collect()),
    }
}

fn programs(programs: &[ProgramRuns]) -> [Family; 3] {
    let family = |name, unit, help, samples| Family { name, unit, help, samples };
    let label = |program: &ProgramRuns| [("program", Text::from(program.program.clone()))];
    let each = |value: fn(&ProgramRuns) -> Value| -> Vec<Sample> {
        programs.iter().map(|program| Sample::new(label(program), value(program))).collect()
    };
    #[expect(clippy::cast_precision_loss, reason = "exact up to 104 days of running")]
    let run_seconds = |program: &ProgramRuns| Value::Real(program.nanoseconds as f64 / 1e9);
    [
        family(
            "seccinch_bpf_program_runs",
            None,
            "Runs of an eBPF program, while kernel.bpf_stats_enabled is 1.",
            Samples::Counters(each(|program| Value::Whole(program.runs))),
        ),
        family(
            "seccinch_bpf_program_run",
            Some(Unit::Seconds),
            "Time that an eBPF program ran, while kernel.bpf_stats_enabled is 1.",
            Samples::Counters(each(run_seconds)),
        ),
        family(
            "seccinch_tracepoint_attached",
            None,
            "Whether an eBPF program is attached.",
            Samples::Gauges(each(|program| Value::Whole(program.is_attached.into()))),
        ),
    ]
}

fn loop_and_state(view: &View) -> Vec<Family> {
    let gauge = |name, unit, help, value| Family {
        name,
        unit,
        help,
        samples: Samples::Gauges(Sample::single(value)),
    };
    vec![
        gauge(
            "seccinch_bpf_memory",
            Some(Unit::Bytes),
            "Memory that the kernel holds for the eBPF programs and their maps.",
            Value::Whole(view.kernel_memory_bytes),
        ),
        Family {
            name: "seccinch_poll_duration",
            unit: Some(Unit::Seconds),
            help: "How long it took to read the counters and take them in.",
            samples: Samples::Durations(view.polls.clone()),
        },
        Family {
            name: "seccinch_state_write_errors",
            unit: None,
            help: "State files that could not be written.",
            samples: Samples::Counters(Sample::single(Value::Whole(view.state_write_errors))),
        },
        gauge(
            "seccinch_config_last_reload_successful",
            None,
            "Whether the configuration was good when it was last read.",
            Value::Whole(view.reload.is_successful.into()),
        ),
        gauge(
            "seccinch_config_last_reload_success_timestamp",
            Some(Unit::Seconds),
            "When the configuration that is in force was read.",
            Value::Real(seconds(view.reload.last_success)),
        ),
    ]
}
