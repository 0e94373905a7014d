//! The metrics: what stands in them, in both formats, within the budget, and in time.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use seccinch::export::metrics::{Budget, Exporter, Format, Served};
use seccinch::export::view::{Problem, RuleAction, View};
use seccinch::policy::{ENOSYS, EPERM};

use crate::fixtures::program;
use crate::views::{add, at, empty, generation, id, many, nr, workload};

/// Names that break what is not escaped.
const HOSTILE: &str = "exe:/opt/a \"b\"\\n{c=\"d\"} 1\n# TYPE x counter\nä€𝄞";

fn exporter(budget: Budget) -> Exporter {
    Exporter::new(budget, Path::new("/proc/self"))
}

fn render(view: &View, format: Format) -> String {
    exporter(Budget::default()).render(view, &Served::default(), format).expect("metrics")
}

/// A view with something of every family.
pub(crate) fn full() -> View {
    let mut view = empty();
    let mut web = workload("systemd:web.service", &[nr("read"), nr("ptrace")]);
    web.violations.insert(("no-ptrace".to_owned(), nr("ptrace")), 2);
    web.generation = Some(
        generation(BTreeMap::from([
            (nr("read"), RuleAction::Allow),
            (nr("socket"), RuleAction::AllowWhen),
            (nr("clone3"), RuleAction::Errno(ENOSYS)),
            (nr("ptrace"), RuleAction::Errno(EPERM)),
        ]))
        .into(),
    );
    add(&mut view, web);
    add(&mut view, workload(HOSTILE, &[nr("write")]));
    view.health.problems.push(Problem {
        part: "workload exe:/x".to_owned(),
        text: "its binary can't be read".to_owned(),
        since: at(3),
        is_fatal: false,
    });
    Arc::make_mut(&mut view.violations_by_others).insert(("no-ptrace".to_owned(), nr("ptrace")), 1);
    view
}

/// Runs `promtool check metrics`: its code, and everything that it printed.
fn promtool(metrics: &str) -> (Option<i32>, String) {
    let mut command = Command::new(program("promtool"));
    let mut child = command
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool runs");
    child.stdin.take().expect("a pipe").write_all(metrics.as_bytes()).expect("written");
    let output = child.wait_with_output().expect("promtool ends");
    let printed = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(printed).expect("text"))
}

