//! Configurations as people write them.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::{Config, ConfigError, Place};

/// Writes files into a folder, the first of them as the main one, and reads the configuration.
fn read(files: &[(&str, &str)]) -> (tempfile::TempDir, Result<Config, ConfigError>) {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("conf.d")).unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let config = Config::read(&Place::Given(folder.path().join(files[0].0)));
    (folder, config)
}

/// What is said of one file's text, without its folder.
fn fault(text: &str) -> String {
    let (folder, config) = read(&[("seccinch.toml", text)]);
    let said = config.expect_err(text).to_string();
    said.replace(&format!("{}/", folder.path().display()), "")
}

/// Check that a file with nothing in it, and no file at the usual place, are the default.
#[test]
fn nothing_is_the_default() {
    assert_eq!(read(&[("seccinch.toml", "")]).1.unwrap(), Config::default());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("seccinch.toml");
    assert_eq!(Config::read(&Place::Usual(path.clone())).unwrap(), Config::default());
    let error = Config::read(&Place::Given(path.clone())).unwrap_err();
    assert_eq!(error.to_string(), format!("cannot read {}", path.display()));
}

/// Check that later files win, that lists add up, and that what is no configuration is not read.
#[test]
fn files_lie_over_each_other() {
    let (_folder, config) = read(&[
        (
            "seccinch.toml",
            "poll_interval = '2s'\n[targets]\npids = [1]\nexclude = ['/a']\n[http]\nlisten = 'off'",
        ),
        (
            "conf.d/20-b.toml",
            "poll_interval = '4s'\n[targets]\npids = [3]\n[[rule]]\nname = 'bpf'\nsyscalls = ['bpf']\nover = 9\nper = '1m'",
        ),
        ("conf.d/10-a.toml", "poll_interval = '3s'\n[targets]\npids = [2]\nexclude = ['/b']"),
        ("conf.d/.10-a.toml.swp.toml", "nonsense"),
        ("conf.d/README", "nonsense"),
    ]);
    let config = config.unwrap();
    assert_eq!(config.poll_interval, Duration::from_secs(4));
    assert_eq!(config.discovery.pids, [1, 2, 3]);
    assert_eq!(config.discovery.exclude.len(), 2, "the default list is replaced");
    assert_eq!(config.listen, None);
    let rules = config.all_rules().unwrap();
    let bpf: Vec<_> = rules.iter().filter(|rule| rule.name == "bpf").map(|rule| rule.over).collect();
    assert_eq!(bpf, [9], "a built-in rule is replaced");
    assert!(rules.len() > 3, "the others hold");
}

/// Texts, and what is said of each.
const FAULTS: &[(&str, &str)] = &[
    (
        "a = 1",
        "line 1 column 1: unknown key `a`; known here: discover, poll_interval, flush_interval, state, \
                   targets, limits, http, control, metrics, kernel, rule",
    ),
    (
        "\npol_interval = '1s'",
        "line 2 column 1: unknown key `pol_interval`; the nearest known one is `poll_interval`",
    ),
    ("[http]\n  listn = 'off'", "line 2 column 3: unknown key `listn`; the nearest known one is `listen`"),
    ("discover = 'gp'", "line 1 column 12: unknown value `gp`; the nearest known one is `go`"),
    (
        "poll_interval = '1 parsec'",
        "line 1 column 17: `1 parsec` is no length of time (unknown time unit \
                                        \"parsec\", supported units: ns, us/µs, ms, sec, min, hours, days, weeks, \
                                        months, years (and few variations)): write it like 30s, 5m or 90d",
    ),
    (
        "poll_interval = 1",
        "line 1 column 17: invalid type: integer `1`, expected a length of time in quotes, like \"30s\"",
    ),
    ("poll_interval = '99ms'", "line 1 column 17: 99ms is out of range: from 100ms to 1h"),
    ("poll_interval = '2h'", "line 1 column 17: 2h is out of range: from 100ms to 1h"),
    (
        "poll_interval = '1m'",
        "line 1 column 17: `flush_interval` is shorter than `poll_interval`: nothing new is there yet",
    ),
    (
        "state = 'var'",
        "line 1 column 9: `var` is no path from the root: write it with a `/` at its beginning",
    ),
    (
        "[http]\nlisten = '127.0.0.1:99999'",
        "line 2 column 10: `127.0.0.1:99999` is no address with a port from 1 to \
                                               65535: write it like 127.0.0.1:9786 or [::1]:9786, or \"off\"",
    ),
    (
        "[http]\nlisten = '[::]:0'",
        "line 2 column 10: port 0 is any free one, which nobody would find: name one",
    ),
    ("[limits]\nmax_workloads = 0", "line 2 column 17: 0 is out of range: from 1 to 10000"),
    ("[targets]\npids = [1, 0]", "line 2 column 12: no process has the id 0"),
    (
        "[targets]\nunits = ['']",
        "line 2 column 10: an empty pattern matches nothing: write `*` for everything",
    ),
    (
        "[[rule]]\nname = 'a'\nsyscalls = ['ptrac']\nover = 0\nper = '1m'",
        "line 3 column 13: rule `a` names the unknown \
         system call `ptrac`; the nearest name is `ptrace`",
    ),
    (
        "[[rule]]\nname = 'a'\nsyscalls = ['ptrace']\nover = 0\nper = 'x'",
        "line 1 column 1: rule `a` has `per = \"x\"`, \
         which is no time: write it as 30s, 5m or 1h, and more than nothing",
    ),
    (
        "[[rule]]\nname = 'a'\nsyscals = ['ptrace']",
        "line 3 column 1: unknown key `syscals`; the nearest known one is `syscalls`",
    ),
    ("x = [", "line 1 column 6: unclosed array, expected `]`"),
];

