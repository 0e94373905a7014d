//! Metrics for Prometheus.
//!
//! In: a [`View`]. Out: the text format 0.0.4 or OpenMetrics 1.0, within a budget of series. What the budget
//! leaves out is counted by family. `docs/metrics.md` has every family.

mod daemon;
mod family;
mod process;
mod selection;
mod text;
mod workloads;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

use self::family::{Families, Family};
use self::selection::Selection;
use crate::export::view::View;
use crate::model::Timestamp;

/// A format of metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// The text format 0.0.4.
    Text,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

impl Format {
    /// Its media type, with the version.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// How many series there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Workloads that are shown call by call.
    pub syscall_workloads: usize,
    /// Series in all.
    pub max_series: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self { syscall_workloads: 50, max_series: 10_000 }
    }
}

/// Numbers that only whoever serves the metrics knows.
#[derive(Debug, Clone, Default)]
pub struct Served {
    /// Connections that were closed before they had ended by themselves, by reason.
    pub closed: BTreeMap<&'static str, u64>,
}

/// Makes metrics, scrape by scrape.
#[derive(Debug)]
pub struct Exporter {
    max_series: usize,
    selection: Selection,
    /// Series that were left out so far, by the family's exposed name.
    dropped: BTreeMap<String, u64>,
    process: PathBuf,
}

impl Exporter {
    /// An exporter with a budget. `process` is this process's folder in procfs.
    pub fn new(budget: Budget, process: &Path) -> Self {
        Self {
            max_series: budget.max_series,
            selection: Selection::new(budget.syscall_workloads),
            dropped: BTreeMap::new(),
            process: process.to_owned(),
        }
    }

    /// One scrape.
    pub fn render(
        &mut self,
        view: &View,
        served: &Served,
        format: Format,
    ) -> Result<String, std::fmt::Error> {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Families(self.families(view, served))));
        let mut openmetrics = String::new();
        encode(&mut openmetrics, &registry)?;
        Ok(match format {
            Format::OpenMetrics => openmetrics,
            Format::Text => text::from_openmetrics(&openmetrics),
        })
    }

    fn families(&mut self, view: &View, served: &Served) -> Vec<Family> {
        let mut families = process::families(&self.process, view.started);
        families.extend(daemon::families(view));
        families.push(Family {
            name: "seccinch_http_connections_closed",
            unit: None,
            help: "Connections that were closed before they had ended by themselves.",
            samples: daemon::counters("reason", served.closed.clone()),
        });
        let mut sheddable: Vec<(Family, usize)> =
            workloads::by_workload(view).into_iter().map(|family| (family, 0)).collect();
        sheddable.extend(workloads::by_syscall(view, self.selection.update(view)));
        // The counts of what is left out have a series each, whether anything is or not.
        let fixed = families.iter().map(Family::series).sum::<usize>() + sheddable.len();
        self.shed(&mut sheddable, fixed);
        families.push(Family {
            name: "seccinch_metrics_series_dropped",
            unit: None,
            help: "Series that were left out of scrapes to stay within the budget.",
            samples: daemon::counters("family", self.dropped.clone()),
        });
        families.extend(sheddable.into_iter().map(|(family, _)| family));
        families
    }

    /// Empties families from the last one on until what remains is within the budget, and counts what is left
    /// out.
    fn shed(&mut self, families: &mut Vec<(Family, usize)>, fixed: usize) {
        let mut kept = Vec::new();
        let mut total = fixed + families.iter().map(|(family, _)| family.series()).sum::<usize>();
        for (family, left_out) in families.drain(..).rev() {
            let is_shed = total > self.max_series && family.series() > 0;
            let shed = if is_shed { family.series() } else { 0 };
            *self.dropped.entry(family.exposed_name()).or_default() += (left_out + shed) as u64;
            total -= shed;
            if !is_shed {
                kept.push((family, left_out));
            }
        }
        kept.reverse();
        *families = kept;
    }
}

/// A time in seconds since the Unix epoch.
#[expect(clippy::cast_precision_loss, reason = "metrics are floating-point numbers: microseconds remain")]
fn seconds(time: Timestamp) -> f64 {
    time.unix_nanos() as f64 / 1e9
}
