//! A Go source file by which a program puts its own profile into force, with libseccomp's binding for Go.
//!
//! For programs that neither a runtime nor a unit starts. The filter is set for all threads at once (`TSYNC`): Go has
//! several before `main` begins. Numbers are written out, so that a libseccomp older than a name takes it all the same.

use std::fmt::Write as _;

use crate::model::Arch;
use crate::policy::{Condition, Conjunction, DefaultAction, Errno, Profile, Verdict};
use crate::syscalls;

/// The profile as a file of package `main`, formatted as gofmt does.
pub fn go(profile: &Profile) -> Vec<u8> {
    let before = include_str!("go/before.go.txt");
    let default = action(profile.default_action());
    let mut text = before.replace("ARCH", go_arch(profile.arch())).replace("DEFAULT", &default);
    for rule in rules(profile) {
        // Writing to a String can't fail.
        let _ = writeln!(text, "\t{{{rule}}},");
    }
    text.push_str("}\n");
    text.into_bytes()
}

/// The fields of every `seccompRule`: a call's alternatives are one each.
fn rules(profile: &Profile) -> Vec<String> {
    let mut rules = Vec::new();
    for (nr, rule) in profile.rules() {
        let call = format!("{:?}, {}", syscalls::display_name(profile.arch(), *nr), nr.get());
        match rule.verdict() {
            Verdict::Allow(Condition::Always) => rules.push(format!("{call}, 0, nil")),
            Verdict::Allow(Condition::When(any)) => {
                rules.extend(
                    any.iter().map(|one| format!("{call}, 0, []seccompComparison{{{}}}", comparisons(one))),
                );
            }
            // libseccomp takes no rule that says what happens anyway.
            Verdict::Errno(errno) if profile.default_action() == DefaultAction::Errno(*errno) => {}
            Verdict::Errno(errno) => rules.push(format!("{call}, {}, nil", errno.get())),
        }
    }
    rules
}

fn comparisons(conjunction: &Conjunction) -> String {
    let comparison = conjunction
        .iter()
        .map(|(index, masked)| format!("{{{}, {:#x}, {:#x}}}", index.get(), masked.mask(), masked.value()));
    comparison.collect::<Vec<_>>().join(", ")
}

fn action(default: DefaultAction) -> String {
    let errno = |errno: Errno| format!("seccomp.ActErrno.SetReturnCode({})", errno.get());
    match default {
        DefaultAction::Errno(number) => errno(number),
        DefaultAction::KillProcess => "seccomp.ActKillProcess".to_owned(),
        DefaultAction::Log => "seccomp.ActLog".to_owned(),
    }
}

const fn go_arch(arch: Arch) -> &'static str {
    match arch {
        Arch::X86_64 => "amd64",
        Arch::Aarch64 => "arm64",
    }
}
