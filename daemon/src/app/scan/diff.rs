//! `seccinch scan --diff`: what a new build, Go release or dependency changes in what a program can ask of the kernel.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde::Serialize;

use super::report::{WIDTH, origin_name, origins_in_words, shortened};
use crate::app::profile::Report;
use crate::files::{WriteError, to_json};
use crate::golang::scan::{Reach, Scan, by_interest};
use crate::model::{Arch, GoBuild, SyscallNr};
use crate::syscalls::display_name;

/// What differs between two builds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScanDiff {
    arch: Arch,
    old: Side,
    new: Side,
    /// Calls of the new build only.
    added: BTreeMap<SyscallNr, Reach>,
    /// Calls of the old build only.
    removed: BTreeMap<SyscallNr, Reach>,
    /// Calls of both that others make.
    changed: BTreeMap<SyscallNr, Changed>,
}

/// One of two builds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Side {
    /// How the user named it.
    pub name: String,
    /// What the Go linker left in it.
    pub go: Option<GoBuild>,
    /// How many calls have a number that could not be found out.
    pub unresolved: usize,
    /// Libraries that were not looked at.
    pub gaps: BTreeSet<String>,
}

/// How the way to a call differs.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Changed {
    old: How,
    new: How,
    packages_added: BTreeSet<String>,
    packages_removed: BTreeSet<String>,
}

/// What is told of one change: whose code, packages that are new, and packages that are gone.
type Way = (Vec<String>, Vec<String>, Vec<String>);

/// Whose code makes a call, and when.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct How {
    origins: Vec<&'static str>,
    optional: bool,
}

#[derive(Serialize)]
struct Document<'a> {
    format: &'static str,
    version: u32,
    arch: &'static str,
    old: SideDocument<'a>,
    new: SideDocument<'a>,
    added: Vec<CallDocument<'a>>,
    removed: Vec<CallDocument<'a>>,
    changed: Vec<ChangedDocument<'a>>,
    caveats: Vec<String>,
}

/// A build as files have it.
#[derive(Serialize)]
pub struct SideDocument<'a> {
    path: &'a str,
    go: Option<&'a str>,
    package: Option<&'a str>,
    module: Option<&'a str>,
    module_version: Option<&'a str>,
    unresolved: usize,
    gaps: &'a BTreeSet<String>,
}

#[derive(Serialize)]
struct CallDocument<'a> {
    name: String,
    number: u16,
    #[serde(flatten)]
    how: How,
    packages: &'a BTreeSet<String>,
}

#[derive(Serialize)]
struct ChangedDocument<'a> {
    name: String,
    number: u16,
    old: &'a How,
    new: &'a How,
    packages_added: &'a BTreeSet<String>,
    packages_removed: &'a BTreeSet<String>,
}

/// Compares the scans of two builds, with the names that the user gave them.
pub fn diff(old: (&str, &Scan), new: (&str, &Scan)) -> ScanDiff {
    let only = |of: &Scan, other: &Scan| {
        let calls = of.syscalls.iter().filter(|(nr, _)| !other.syscalls.contains_key(nr));
        calls.map(|(nr, reach)| (*nr, reach.clone())).collect()
    };
    let both = old.1.syscalls.iter().filter_map(|(nr, old)| Some((*nr, old, new.1.syscalls.get(nr)?)));
    ScanDiff {
        arch: new.1.arch,
        old: Side::new(old.0, old.1),
        new: Side::new(new.0, new.1),
        added: only(new.1, old.1),
        removed: only(old.1, new.1),
        changed: both.filter_map(|(nr, old, new)| Some((nr, changed(old, new)?))).collect(),
    }
}

fn changed(old: &Reach, new: &Reach) -> Option<Changed> {
    let changed = Changed {
        old: How::of(old),
        new: How::of(new),
        packages_added: new.packages.difference(&old.packages).cloned().collect(),
        packages_removed: old.packages.difference(&new.packages).cloned().collect(),
    };
    let is_same = changed.old == changed.new
        && changed.packages_added.is_empty()
        && changed.packages_removed.is_empty();
    (!is_same).then_some(changed)
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

impl Side {
    /// What is told of a scan beside its calls.
    pub fn new(name: &str, scan: &Scan) -> Self {
        let (name, go) = (name.to_owned(), scan.go.clone());
        Self { name, go, unresolved: scan.unresolved.len(), gaps: scan.gaps.clone() }
    }

    /// Its name, its Go release and what it is, on one line.
    pub fn in_words(&self) -> String {
        let mut text = self.name.clone();
        let Some(go) = &self.go else { return text };
        let _ = write!(text, " ({}", go.toolchain);
        match (&go.module, &go.path) {
            (Some((module, version)), _) => {
                let _ = write!(text, ", {module} {version}");
            }
            (None, Some(path)) => {
                let _ = write!(text, ", {path}");
            }
            (None, None) => {}
        }
        text + ")"
    }

    /// What could not be found out of it, as sentences: `name` stands for it, and `so` is what follows.
    pub fn caveats(&self, name: &str, so: &str) -> Vec<String> {
        let sites = (self.unresolved > 0).then(|| count(self.unresolved, "unresolved site"));
        let sites = sites.map(|sites| format!("{name} has {sites}: {so}"));
        let gaps = self.gaps.iter().map(|gap| format!("{name} loads what was not looked at, {gap}: {so}"));
        sites.into_iter().chain(gaps).collect()
    }

    /// The same for a file.
    pub fn document(&self) -> SideDocument<'_> {
        let go = self.go.as_ref();
        let module = go.and_then(|go| go.module.as_ref());
        SideDocument {
            path: &self.name,
            go: go.map(|go| go.toolchain.as_str()),
            package: go.and_then(|go| go.path.as_deref()),
            module: module.map(|(path, _)| path.as_str()),
            module_version: module.map(|(_, version)| version.as_str()),
            unresolved: self.unresolved,
            gaps: &self.gaps,
        }
    }
}

