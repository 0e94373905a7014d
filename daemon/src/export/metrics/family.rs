//! One metric family as plain values, and how `prometheus-client` writes it.

use std::fmt::{Error, Write as _};
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    CounterValueEncoder, DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, EncodeLabel as _,
    EncodeLabelSet, EncodeLabelValue, GaugeValueEncoder, LabelSetEncoder, LabelValueEncoder, MetricEncoder,
    NoLabelSet,
};
use prometheus_client::metrics::MetricType;
pub(super) use prometheus_client::registry::Unit;

use crate::export::view::Durations;

/// A family: its name, what it means, and its series.
#[derive(Debug, Clone)]
pub(super) struct Family {
    /// The name without unit and suffix: `seccinch_poll_duration`.
    pub(super) name: &'static str,
    /// The unit, which is written behind the name.
    pub(super) unit: Option<Unit>,
    /// What it means, on one line.
    pub(super) help: &'static str,
    /// Its series.
    pub(super) samples: Samples,
}

/// The series of a family, by its type.
#[derive(Debug, Clone)]
pub(super) enum Samples {
    /// Numbers that never fall while the daemon lives.
    Counters(Vec<Sample>),
    /// Numbers as they are.
    Gauges(Vec<Sample>),
    /// Facts in labels.
    Infos(Vec<Labels>),
    /// How long something took.
    Durations(Durations),
}

/// One series.
#[derive(Debug, Clone)]
pub(super) struct Sample {
    pub(super) labels: Labels,
    pub(super) value: Value,
}

/// A number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Value {
    Whole(u64),
    Real(f64),
}

/// Labels in the order in which they are written.
#[derive(Debug, Clone, Default)]
pub(super) struct Labels(pub(super) Vec<(&'static str, Text)>);

/// A label's value. Thousands of series share the name of a workload.
#[derive(Debug, Clone)]
pub(super) enum Text {
    Fixed(&'static str),
    Shared(Arc<str>),
}

impl From<&'static str> for Text {
    fn from(text: &'static str) -> Self {
        Self::Fixed(text)
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self::Shared(text.into())
    }
}

impl From<&Arc<str>> for Text {
    fn from(text: &Arc<str>) -> Self {
        Self::Shared(Arc::clone(text))
    }
}

impl<const N: usize> From<[(&'static str, Text); N]> for Labels {
    fn from(labels: [(&'static str, Text); N]) -> Self {
        Self(labels.into())
    }
}

impl Sample {
    pub(super) fn new(labels: impl Into<Labels>, value: Value) -> Self {
        Self { labels: labels.into(), value }
    }

    /// The only series of a family.
    pub(super) fn single(value: Value) -> Vec<Self> {
        vec![Self { labels: Labels::default(), value }]
    }

    /// The library writes braces around no labels, which nobody else does.
    fn encode(
        &self,
        metric: &mut MetricEncoder<'_>,
        write: impl Fn(&mut MetricEncoder<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        if self.labels.0.is_empty() { write(metric) } else { write(&mut metric.encode_family(&self.labels)?) }
    }
}

impl Family {
    /// The name that its series have, as far as they all have the same.
    pub(super) fn exposed_name(&self) -> String {
        let unit = self.unit.as_ref().map(|unit| format!("_{}", unit.as_str())).unwrap_or_default();
        let suffix = match self.samples {
            Samples::Counters(_) => "_total",
            Samples::Infos(_) => "_info",
            Samples::Gauges(_) | Samples::Durations(_) => "",
        };
        format!("{}{unit}{suffix}", self.name)
    }

    /// How many series it has.
    pub(super) fn series(&self) -> usize {
        match &self.samples {
            Samples::Counters(samples) | Samples::Gauges(samples) => samples.len(),
            Samples::Infos(infos) => infos.len(),
            // The bounds, the one above all of them, the sum and the count.
            Samples::Durations(_) => Durations::BOUNDS.len() + 3,
        }
    }

    fn encode(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), Error> {
        let mut metric = encoder.encode_descriptor(
            self.name,
            self.help,
            self.unit.as_ref(),
            self.samples.metric_type(),
        )?;
        match &self.samples {
            Samples::Counters(samples) => samples.iter().try_for_each(|sample| {
                sample.encode(&mut metric, |metric| {
                    metric.encode_counter::<NoLabelSet, _, u64>(&sample.value, None)
                })
            }),
            Samples::Gauges(samples) => samples.iter().try_for_each(|sample| {
                sample.encode(&mut metric, |metric| metric.encode_gauge(&sample.value))
            }),
            Samples::Infos(infos) => infos.iter().try_for_each(|labels| metric.encode_info(labels)),
            Samples::Durations(durations) => encode_durations(&mut metric, durations),
        }
    }
}

impl Samples {
    const fn metric_type(&self) -> MetricType {
        match self {
            Self::Counters(_) => MetricType::Counter,
            Self::Gauges(_) => MetricType::Gauge,
            Self::Infos(_) => MetricType::Info,
            Self::Durations(_) => MetricType::Histogram,
        }
    }
}

/// The library wants what lies between two bounds, and adds up itself.
fn encode_durations(metric: &mut MetricEncoder<'_>, durations: &Durations) -> Result<(), Error> {
    let mut below = 0;
    let bounds = Durations::BOUNDS.into_iter().zip(durations.within);
    let all = bounds.chain([(f64::INFINITY, durations.count)]);
    let between: Vec<(f64, u64)> = all
        .map(|(bound, within)| {
            let between = within.saturating_sub(below);
            below = within;
            (bound, between)
        })
        .collect();
    metric.encode_histogram::<NoLabelSet>(durations.sum.as_secs_f64(), durations.count, &between, None)
}

impl EncodeCounterValue for Value {
    fn encode(&self, encoder: &mut CounterValueEncoder<'_>) -> Result<(), Error> {
        match self {
            Self::Whole(value) => EncodeCounterValue::encode(value, encoder),
            Self::Real(value) => EncodeCounterValue::encode(value, encoder),
        }
    }
}

impl EncodeGaugeValue for Value {
    fn encode(&self, encoder: &mut GaugeValueEncoder<'_>) -> Result<(), Error> {
        match self {
            Self::Whole(value) => EncodeGaugeValue::encode(value, encoder),
            Self::Real(value) => EncodeGaugeValue::encode(value, encoder),
        }
    }
}

impl EncodeLabelSet for Labels {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> Result<(), Error> {
        self.0.iter().try_for_each(|(name, value)| (*name, value).encode(encoder.encode_label()))
    }
}

impl EncodeLabelValue for &Text {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), Error> {
        encoder.write_str(match self {
            Text::Fixed(text) => text,
            Text::Shared(text) => text,
        })
    }
}

/// All families of one scrape.
#[derive(Debug)]
pub(super) struct Families(pub(super) Vec<Family>);

impl Collector for Families {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        let filled = self.0.iter().filter(|family| family.series() > 0);
        filled.into_iter().try_for_each(|family| family.encode(&mut encoder))
    }
}
