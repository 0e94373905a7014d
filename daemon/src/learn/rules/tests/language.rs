use super::*;
use crate::learn::testing::{id, nr, sample};
use crate::model::{Timestamp, Violated};

/// Check that every group's names exist, that they stand in order, and say why.
#[test]
fn groups_are_sound() {
    let groups = Groups::builtin().unwrap();
    assert!(groups.iter().count() >= 12);
    for (name, group) in groups.iter() {
        let resolved = groups.resolve("test", &[format!("@{name}")], Arch::X86_64).unwrap();
        assert_eq!(
            resolved.len(),
            group.syscalls.len(),
            "{name} names a call twice, or one that x86_64 lacks"
        );
        assert!(group.syscalls.is_sorted(), "{name}");
        assert!(group.why.len() > 12, "{name}");
        groups.resolve("test", &[format!("@{name}")], Arch::Aarch64).unwrap();
    }
}

/// Check that the built-in rules can be used on every architecture, tolerate nothing, and say why.
#[test]
fn builtin_rules_are_sound() {
    let groups = Groups::builtin().unwrap();
    for arch in Arch::ALL {
        let rules = builtin(&groups, arch).unwrap();
        let names: Vec<_> = rules.iter().map(|rule| &rule.name).collect();
        assert!(names.is_sorted() && names.len() >= 12, "{names:?}");
        for rule in rules {
            assert!(rule.is_zero_tolerance() && rule.then == Then::Report, "{}", rule.name);
            assert!(rule.why.len() > 12 && rule.covers(&id("exe:/a")), "{}", rule.name);
            assert!(!rule.syscalls.is_empty() || arch == Arch::Aarch64, "{}", rule.name);
        }
    }
}

/// Check that the documentation names every group and every built-in rule.
#[test]
fn the_documentation_is_whole() {
    let text = include_str!("../../../../../docs/rules.md");
    let groups = Groups::builtin().unwrap();
    for (name, _) in groups.iter() {
        assert!(text.contains(&format!("| `@{name}` |")), "@{name}");
    }
    let (_, listed) = text.split_once("## Built-in rules").unwrap();
    for rule in builtin(&groups, Arch::NATIVE).unwrap() {
        assert!(listed.contains(&format!("`{}`", rule.name)), "{}", rule.name);
    }
}

/// Check that a rule of the configuration takes the place of the built-in one of its name.
#[test]
fn own_rules_replace_builtin_ones() {
    let groups = Groups::builtin().unwrap();
    let own = || rule("name = \"ptrace\"\nsyscalls = [\"ptrace\"]\nover = 5\nper = \"1m\"").unwrap();
    let rules = with_builtin(vec![own()], &groups, Arch::NATIVE).unwrap();
    let found: Vec<_> = rules.iter().filter(|rule| rule.name == "ptrace").collect();
    assert_eq!(found, [&own()]);
    assert_eq!(rules.len(), builtin(&groups, Arch::NATIVE).unwrap().len());
    let twice = with_builtin(vec![own(), own()], &groups, Arch::NATIVE).unwrap_err();
    assert_eq!(twice.to_string(), "there are two rules `ptrace`: give one another name");
}

/// Check that everything of a rule is read, and what is left out has its default.
#[test]
fn rules_are_read() {
    let full = rule(
        "name = \"x\"\nsyscalls = [\"clone\", \"unshare\"]\nover = 3\nper = \"90s\"\nthen = \"narrow\"\n\
         workloads = [\"systemd:*\", \"exe:/a\"]\nargument = { index = 0, any_of = \"0x10000000\" }\nwhy = \"so\"",
    );
    let full = full.unwrap();
    assert_eq!(full.syscalls, [nr("clone"), nr("unshare")].into());
    assert_eq!(full.argument, Some(ArgumentTest { index: 0, mask: 0x1000_0000 }));
    assert_eq!((full.over, full.per, full.then), (3, Duration::from_secs(90), Then::Narrow));
    assert!(full.covers(&id("systemd:a.service")) && !full.covers(&id("exe:/ab")));
    let least = rule("name = \"x\"\nsyscalls = [\"@keyring\"]\nover = 0\nper = \"1h\"").unwrap();
    assert_eq!((least.then, least.argument, least.syscalls.len()), (Then::Report, None, 3));
    assert!(least.covers(&id("k8s:a/b/c/d")));
}

