//! What was found, for people and as one JSON document (`docs/gate.md`).

use std::fmt::Write as _;

use serde::Serialize;

use super::FailOn;
use super::judge::{Call, Judgement, Known, Novelty, Source};
use super::program::Program;
use crate::app::profile::Report;
use crate::app::scan::{self, Side, SideDocument, UnresolvedDocument, WIDTH, origin_name, shortened};
use crate::files::{Input, WriteError, to_json};
use crate::golang::scan::{Origin, Unresolved};
use crate::model::Arch;
use crate::policy::{BuildStamp, Profile};

/// Functions that are told of one call: it may be made at hundreds of places.
pub(super) const MOST_FUNCTIONS: usize = 10;

/// A program held against its profile.
#[derive(Debug, Clone)]
pub struct GateReport {
    pub(super) arch: Arch,
    pub(super) program: Side,
    pub(super) image: Option<String>,
    profile: String,
    /// The builds that the profile was learned from.
    builds: Vec<String>,
    known: Option<Source>,
    pub(super) fail_on: FailOn,
    pub(super) judgement: Judgement,
    pub(super) unresolved: Vec<Unresolved>,
}

#[derive(Serialize)]
struct Document<'a> {
    format: &'static str,
    version: u32,
    arch: &'static str,
    image: Option<&'a str>,
    program: SideDocument<'a>,
    profile: &'a str,
    against: Option<AgainstDocument<'a>>,
    fail_on: &'static str,
    passed: bool,
    refused: Vec<CallDocument<'a>>,
    limited: Vec<CallDocument<'a>>,
    not_from_go: Vec<CallDocument<'a>>,
    unresolved: Vec<UnresolvedDocument<'a>>,
    caveats: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum AgainstDocument<'a> {
    /// The builds that the profile was learned from.
    Profile(&'a [String]),
    Binary(SideDocument<'a>),
}

#[derive(Serialize)]
struct CallDocument<'a> {
    name: &'a str,
    number: u16,
    /// Nothing where it can't be told.
    newly_reachable: Option<bool>,
    optional: bool,
    fails: bool,
    answer: &'a str,
    origins: Vec<&'static str>,
    packages: Vec<&'a str>,
    functions: Vec<&'a str>,
}

impl GateReport {
    /// Puts together what was found.
    pub(super) fn new(
        program: Program,
        input: &Input,
        profile: &Profile,
        known: Option<Known>,
        fail_on: FailOn,
        judgement: Judgement,
    ) -> Self {
        let build = |build: &BuildStamp| match &build.go {
            Some(go) => format!("{} ({go})", build.path),
            None => build.path.clone(),
        };
        Self {
            arch: program.scan.arch,
            program: program.side,
            image: program.image,
            profile: input.to_string(),
            builds: profile.provenance().builds.iter().map(build).collect(),
            known: known.map(|known| known.source),
            fail_on,
            judgement,
            unresolved: program.scan.unresolved,
        }
    }

    /// Whether a refused call stops the deployment. One that only options reach is in every program that starts
    /// another; were it to stop deployments, people would learn to allow `mount` and `ptrace`.
    pub(super) fn fails(&self, call: &Call) -> bool {
        let counts = match self.fail_on {
            FailOn::NewlyReachable => call.novelty == Novelty::New,
            FailOn::Any => true,
        };
        counts && !call.reach.is_optional
    }

    /// Calls of Go code whose number could not be found out. Of C code some always are, and can't happen.
    pub(super) fn unresolved_of_go(&self) -> impl Iterator<Item = &Unresolved> {
        self.unresolved.iter().filter(|unresolved| unresolved.site.origin == Origin::Go)
    }

    /// Whether one of them stops the deployment: nobody can say then that nothing is refused.
    pub(super) fn fails_unresolved(&self) -> bool {
        self.fail_on == FailOn::Any
    }

    fn failing(&self) -> usize {
        let calls = self.judgement.refused.iter().filter(|call| self.fails(call)).count();
        calls + if self.fails_unresolved() { self.unresolved_of_go().count() } else { 0 }
    }

    /// What the result does not cover, as sentences.
    pub(super) fn caveats(&self) -> Vec<String> {
        let mut caveats =
            self.program.caveats("the program", "a call that is not listed may be made all the same");
        let before = "a call that is shown as new may have been made before";
        match &self.known {
            None => caveats.push(format!(
                "nothing says what the build could call that {} was learned from, so that no call is known to be new: \
                 name that build with --against",
                self.profile
            )),
            Some(Source::Binary(side)) => caveats.extend(side.caveats("the old build", before)),
            Some(Source::Profile { scanned, unscanned }) => {
                for (build, limits) in scanned.iter().filter(|(_, limits)| !limits.is_empty()) {
                    caveats.push(format!("of {} not all is known ({}): {before}", build.path, limits.join(", ")));
                }
                let unscanned = unscanned.iter();
                caveats.extend(unscanned.map(|build| format!("{} was not scanned: {before}", build.path)));
            }
        }
        caveats
    }