/// Check each kind of fault word for word.
#[test]
fn faults_say_where_and_what() {
    for (text, expected) in FAULTS {
        assert_eq!(fault(text), format!("seccinch.toml: {expected}"), "{text}");
    }
}

/// Check that everything wrong in all files is told at once.
#[test]
fn faults_are_told_together() {
    let (folder, config) = read(&[
        ("seccinch.toml", "poll_interval = '1ms'\n[metrics]\nmax_series = 1"),
        ("conf.d/a.toml", "what = 1"),
    ]);
    let said = config.unwrap_err().to_string();
    let lines: Vec<_> =
        said.lines().map(|line| line.split(": ").take(2).collect::<Vec<_>>().join(": ")).collect();
    let at = |name: &str, place: &str| format!("{}: {place}", folder.path().join(name).display());
    assert_eq!(
        lines,
        [
            at("seccinch.toml", "line 1 column 17"),
            at("seccinch.toml", "line 3 column 14"),
            at("conf.d/a.toml", "line 1 column 1")
        ]
    );
    let (_folder, config) = read(&[("seccinch.toml", "")]);
    assert!(config.is_ok());
    assert!(Config::read(&Place::Given(Path::new("/").into())).is_err(), "a folder is no file");
}

/// Check that the example has every key, and with its default; and that the one of `conf.d` is read.
#[test]
fn the_examples_are_the_defaults() {
    let text = include_str!("../../../../../deploy/seccinch.toml");
    let (_folder, config) = read(&[("seccinch.toml", text)]);
    assert_eq!(config.unwrap(), Config::default());
    let written: toml::Table = text.parse().unwrap();
    let mut keys: Vec<String> = Vec::new();
    for (name, value) in &written {
        match value.as_table() {
            Some(table) => keys.extend(table.keys().map(|key| format!("{name}.{key}"))),
            None => keys.push(name.clone()),
        }
    }
    for (section, unknown) in ["", "targets", "limits", "http", "control", "metrics", "kernel"]
        .map(|section| (section, fault_of_all(section)))
    {
        for key in unknown {
            let key = if section.is_empty() { key } else { format!("{section}.{key}") };
            let is_there = keys.contains(&key) || written.get(&key).is_some_and(toml::Value::is_table);
            assert!(is_there || key == "rule", "the example has no {key}");
        }
    }
    let fragment = include_str!("../../../../../deploy/conf.d/50-example.toml");
    let (_folder, config) = read(&[("seccinch.toml", text), ("conf.d/50-example.toml", fragment)]);
    assert_eq!(config.unwrap().rules.len(), 1);
}

/// Every key that a section may have, as the parser itself says.
fn fault_of_all(section: &str) -> Vec<String> {
    let text = if section.is_empty() { String::new() } else { format!("[{section}]\n") };
    let said = fault(&format!("{text}zzzzzzzzzzzz = 1"));
    let Some((_, known)) = said.rsplit_once("known here: ") else { panic!("{said}") };
    known.split(", ").map(str::to_owned).collect()
}
