//! The findings as SARIF 2.1.0, for GitHub's code scanning and others.
//!
//! Source: OASIS "Static Analysis Results Interchange Format (SARIF) Version 2.1.0" (§ below), and GitHub's "SARIF
//! support for code scanning": it shows results with a physical location and a start line only, and knows a result again
//! by `primaryLocationLineHash`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

use super::judge::{Call, Novelty};
use super::report::{GateReport, functions};
use crate::app::profile::Report as _;
use crate::app::scan;
use crate::files::{Digest, WriteError, to_json};
use crate::golang::scan::Unresolved;

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// A kind of finding, as SARIF calls it a rule (§3.49).
struct Rule {
    id: &'static str,
    name: &'static str,
    level: &'static str,
    short: &'static str,
    full: &'static str,
    help: &'static str,
}

const RULES: [Rule; 3] = [
    Rule {
        id: "newly-reachable",
        name: "NewlyReachableSyscall",
        level: "error",
        short: "This build is the first that can make a system call which its profile refuses",
        full: "The Go code of this build can make a system call that the build before it could not, and its seccomp \
               profile refuses that call: the program will fail where it makes it.",
        help: "Look at which package makes the call. If the program needs it, record the new build and make the profile \
               anew; if not, leave the dependency out, or let the profile refuse the call.",
    },
    Rule {
        id: "reachable",
        name: "ReachableSyscall",
        level: "warning",
        short: "The program can make a system call which its profile refuses",
        full: "The Go code of this program can make a system call that its seccomp profile refuses. Whether it ever does is \
               not known: it was not seen to while the profile was learned.",
        help: "If the program needs the call, record it while it makes it, and make the profile anew.",
    },
    Rule {
        id: "unresolved",
        name: "UnresolvedSyscall",
        level: "warning",
        short: "The program makes a system call whose number is not in its code",
        full: "A system call in the Go code of this program gets its number from somewhere that can't be told from the \
               code, so that nobody can say whether the profile refuses it.",
        help: "Look at the function, and whether the numbers that it is given are in the profile.",
    },
];

impl GateReport {
    /// The findings as one SARIF log with one run.
    ///
    /// # Errors
    /// None that is known: everything in it is text.
    pub fn sarif(&self) -> Result<Vec<u8>, WriteError> {
        let calls = self.judgement.refused.iter().map(|call| self.call_result(call));
        let mut same: BTreeMap<(String, &str), usize> = BTreeMap::new();
        let unresolved = self.unresolved_of_go().map(|unresolved| {
            let key = (unresolved.site.function.clone(), scan::reason(unresolved.why));
            let number = same.entry(key).or_default();
            *number += 1;
            self.unresolved_result(unresolved, *number)
        });
        let results: Vec<Value> = calls.chain(unresolved).collect();
        let notifications: Vec<Value> = self
            .caveats()
            .into_iter()
            .map(|caveat| json!({ "level": "warning", "message": { "text": caveat } }))
            .collect();
        to_json(&json!({
            "$schema": SCHEMA,
            "version": "2.1.0",
            "runs": [{
                "tool": { "driver": {
                    "name": "seccinch",
                    "semanticVersion": env!("CARGO_PKG_VERSION"),
                    "rules": RULES.iter().map(rule).collect::<Vec<_>>(),
                } },
                // §3.17.3: tells runs about several programs apart.
                "automationDetails": { "id": format!("seccinch-gate/{}/", self.identity()) },
                "invocations": [{
                    "executionSuccessful": true,
                    "exitCode": i32::from(!self.is_clean()),
                    "toolExecutionNotifications": notifications,
                }],
                "artifacts": [{ "location": { "uri": self.uri() } }],
                "results": results,
            }]
        }))
    }

    fn call_result(&self, call: &Call) -> Value {
        let (id, index) = match call.novelty {
            Novelty::New => (RULES[0].id, 0),
            Novelty::Known | Novelty::Untold => (RULES[1].id, 1),
        };
        let level = match (self.fails(call), call.reach.is_optional) {
            (true, _) => "error",
            (false, true) => "note",
            (false, false) => "warning",
        };
        let mut result = self.result(id, index, level, &functions(call), &["call", &call.name]);
        result["message"] = json!({ "text": message(call) });
        result["properties"] = json!({
            "syscall": call.name,
            "packages": call.reach.packages_by_interest(),
            "optional": call.reach.is_optional,
        });
        result
    }

    fn unresolved_result(&self, unresolved: &Unresolved, number: usize) -> Value {
        let function = unresolved.site.function.as_str();
        let (level, reason) =
            (if self.fails_unresolved() { "error" } else { "warning" }, scan::reason(unresolved.why));
        let key = ["unresolved", function, reason, &number.to_string()];
        let mut result = self.result(RULES[2].id, 2, level, &[function], &key);
        let text =
            format!("{function} makes a system call that can't be told: {}", scan::words(unresolved.why));
        result["message"] = json!({ "text": text });
        result
    }

    /// What all results have. The fingerprint holds neither addresses nor versions: it is the same in the next build.
    fn result(&self, id: &str, index: usize, level: &str, functions: &[&str], key: &[&str]) -> Value {
        let print = Digest::of(format!("{}\0{}", self.identity(), key.join("\0")).as_bytes()).to_string();
        let logical: Vec<Value> = functions
            .iter()
            .map(|function| json!({ "fullyQualifiedName": function, "kind": "function" }))
            .collect();
        json!({
            "ruleId": id,
            "ruleIndex": index,
            "level": level,
            "message": {},
            "locations": [{
                "physicalLocation": {
                    "artifactLocation": { "uri": self.uri(), "index": 0 },
                    "region": { "startLine": 1 },
                },
                "logicalLocations": logical,
            }],
            "partialFingerprints": {
                "primaryLocationLineHash": format!("{}:1", &print[..16]),
                "seccinchFinding/v1": print,
            },
        })
    }

    /// What the program is called from build to build: its main package, or the file's name.
    fn identity(&self) -> &str {
        let package = self.program.go.as_ref().and_then(|go| go.path.as_deref());
        package.unwrap_or_else(|| self.program.name.rsplit('/').next().unwrap_or_default())
    }

    /// The program's path as a URI (RFC 3986): relative for what was named relative, and in an image.
    fn uri(&self) -> String {
        let path = self.program.name.as_str();
        let path = if self.image.is_some() { path.trim_start_matches('/') } else { path };
        let path = path.strip_prefix("./").unwrap_or(path);
        let mut uri = if path.starts_with('/') { "file://".to_owned() } else { String::new() };
        for byte in path.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                    uri.push(byte.into());
                }
                _ => {
                    let _ = write!(uri, "%{byte:02X}");
                }
            }
        }
        uri
    }
}

fn rule(rule: &Rule) -> Value {
    json!({
        "id": rule.id,
        "name": rule.name,
        "shortDescription": { "text": rule.short },
        "fullDescription": { "text": rule.full },
        "help": { "text": rule.help },
        "defaultConfiguration": { "level": rule.level },
        "properties": { "tags": ["security", "seccomp"] },
    })
}

fn message(call: &Call) -> String {
    let mut text = match call.novelty {
        Novelty::New => format!("{} is newly reachable, and refused ({})", call.name, call.answer),
        Novelty::Known | Novelty::Untold => {
            format!("{} is reachable, and refused ({})", call.name, call.answer)
        }
    };
    let packages = call.reach.packages_by_interest();
    if !packages.is_empty() {
        let _ = write!(text, ", by {}", scan::shortened(&packages, 200));
    }
    if call.reach.is_optional {
        text.push_str("; only for options of os/exec (SysProcAttr)");
    }
    text
}