    fn head(&self) -> String {
        let mut text = format!("program: {}\n", self.program.in_words());
        if let Some(image) = &self.image {
            let _ = writeln!(text, "image:   {image}");
        }
        let _ = write!(text, "profile: {}", self.profile);
        if let Some((first, others)) = self.builds.split_first() {
            let _ = write!(text, ", learned from {first}");
            if !others.is_empty() {
                let _ = write!(text, " and {} more", others.len());
            }
        }
        let rule = match (self.fail_on, &self.known) {
            (FailOn::NewlyReachable, Some(Source::Binary(side))) => {
                format!("refused calls that {} could not make", side.in_words())
            }
            (FailOn::NewlyReachable, _) => {
                "refused calls that the build could not make which the profile was learned from".to_owned()
            }
            (FailOn::Any, _) => "every refused call".to_owned(),
        };
        let _ = writeln!(text, "\nfails on {rule}");
        text
    }

    fn verdict(&self) -> String {
        let listed = self.judgement.refused.len();
        match (self.failing(), listed) {
            (0, 0) => "passed: the profile refuses nothing that Go code can call\n".to_owned(),
            (0, 1) => "passed: 1 refused call is reachable, and stops nothing\n".to_owned(),
            (0, _) => format!("passed: {listed} refused calls are reachable, and stop nothing\n"),
            (1, _) => "failed: 1 finding\n".to_owned(),
            (count, _) => format!("failed: {count} findings\n"),
        }
    }

    fn document(&self) -> Document<'_> {
        Document {
            format: "seccinch.gate",
            version: 1,
            arch: self.arch.name(),
            image: self.image.as_deref(),
            program: self.program.document(),
            profile: &self.profile,
            against: self.known.as_ref().map(|known| match known {
                Source::Profile { .. } => AgainstDocument::Profile(&self.builds),
                Source::Binary(side) => AgainstDocument::Binary(side.document()),
            }),
            fail_on: self.fail_on.name(),
            passed: self.is_clean(),
            refused: self
                .judgement
                .refused
                .iter()
                .map(|call| call_document(call, self.fails(call)))
                .collect(),
            limited: self.judgement.limited.iter().map(|call| call_document(call, false)).collect(),
            not_from_go: self.judgement.foreign.iter().map(|call| call_document(call, false)).collect(),
            unresolved: self.unresolved.iter().map(scan::unresolved_document).collect(),
            caveats: self.caveats(),
        }
    }
}

impl Report for GateReport {
    fn text(&self) -> String {
        let mut text = self.head();
        let refused = &self.judgement.refused;
        let of = |novelty: Novelty| refused.iter().filter(move |call| call.novelty == novelty);
        let Judgement { limited, foreign, .. } = &self.judgement;
        section(&mut text, "newly reachable, and refused", of(Novelty::New), answer);
        section(&mut text, "reachable before, and refused", of(Novelty::Known), answer);
        section(&mut text, "reachable, and refused", of(Novelty::Untold), answer);
        section(&mut text, "limited: some arguments are refused", limited.iter(), |_| String::new());
        section(&mut text, "refused, but not called by Go code", foreign.iter(), origins);
        if refused.iter().any(|call| call.reach.is_optional) {
            text.push_str("\n?: only for options of os/exec (SysProcAttr) that a program has to set\n");
        }
        text.push('\n');
        self.unresolved.iter().for_each(|unresolved| text.push_str(&scan::unresolved_line(unresolved)));
        for caveat in self.caveats() {
            let _ = writeln!(text, "caution: {caveat}");
        }
        text + &self.verdict()
    }

    fn json(&self) -> Result<Vec<u8>, WriteError> {
        to_json(&self.document())
    }

    fn is_clean(&self) -> bool {
        self.failing() == 0
    }
}

fn answer(call: &Call) -> String {
    call.answer.clone()
}

fn origins(call: &Call) -> String {
    scan::origins_in_words(&call.reach)
}

/// A heading and a line for each call; nothing if there is none.
fn section<'a>(
    text: &mut String,
    heading: &str,
    calls: impl Iterator<Item = &'a Call>,
    column: impl Fn(&Call) -> String,
) {
    let calls: Vec<&Call> = calls.collect();
    if calls.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{heading}: {}", calls.len());
    let name = |call: &Call| format!("{}{}", call.name, if call.reach.is_optional { "?" } else { "" });
    let names = calls.iter().map(|call| name(call).len()).max().unwrap_or_default();
    let middles = calls.iter().map(|call| column(call).len()).max().unwrap_or_default();
    let room = WIDTH.saturating_sub(names + middles + 6);
    for call in calls {
        let packages = shortened(&call.reach.packages_by_interest(), room);
        let middle = if middles == 0 { String::new() } else { format!("  {:middles$}", column(call)) };
        let line = format!("  {:names$}{middle}  {packages}", name(call));
        let _ = writeln!(text, "{}", line.trim_end());
    }
}

fn call_document(call: &Call, fails: bool) -> CallDocument<'_> {
    CallDocument {
        name: &call.name,
        number: call.nr.get(),
        newly_reachable: match call.novelty {
            Novelty::New => Some(true),
            Novelty::Known => Some(false),
            Novelty::Untold => None,
        },
        optional: call.reach.is_optional,
        fails,
        answer: &call.answer,
        origins: call.reach.origins.iter().map(|&origin| origin_name(origin)).collect(),
        packages: call.reach.packages_by_interest(),
        functions: functions(call),
    }
}

/// Some of the functions that make the call, those of Go first.
pub(super) fn functions(call: &Call) -> Vec<&str> {
    let mut sites: Vec<_> = call.reach.sites.iter().collect();
    sites.sort_by_key(|site| (site.origin, &site.function));
    let mut names: Vec<&str> = sites.into_iter().map(|site| site.function.as_str()).collect();
    names.dedup();
    names.truncate(MOST_FUNCTIONS);
    names
}
