//! One file over what is known so far.

use std::ops::{Range, RangeInclusive};
use std::time::Duration;

use serde::Deserialize as _;
use toml::Spanned;

use super::error::{of_parser, position};
use super::file::{DiscoverToml, FileToml, LimitsToml, MetricsToml, TargetsToml};
use super::text::Period;
use super::{Config, DAY};
use crate::collect::Discovery;
use crate::files::Position;
use crate::learn::rules::{Groups, Rule, RuleError, RuleFile};
use crate::model::{Arch, Pattern, chain};

/// How often counts may be read: more often costs more than it tells, more rarely loses the phases.
const POLL: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_hours(1);
const FLUSH: RangeInclusive<Duration> = Duration::from_millis(100)..=DAY;
const LIFE: RangeInclusive<Duration> = Duration::ZERO..=DAY;
const FORGET: RangeInclusive<Duration> = Duration::from_hours(1)..=Duration::from_hours(24 * 3650);

/// What holds the default list until a file has one of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Exclusion {
    /// The default list.
    #[default]
    Default,
    /// What files say.
    Given,
}

/// Takes a file's text over. What is wrong with it is returned, with its place; the rest is taken.
pub(super) fn apply(text: &str, config: &mut Config, exclusion: &mut Exclusion) -> Vec<(Position, String)> {
    let file = toml::de::Deserializer::parse(text).and_then(FileToml::deserialize);
    let file = match file {
        Ok(file) => file,
        Err(error) => return vec![of_parser(text, &error)],
    };
    let mut layer = Layer { text, faults: Vec::new() };
    layer.intervals(&file, config);
    if file.targets.exclude.is_some() && std::mem::replace(exclusion, Exclusion::Given) == Exclusion::Default
    {
        config.discovery.exclude.clear();
    }
    layer.discovery(file.discover, file.targets, &mut config.discovery);
    layer.limits(&file.limits, config);
    layer.metrics(&file.metrics, config);
    layer.rules(file.rule, &mut config.rules);
    if let Some(listen) = file.http.listen {
        let is_port = listen.get_ref().0.is_none_or(|address| address.port() != 0);
        layer.must(is_port, listen.span(), "port 0 is any free one, which nobody would find: name one");
        config.listen = listen.into_inner().0;
    }
    set(&mut config.state, file.state.map(|path| path.0));
    set(&mut config.socket, file.control.socket.map(|path| path.0));
    set(&mut config.pin, file.kernel.pin.map(|path| path.0));
    layer.faults
}

fn set<T>(value: &mut T, new: Option<T>) {
    if let Some(new) = new {
        *value = new;
    }
}

struct Layer<'a> {
    text: &'a str,
    faults: Vec<(Position, String)>,
}

