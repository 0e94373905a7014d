use super::*;
use crate::policy::testing::{ALWAYS, equals, masked, profile, sample, when};
use crate::policy::{EPERM, Profile};

fn text(profile: &Profile) -> String {
    String::from_utf8(systemd(profile).unwrap()).unwrap()
}

fn refused(rules: &[(&str, Verdict)]) -> String {
    systemd(&profile(DefaultAction::Errno(EPERM), rules)).unwrap_err().to_string()
}

/// Check that long lists are wrapped, and no name is lost.
#[test]
fn long_lists_are_wrapped() {
    let names: Vec<String> = (0..60).map(|n| format!("name_{n}")).collect();
    let lines = wrapped(&names);
    assert!(lines.len() > 3 && lines.iter().all(|line| line.len() <= WIDTH), "{lines:?}");
    assert_eq!(lines.join(" "), names.join(" "));
}

/// Check that a kill is written out, so that a unit's own error does not hold.
#[test]
fn a_kill_is_written_out() {
    let kill = profile(DefaultAction::KillProcess, &[("read", ALWAYS)]);
    assert!(text(&kill).contains("\nSystemCallErrorNumber=kill\n"), "{}", text(&kill));
    assert!(text(&sample()).contains("\nSystemCallErrorNumber=EPERM\n"), "{}", text(&sample()));
    let log = systemd(&profile(DefaultAction::Log, &[("read", ALWAYS)])).unwrap_err().to_string();
    assert!(log.contains("can't express the default action `log`"), "{log}");
}

/// Check that a condition that systemd has no setting for is an error that names the rule.
#[test]
fn other_conditions_are_refused() {
    let cases: &[(&[(&str, Verdict)], &str)] = &[
        (&[("ioctl", when(&[&[equals(1, 0x5401)]]))], "the rule for `ioctl` (allowed when arg1 == 21505)"),
        (&[("socket", when(&[&[equals(0, 99)]]))], "the rule for `socket` (allowed when arg0 == 99)"),
        (&[("socket", when(&[&[equals(0, 2), equals(1, 1)]]))], "the rule for `socket`"),
        (&[("personality", when(&[&[equals(0, 0xffff_ffff)]]))], "the rule for `personality`"),
        (&[("clone", when(&[&[masked(0, 0x7e02_0000, 0)]])), ("unshare", ALWAYS)], "the rule for `clone`"),
        (&[("clone", when(&[&[masked(0, 0x1000_0000, 0)]]))], "the rule for `clone`"),
    ];
    for (rules, expected) in cases {
        let error = refused(rules);
        assert!(error.starts_with("a systemd unit can't express") && error.contains(expected), "{error}");
    }
    let locked = [("personality", when(&[&[equals(0, 0)]]))];
    assert!(text(&profile(DefaultAction::KillProcess, &locked)).contains("\nLockPersonality=yes\n"));
}