impl Changed {
    fn document(&self, arch: Arch, nr: SyscallNr) -> ChangedDocument<'_> {
        let Self { old, new, packages_added, packages_removed } = self;
        let (name, number) = (display_name(arch, nr), nr.get());
        ChangedDocument { name, number, old, new, packages_added, packages_removed }
    }
}

impl How {
    fn of(reach: &Reach) -> Self {
        let origins = reach.origins.iter().map(|&origin| origin_name(origin)).collect();
        Self { origins, optional: reach.is_optional }
    }

    fn in_words(&self) -> String {
        format!("{}{}", self.origins.join("+"), if self.optional { " (?)" } else { "" })
    }
}

impl ScanDiff {
    fn caveats(&self) -> Vec<String> {
        let unseen = self.new.caveats("NEW", "a call that is not listed may be made all the same");
        let before = self.old.caveats("OLD", "a call that is listed as new may have been made before");
        unseen.into_iter().chain(before).collect()
    }

    fn calls<'a>(&self, calls: &'a BTreeMap<SyscallNr, Reach>) -> Vec<CallDocument<'a>> {
        let document = |(nr, reach): (&SyscallNr, &'a Reach)| CallDocument {
            name: display_name(self.arch, *nr),
            number: nr.get(),
            how: How::of(reach),
            packages: &reach.packages,
        };
        calls.iter().map(document).collect()
    }

    /// A line for each call of one build only.
    fn write_calls(&self, text: &mut String, lead: char, calls: &BTreeMap<SyscallNr, Reach>) {
        let mut rows: Vec<(String, String, &Reach)> = Vec::new();
        for (nr, reach) in calls {
            let optional = if reach.is_optional { "?" } else { "" };
            rows.push((display_name(self.arch, *nr) + optional, origins_in_words(reach), reach));
        }
        rows.sort_by(|left, right| left.0.cmp(&right.0));
        let names = rows.iter().map(|row| row.0.len()).max().unwrap_or_default();
        let origins = rows.iter().map(|row| row.1.len()).max().unwrap_or_default();
        for (name, origin, reach) in rows {
            let packages =
                shortened(&reach.packages_by_interest(), WIDTH.saturating_sub(names + origins + 6));
            let line = format!("{lead} {name:names$}  {origin:origins$}  {packages}");
            let _ = writeln!(text, "{}", line.trim_end());
        }
    }

    /// Calls of both, those with the same change together: a new Go release moves the same packages for most calls.
    fn write_changed(&self, text: &mut String) {
        let mut groups: BTreeMap<Way, Vec<String>> = BTreeMap::new();
        for (nr, changed) in &self.changed {
            let how = if changed.old == changed.new {
                Vec::new()
            } else {
                vec![format!("from {}, now {}", changed.old.in_words(), changed.new.in_words())]
            };
            let list =
                |packages: &BTreeSet<String>| by_interest(packages).into_iter().map(str::to_owned).collect();
            let key = (how, list(&changed.packages_added), list(&changed.packages_removed));
            groups.entry(key).or_default().push(display_name(self.arch, *nr));
        }
        let mut groups: Vec<_> = groups.into_iter().collect();
        groups.sort_by(|left, right| left.1.cmp(&right.1));
        for ((how, added, removed), mut names) in groups {
            names.sort();
            let line = |text: &mut String, lead: &str, words: &[String]| {
                let words: Vec<&str> = words.iter().map(String::as_str).collect();
                if !words.is_empty() {
                    let _ = writeln!(text, "{lead}{}", shortened(&words, WIDTH - lead.len()));
                }
            };
            line(text, "~ ", &names);
            line(text, "      ", &how);
            line(text, "    + ", &added);
            line(text, "    - ", &removed);
        }
    }
}

impl Report for ScanDiff {
    fn text(&self) -> String {
        let mut text = format!("old: {}\nnew: {}\n\n", self.old.in_words(), self.new.in_words());
        self.write_calls(&mut text, '+', &self.added);
        self.write_calls(&mut text, '-', &self.removed);
        self.write_changed(&mut text);
        if self.is_clean() {
            text.push_str("no difference\n");
        } else {
            let (added, removed) = (self.added.len(), self.removed.len());
            let _ = writeln!(
                text,
                "\n{} added, {removed} removed, {} in both and reached by others",
                count(added, "system call"),
                self.changed.len()
            );
        }
        for caveat in self.caveats() {
            let _ = writeln!(text, "caution: {caveat}");
        }
        text
    }

    fn json(&self) -> Result<Vec<u8>, WriteError> {
        to_json(&Document {
            format: "seccinch.scan-diff",
            version: 1,
            arch: self.arch.name(),
            old: self.old.document(),
            new: self.new.document(),
            added: self.calls(&self.added),
            removed: self.calls(&self.removed),
            changed: self.changed.iter().map(|(nr, changed)| changed.document(self.arch, *nr)).collect(),
            caveats: self.caveats(),
        })
    }

    fn is_clean(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.changed.is_empty()
    }
}