impl Layer<'_> {
    fn fault(&mut self, span: Range<usize>, problem: String) {
        self.faults.push((position(self.text, span.start), problem));
    }

    fn must(&mut self, holds: bool, span: Range<usize>, problem: &str) {
        if !holds {
            self.fault(span, problem.to_owned());
        }
    }

    fn intervals(&mut self, file: &FileToml, config: &mut Config) {
        self.period(file.poll_interval.as_ref(), &POLL, &mut config.poll_interval);
        self.period(file.flush_interval.as_ref(), &FLUSH, &mut config.flush_interval);
        let span = file.flush_interval.as_ref().or(file.poll_interval.as_ref()).map(Spanned::span);
        if let Some(span) = span {
            let fits = config.flush_interval >= config.poll_interval;
            self.must(
                fits,
                span,
                "`flush_interval` is shorter than `poll_interval`: nothing new is there yet",
            );
        }
    }

    fn period(
        &mut self,
        new: Option<&Spanned<Period>>,
        range: &RangeInclusive<Duration>,
        value: &mut Duration,
    ) {
        let Some(new) = new else { return };
        let given = new.get_ref().0;
        if range.contains(&given) {
            *value = given;
        } else {
            let [least, most] = [*range.start(), *range.end()].map(humantime::format_duration);
            let given = humantime::format_duration(given);
            self.fault(new.span(), format!("{given} is out of range: from {least} to {most}"));
        }
    }

    fn number(&mut self, new: Option<&Spanned<u64>>, range: &RangeInclusive<u64>, value: &mut usize) {
        let Some(new) = new else { return };
        let given = *new.get_ref();
        match usize::try_from(given) {
            Ok(number) if range.contains(&given) => *value = number,
            _ => {
                let (least, most) = (range.start(), range.end());
                self.fault(new.span(), format!("{given} is out of range: from {least} to {most}"));
            }
        }
    }

    fn limits(&mut self, new: &LimitsToml, config: &mut Config) {
        let limits = &mut config.bounds;
        self.number(new.max_workloads.as_ref(), &(1..=10_000), &mut limits.workloads);
        self.number(new.generations.as_ref(), &(1..=1000), &mut limits.generations);
        self.period(new.forget_after.as_ref(), &FORGET, &mut limits.forget_after);
    }

    fn metrics(&mut self, new: &MetricsToml, config: &mut Config) {
        let metrics = &mut config.metrics;
        self.number(new.syscall_workloads.as_ref(), &(0..=10_000), &mut metrics.syscall_workloads);
        self.number(new.max_series.as_ref(), &(100..=1_000_000), &mut metrics.max_series);
    }

    fn discovery(&mut self, mode: Option<DiscoverToml>, new: TargetsToml, discovery: &mut Discovery) {
        set(&mut discovery.go, mode.map(|mode| mode == DiscoverToml::Go));
        discovery.executables.extend(self.patterns(new.executables.unwrap_or_default()));
        discovery.units.extend(self.patterns(new.units.unwrap_or_default()));
        discovery.cgroups.extend(self.names(new.cgroups.unwrap_or_default()));
        discovery.containers.extend(self.names(new.containers.unwrap_or_default()));
        for pid in new.pids.unwrap_or_default() {
            self.must(*pid.get_ref() > 0, pid.span(), "no process has the id 0");
            discovery.pids.push(pid.into_inner());
        }
        discovery.exclude.extend(self.patterns(new.exclude.unwrap_or_default()));
        self.period(new.shortest_life.as_ref(), &LIFE, &mut discovery.shortest_life);
    }

    fn patterns(&mut self, texts: Vec<Spanned<String>>) -> Vec<Pattern> {
        let mut patterns = Vec::new();
        for text in texts {
            match Pattern::parse(text.get_ref()) {
                Ok(pattern) => patterns.push(pattern),
                Err(error) => self.fault(text.span(), error.to_string()),
            }
        }
        patterns
    }

    fn names(&mut self, texts: Vec<Spanned<String>>) -> Vec<String> {
        for text in &texts {
            self.must(!text.get_ref().is_empty(), text.span(), "an empty text stands for nothing");
        }
        texts.into_iter().map(Spanned::into_inner).collect()
    }

    fn rules(&mut self, files: Vec<Spanned<RuleFile>>, rules: &mut Vec<Rule>) {
        for file in files {
            let span = file.span();
            match Groups::builtin()
                .and_then(|groups| Rule::from_file(file.into_inner(), &groups, Arch::NATIVE))
            {
                Ok(rule) if rules.iter().any(|known| known.name == rule.name) => {
                    self.fault(span, chain(&RuleError::Twice(rule.name)));
                }
                Ok(rule) => rules.push(rule),
                Err(error) => self.fault(self.inside(span, &error), chain(&error)),
            }
        }
    }

    /// Where in a rule the name stands that is wrong.
    fn inside(&self, rule: Range<usize>, error: &RuleError) -> Range<usize> {
        let (RuleError::UnknownSyscall { name, .. } | RuleError::UnknownGroup { name, .. }) = error else {
            return rule;
        };
        // A table's span is that of its head: its text ends where the next one begins.
        let text = self.text.get(rule.start..).unwrap_or_default();
        let text = &text[..text.find("\n[").unwrap_or(text.len())];
        let found = ['"', '\''].iter().find_map(|quote| {
            let written = [format!("{quote}{name}{quote}"), format!("{quote}@{name}{quote}")];
            written.iter().find_map(|written| text.find(written.as_str()))
        });
        found.map_or(rule.clone(), |offset| rule.start + offset..rule.start + offset)
    }
}
