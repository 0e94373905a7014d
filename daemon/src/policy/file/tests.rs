use super::*;
use crate::policy::Reach;
use crate::policy::testing::{any_profile, sample};
use proptest::prelude::*;

fn text() -> String {
    String::from_utf8(render(&sample()).unwrap()).unwrap()
}

fn refused(text: &str) -> String {
    let mut error: &dyn std::error::Error = &parse(text.as_bytes()).unwrap_err();
    let mut chain = error.to_string();
    while let Some(source) = error.source() {
        chain = format!("{chain}: {source}");
        error = source;
    }
    chain
}

/// Check that a profile comes back whole: rules, conditions, reasons, notes, provenance.
#[test]
fn profiles_survive_the_file() {
    assert_eq!(parse(text().as_bytes()).unwrap(), sample());
    assert_eq!(render(&parse(text().as_bytes()).unwrap()).unwrap(), render(&sample()).unwrap());
}

/// Check that what was edited wrongly is refused with its place and a way out.
#[test]
fn wrong_edits_say_where() {
    let cases = [
        ("\"socket\":", "\"sokcet\":", "has no system call `sokcet`; the nearest name is `socket`"),
        ("\"ENOSYS\"", "\"ENOSIS\"", "the rule for `clone3` at line"),
        ("\"ENOSYS\"", "\"ENOSIS\"", "`ENOSIS` is no error number: write a name such as EPERM, or 1 to 4095"),
        ("\"mask\": 2114060288", "\"mask\": 0", "a mask of 0 compares nothing"),
        ("\"EPERM\"", "\"EPREM\"", "`EPREM` at line 6 column 14 is no error name"),
        ("\"runc\"", "\"runk\"", "is no runtime"),
        (
            "\"verdict\": \"allow\"",
            "\"verdict\": \"alow\"",
            "unknown variant `alow`, expected one of `allow`",
        ),
        ("\"notes\"", "\"nots\"", "unknown field `nots`"),
        ("\"version\": 4", "\"version\": 9", "written by a newer seccinch"),
        ("seccinch.profile", "seccinch.observations", "it says `seccinch.observations`"),
        ("\"x86_64\"", "\"mips\"", "made for `mips`, whose system calls are not known here"),
    ];
    for (from, to, expected) in cases {
        assert!(text().contains(from), "the sample has no {from}");
        let error = refused(&text().replacen(from, to, 1));
        assert!(error.contains(expected), "{to}: {error}");
    }
}

/// Check that profiles from before there were scans are read.
#[test]
fn older_versions_are_read() {
    let mut file: serde_json::Value = serde_json::from_str(&text()).unwrap();
    file["version"] = 3.into();
    file.as_object_mut().unwrap().remove("reach");
    let older = file.to_string().replace("\"reachable\":true,", "").replace(",\"reachable\":true", "");
    assert!(!older.contains("reachable"), "{older}");
    let profile = parse(older.as_bytes()).unwrap();
    assert_eq!(profile.reach(), &Reach::default());
    assert_eq!(profile.rules().keys().collect::<Vec<_>>(), sample().rules().keys().collect::<Vec<_>>());
}

/// Check that a rule without a reason is refused.
#[test]
fn rules_need_a_reason() {
    let rules = r#""rules": {"read": {"verdict": "allow", "reasons": []}}}"#;
    let start = text().find("\"rules\"").unwrap();
    let error = refused(&format!("{}{rules}", &text()[..start]));
    assert!(error.contains("it has no reason"), "{error}");
    let nothing = refused(&format!("{}\"rules\": {{}}}}", &text()[..start]));
    assert!(nothing.contains("it allows no system call at all"), "{nothing}");
}

proptest! {
    /// Check that any profile comes back whole.
    #[test]
    fn any_profile_survives_the_file(profile in any_profile()) {
        prop_assert_eq!(parse(&render(&profile).unwrap()).unwrap(), profile);
    }
}