/// Check that what can't be a rule is refused with what to do about it.
#[test]
fn wrong_rules_are_refused() {
    let cases = [
        ("syscalls = [\"ptrase\"]", "names the unknown system call `ptrase`; the nearest name is `ptrace`"),
        ("syscalls = [\"@ptrase\"]", "names the unknown group `@ptrase`: the groups are @bpf, @chroot,"),
        ("syscalls = []", "names no system call"),
        ("workloads = []", "is for no workload: leave `workloads` out"),
        ("workloads = [\"\"]", "rule `x`, `workloads`"),
        ("per = \"soon\"", "`per = \"soon\"`, which is no time"),
        ("per = \"0s\"", "`per = \"0s\"`, which is no time"),
        ("name = \"a b\"", "`a b` is no name for a rule"),
        ("argument = { index = 0, any_of = 0 }", "`any_of = 0`, which is no set of bits"),
        ("argument = { index = 0, any_of = \"0xg\" }", "`any_of = \"0xg\"`, which is no set of bits"),
        (
            "argument = { index = 0, any_of = 1 }",
            "tests argument 0 of `read`, which is not learned: no argument of",
        ),
        (
            "syscalls = [\"ioctl\"]\nargument = { index = 300, any_of = 1 }",
            "which is not learned: of this call that is 1 (request)",
        ),
        (
            "syscalls = [\"clone\"]\nthen = \"deny\"\nargument = { index = 0, any_of = 1 }",
            "would refuse the whole call for some of its arguments: write `then = \"narrow\"`",
        ),
        (
            "then = \"narrow\"",
            "narrows `read`, whose arguments are not learned; those that can be narrowed are bpf,",
        ),
    ];
    for (lines, expected) in cases {
        let defaults = ["name = \"x\"", "syscalls = [\"read\"]", "over = 0", "per = \"1m\""];
        let given = |line: &&&str| !lines.starts_with(line.split('=').next().unwrap());
        let text =
            defaults.iter().filter(given).fold(lines.to_owned(), |text, line| format!("{text}\n{line}"));
        let error = rule(&text).unwrap_err().to_string();
        assert!(error.contains(expected), "{lines}: {error}");
    }
}

/// Check which calls a profile may not hold: all of a rule without tolerance, else those that broke it.
#[test]
fn restrictions_follow_violations() {
    let text = |then: &str, over: u64| {
        format!(
            "name = \"r\"\nsyscalls = [\"ptrace\", \"bpf\"]\nover = {over}\nper = \"1m\"\nthen = \"{then}\""
        )
    };
    let mut baseline = sample("exe:/a").0;
    let violated = Violated {
        syscalls: [(nr("bpf"), 1)].into(),
        first: Timestamp::default(),
        last: Timestamp::default(),
    };
    baseline.violated = [("r".to_owned(), violated)].into();
    let calls = |then: &str, over: u64| -> Vec<SyscallNr> {
        restricted(&[rule(&text(then, over)).unwrap()], &baseline).into_keys().collect()
    };
    let mut both = vec![nr("ptrace"), nr("bpf")];
    both.sort();
    assert_eq!(calls("deny", 0), both);
    assert_eq!(calls("deny", 5), [nr("bpf")]);
    assert_eq!(calls("report", 0), []);
    let elsewhere =
        Rule { workloads: vec![Pattern::parse("exe:/b").unwrap()], ..rule(&text("deny", 0)).unwrap() };
    assert!(restricted(&[elsewhere], &baseline).is_empty());
}