/// The names of all families, as the format 0.0.4 has them.
pub(crate) fn families(text: &str) -> BTreeSet<String> {
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    types.filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

fn series(text: &str) -> usize {
    text.lines().filter(|line| !line.starts_with('#')).count()
}

/// Check that promtool finds nothing to say about the text format, of an empty daemon and of a full one, and
/// that it would.
#[test]
fn promtool_is_content() {
    for view in [empty(), full(), many(60, 100)] {
        assert_eq!(promtool(&render(&view, Format::Text)), (Some(0), String::new()));
    }
    assert_ne!(promtool("# TYPE a_total gauge\na_total 1\n"), (Some(0), String::new()), "it must complain");
}

/// Check the series of each family in the text format.
#[test]
fn every_family_is_there() {
    let text = render(&full(), Format::Text);
    let workload = "workload=\"systemd:web.service\"";
    for line in [
        &format!("seccinch_syscalls_total{{{workload},syscall=\"read\"}} 1"),
        &format!("seccinch_violations_total{{{workload},syscall=\"ptrace\",rule=\"no-ptrace\"}} 2"),
        "seccinch_violations_total{syscall=\"ptrace\",rule=\"no-ptrace\"} 1",
        &format!("seccinch_targets{{{workload}}} 1"),
        &format!("seccinch_baseline_last_new_syscall_timestamp_seconds{{{workload}}} 1795000001.0"),
        &format!("seccinch_profile_rule{{{workload},syscall=\"read\",action=\"allow\"}} 1"),
        &format!(
            "seccinch_profile_rule{{{workload},syscall=\"socket\",action=\"allow\",arguments=\"limited\"}} 1"
        ),
        &format!(
            "seccinch_profile_rule{{{workload},syscall=\"clone3\",action=\"errno\",errno=\"ENOSYS\"}} 1"
        ),
        "seccinch_observations_lost_total{reason=\"ring full\"} 4",
        "seccinch_observations_lost_total{reason=\"too many workloads\"} 3",
        "seccinch_problems{part=\"workload\"} 1",
        "seccinch_bpf_program_runs_total{program=\"sys_enter\"} 7",
        "seccinch_bpf_program_run_seconds_total{program=\"sys_enter\"} 2.5",
        "seccinch_tracepoint_attached{program=\"sys_enter\"} 1",
        "seccinch_bpf_memory_bytes 4096",
        "seccinch_poll_duration_seconds_bucket{le=\"0.0005\"} 0",
        "seccinch_poll_duration_seconds_bucket{le=\"0.001\"} 1",
        "seccinch_poll_duration_seconds_bucket{le=\"1.0\"} 1",
        "seccinch_poll_duration_seconds_bucket{le=\"+Inf\"} 2",
        "seccinch_poll_duration_seconds_count 2",
        "seccinch_state_write_errors_total 0",
        "seccinch_config_last_reload_successful 1",
        "seccinch_config_last_reload_success_timestamp_seconds 1795000000.0",
        "seccinch_metrics_series_dropped_total{family=\"seccinch_syscalls_total\"} 0",
        "process_start_time_seconds 1795000000.0",
    ] {
        assert!(text.lines().any(|one| one == line), "{line} is not in\n{text}");
    }
    for start in ["seccinch_profile_info{", "seccinch_build_info{version=\"", "process_cpu_seconds_total "] {
        assert!(text.lines().any(|one| one.starts_with(start)), "{start}");
    }
    assert!(text.contains("stage=\"learn\",arch=\"x86_64\",default_action=\"errno:EPERM\"} 1\n"), "{text}");
}

/// Check that both formats hold the same series, and each the heads of its own.
#[test]
fn formats_hold_the_same() {
    let view = full();
    let (text, openmetrics) = (render(&view, Format::Text), render(&view, Format::OpenMetrics));
    let names = |metrics: &str| -> BTreeSet<String> {
        let own = metrics.lines().filter(|line| !line.starts_with('#') && line.starts_with("seccinch_"));
        own.map(str::to_owned).collect()
    };
    assert_eq!(names(&text), names(&openmetrics));
    assert!(openmetrics.ends_with("\n# EOF\n"));
    assert!(openmetrics.contains("# TYPE seccinch_profile info\n"), "{openmetrics}");
    assert!(openmetrics.contains("# UNIT seccinch_bpf_program_run_seconds seconds\n"), "{openmetrics}");
    assert!(!text.contains("# EOF") && !text.contains("# UNIT"), "{text}");
    assert!(text.contains("# TYPE seccinch_syscalls_total counter\n"), "{text}");
    assert!(text.contains("# TYPE seccinch_profile_info gauge\n"), "{text}");
}

/// Check that a hostile name is one label's value, and no line of its own.
#[test]
fn hostile_names_are_escaped() {
    let text = render(&full(), Format::Text);
    let escaped = r#"workload="exe:/opt/a \"b\"\\n{c=\"d\"} 1\n# TYPE x counter\nä€𝄞""#;
    assert!(text.contains(&format!("seccinch_syscalls_total{{{escaped},syscall=\"write\"}} 1\n")), "{text}");
    assert!(!text.lines().any(|line| line == "# TYPE x counter"), "{text}");
}

/// Check that families are shed whole when there are too many series, that the rest stays within the budget,
/// and that what is left out is counted.
#[test]
fn the_budget_holds() {
    let view = many(500, 100);
    let mut exporter = exporter(Budget::default());
    let mut scrape = || exporter.render(&view, &Served::default(), Format::Text).expect("metrics");
    let text = scrape();
    assert!(series(&text) <= 10_000, "{} series", series(&text));
    let count = |name: &str| text.lines().filter(|line| line.starts_with(&format!("{name}{{"))).count();
    assert_eq!(count("seccinch_syscalls_total"), 0, "shed whole");
    assert_eq!(count("seccinch_profile_rule"), 50 * 100, "kept whole");
    assert_eq!(count("seccinch_targets"), 500);
    let dropped = |text: &str, family: &str| -> u64 {
        let start = format!("seccinch_metrics_series_dropped_total{{family=\"{family}\"}} ");
        let value = text.lines().find_map(|line| line.strip_prefix(&start)).expect("the family");
        value.parse().expect("a number")
    };
    assert_eq!(dropped(&text, "seccinch_syscalls_total"), 500 * 100);
    assert_eq!(dropped(&text, "seccinch_profile_rule"), 450 * 100);
    assert_eq!(dropped(&text, "seccinch_targets"), 0);
    assert_eq!(dropped(&scrape(), "seccinch_profile_rule"), 2 * 450 * 100);
    let tiny = Budget { syscall_workloads: 50, max_series: 40 };
    let tiny = self::exporter(tiny).render(&view, &Served::default(), Format::Text).expect("metrics");
    assert!(!families(&tiny).contains("seccinch_targets"), "even these");
    assert!(families(&tiny).contains("seccinch_poll_duration_seconds"), "the daemon's own are never shed");
}

/// Check that who is shown call by call stays shown while others come and go, and that who lives comes first.
#[test]
fn the_choice_is_stable() {
    let mut exporter = exporter(Budget { syscall_workloads: 2, max_series: 10_000 });
    let mut shown = |view: &View| -> BTreeSet<String> {
        let text = exporter.render(view, &Served::default(), Format::Text).expect("metrics");
        let names = text.lines().filter_map(|line| {
            line.strip_prefix("seccinch_syscalls_total{workload=\"exe:/")?.split('"').next()
        });
        names.map(str::to_owned).collect()
    };
    let of = |names: &[&str]| -> BTreeSet<String> { names.iter().map(|name| (*name).to_owned()).collect() };
    let mut view = empty();
    let mut dead = workload("exe:/a", &[nr("read")]);
    dead.targets.clear();
    add(&mut view, dead);
    for name in ["exe:/c", "exe:/d", "exe:/e"] {
        add(&mut view, workload(name, &[nr("read")]));
    }
    assert_eq!(shown(&view), of(&["c", "d"]), "those that live, by name");
    add(&mut view, workload("exe:/b", &[nr("read")]));
    assert_eq!(shown(&view), of(&["c", "d"]), "who came later waits");
    let mut ended = workload("exe:/d", &[nr("read")]);
    ended.targets.clear();
    add(&mut view, ended);
    assert_eq!(shown(&view), of(&["c", "d"]), "a restart costs no place");
    view.time = at(90 + 3601);
    assert_eq!(shown(&view), of(&["b", "c"]), "an hour later it does");
    Arc::make_mut(&mut view.workloads).remove(&id("exe:/c"));
    assert_eq!(shown(&view), of(&["b", "e"]));
}

/// Check that a scrape of 500 workloads with 100 names each takes no longer than 100 ms.
#[test]
fn a_large_scrape_is_quick() {
    let view = many(500, 100);
    // Both families of 5,000 series, so that nothing is saved by shedding one.
    let mut exporter = exporter(Budget { syscall_workloads: 50, max_series: 20_000 });
    let mut best = Duration::MAX;
    for format in [Format::Text, Format::OpenMetrics, Format::Text] {
        let start = Instant::now();
        let text = exporter.render(&view, &Served::default(), format).expect("metrics");
        best = best.min(start.elapsed());
        assert!(series(&text) > 11_000);
    }
    eprintln!("a scrape of 500 workloads took {best:?}");
    // Without optimization everything takes several times as long.
    let most = if cfg!(debug_assertions) { 500 } else { 100 };
    assert!(best <= Duration::from_millis(most), "{best:?}");
}
