//! A program that means harm: every kind of call, a thousand modules, and names that end strings, tags and lines.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use seccinch::app::scan::graph::{Graph, Language, MOST_NODES, OPTIONAL};
use seccinch::golang::scan::{Condition, Gate, Origin, Path, Paths, Reach, Scan, Site};
use seccinch::model::{Arch, GoBuild, MAX_SYSCALLS, SyscallNr};

use super::{calls_are_complete, check, text};

/// What should be shown, and do nothing.
fn hostile_names() -> Vec<String> {
    [
        "a\"]; click x \"javascript:alert(1)\"",
        "</text></svg><script>alert(1)</script>",
        "&lt;b&amp;&#60;",
        "'\\\"\\N\\l\\",
        "line\nbreak\r\ttab\u{b}\u{1b}[31m\0",
        "%%{init: {}}%% ```\n---\nend",
        "größe/ключ/漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字",
        "\u{202e}\u{fdfd}\u{1f469}\u{200d}\u{1f680}e\u{301}\u{fffe}]]>--><!--",
        "#35; #quot; style x:#fff; classDef",
        "..",
        "",
    ]
    .map(str::to_owned)
    .into_iter()
    .chain([format!("github.com/{0}/{0}", "W".repeat(300)), "/".repeat(300), "iiii.".repeat(1000)])
    .collect()
}

/// One call of every number, made by every sort of code; those of `forkAndExecInChild` are optional.
fn scan(name: &str) -> Scan {
    let all = [Origin::Go, Origin::Program, Origin::Libc, Origin::Loader, Origin::Always];
    let site = |origin| Site {
        function: name.to_owned(),
        address: 1,
        wrappers: Vec::new(),
        origin,
        library: Some(name.to_owned()),
    };
    let reach = |number: u16| Reach {
        // Some are from Go only, some from everyone else only.
        origins: all[usize::from(number % 2)..]
            .iter()
            .take(if number.is_multiple_of(3) { 1 } else { 5 })
            .copied()
            .collect(),
        sites: all.into_iter().map(site).collect(),
        packages: BTreeSet::new(),
        is_optional: number.is_multiple_of(30),
    };
    Scan {
        arch: Arch::X86_64,
        go: Some(GoBuild {
            toolchain: name.to_owned(),
            path: Some(name.to_owned()),
            module: None,
            cgo: None,
            goroutine_below: None,
        }),
        functions: 1,
        syscalls: (0..MAX_SYSCALLS)
            .filter_map(|number| Some((SyscallNr::new(number)?, reach(number))))
            .collect(),
        unresolved: Vec::new(),
        gaps: [name.to_owned()].into(),
    }
}

/// Ways from these packages, through as many others, to calls all over the table.
fn paths(scan: &Scan, packages: &[String]) -> Paths {
    let mut paths = BTreeMap::<Path, BTreeSet<SyscallNr>>::new();
    for (&nr, reach) in scan.syscalls.iter().filter(|(_, reach)| reach.origins.contains(&Origin::Go)) {
        for step in 0..20 {
            let at = (nr.index() * 7 + step * 31) % packages.len();
            let gate = Gate::Package(packages[(at * 3 + step) % packages.len()].clone());
            let path = Path {
                from: (step > 0).then(|| packages[at].clone()),
                gate: if step == 5 { Gate::Own } else { gate },
                condition: if reach.is_optional { Condition::Options } else { Condition::Plain },
            };
            paths.entry(path).or_default().insert(nr);
        }
    }
    Paths { paths, is_shortened: true }
}

/// Check that hostile names break no language, leave no box, and that there are never too many nodes.
#[test]
fn hostile_programs_are_drawn() -> Result<()> {
    let many = (0..1000).map(|number| format!("example.com/module{number}/{}", "x".repeat(number % 300)));
    let packages: Vec<String> = hostile_names().into_iter().chain(many).collect();
    // As names of the program one of them does after the other what all of them do as names of packages.
    for name in hostile_names().into_iter().step_by(3) {
        let scan = scan(&name);
        let graph = Graph::new(&name, &scan, &paths(&scan, &packages));
        check(&name, &graph)?;
        calls_are_complete(&name, &scan, &graph);
        assert_eq!(graph.nodes.len(), MOST_NODES, "this is the worst case");
        let few = Graph::new(&name, &scan, &paths(&scan, &hostile_names()));
        check(&name, &few)?;
        for language in [Language::Mermaid, Language::Dot, Language::Svg, Language::Json] {
            let written = text(&graph, language)?;
            assert!(written.contains(OPTIONAL), "{language:?} does not label what is optional");
            let is_free = !written.contains(['\u{1b}', '\0', '\u{202e}', '\r']) || language == Language::Json;
            assert!(is_free, "{language:?} hands control characters on");
        }
    }
    Ok(())
}

/// Check that a program without ways and calls has a graph as well.
#[test]
fn programs_without_anything_are_drawn() -> Result<()> {
    let empty = Scan { syscalls: BTreeMap::new(), go: None, gaps: BTreeSet::new(), ..scan("") };
    let graph = Graph::new("", &empty, &Paths::default());
    assert!(graph.nodes.is_empty());
    check("nothing", &graph)
}
