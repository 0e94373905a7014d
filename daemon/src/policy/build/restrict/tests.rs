use proptest::prelude::*;

use crate::model::{Arguments, Observations, Role};
use crate::policy::build::tests::{built, floor_entry, nr, observations, options, reasons, values, verdict};
use crate::policy::build::{Clone3, Options};
use crate::policy::{ArgIndex, Bits, Condition, How, Profile, Reason, Restriction, Verdict};

const USER: How = How::Exclude(Bits { index: ArgIndex::FIRST, mask: 0x1000_0000 });

fn seen(calls: &[(&str, Arguments)]) -> Observations {
    let read = [("read", Arguments::Unwatched)];
    observations(&[&read, calls].concat(), Role::Main)
}

fn restricted(restrictions: &[(&str, How)]) -> Options {
    let one = |how| vec![Restriction { rule: "r".into(), why: "so".into(), how }];
    let restrictions = restrictions.iter().map(|(name, how)| (nr(name), one(*how)));
    Options { restrictions: restrictions.collect(), ..options() }
}

fn notes(profile: &Profile) -> Vec<&str> {
    let notes = profile.notes().iter().map(|note| note.0.as_str());
    notes.filter(|note| note.starts_with("rule:")).collect()
}

/// Check that a denied call is out although it was observed, and the profile says who took it out.
#[test]
fn denied_calls_leave_the_profile() {
    let profile = built(&[&seen(&[("ptrace", values(&[&[0]]))])], &[], &restricted(&[("ptrace", How::Deny)]));
    assert_eq!(
        (verdict(&profile, "ptrace").as_str(), verdict(&profile, "read").as_str()),
        ("refused", "allowed")
    );
    let why: Vec<String> = profile.refused()[&nr("ptrace")].iter().map(Reason::to_string).collect();
    assert!(why[0].starts_with("observed: main (/srv), 1 startup, 2 steady"), "{why:?}");
    assert_eq!(why[1], "rule:r: taken out although it was observed; so");
    let unseen = built(&[&seen(&[])], &[], &restricted(&[("ptrace", How::Deny)]));
    assert!(unseen.refused().is_empty(), "nothing was taken out");
}

/// Check that a call that a floor needs stays, and that this is said.
#[test]
fn floors_keep_their_calls() {
    for calls in [vec![("futex", Arguments::Unwatched)], Vec::new()] {
        let profile = built(&[&seen(&calls)], &[floor_entry("futex")], &restricted(&[("futex", How::Deny)]));
        assert_eq!(verdict(&profile, "futex"), "allowed");
        assert_eq!(notes(&profile), ["rule:r would refuse futex, but floor go needs it: it stays allowed"]);
        let reasons = reasons(&profile, "futex");
        assert!(reasons.contains("rule:r: it stays allowed, because floor go needs it; so"), "{reasons}");
        assert!(profile.refused().is_empty());
    }
    let floor = [floor_entry("prctl")];
    let narrow = restricted(&[("prctl", How::Narrow)]);
    let profile = built(&[&seen(&[("prctl", values(&[&[15]]))])], &floor, &narrow);
    assert_eq!((verdict(&profile, "prctl").as_str(), notes(&profile).len()), ("allowed", 1));
}

/// Check that a denied clone3 is refused as everywhere, so that callers fall back to clone.
#[test]
fn a_denied_clone3_is_guarded() {
    let calls = [("clone3", Arguments::Unwatched), ("clone", values(&[&[0xd0f00]]))];
    let profile = built(&[&seen(&calls)], &[], &restricted(&[("clone3", How::Deny)]));
    assert_eq!(verdict(&profile, "clone3"), "refused with ENOSYS");
    assert!(reasons(&profile, "clone3").contains("rule:r: taken out although it was observed"));
    assert_eq!(verdict(&profile, "clone"), "allowed when arg0 & 0x7e020000 == 0x0");
}

/// Check that a limited call keeps what was seen, without what the rule excludes, also where a floor holds it.
#[test]
fn excluded_bits_go() {
    let calls = [("clone", values(&[&[0x1000_0011], &[0xd0f00]]))];
    let profile = built(&[&seen(&calls)], &[floor_entry("clone")], &restricted(&[("clone", USER)]));
    assert_eq!(verdict(&profile, "clone"), "allowed when arg0 & 0x7e020000 == 0x0");
    assert!(reasons(&profile, "clone").contains("rule:r: limited to what was seen; so"));
    assert!(notes(&profile).is_empty(), "{:?}", notes(&profile));
    // A network namespace was seen too: only the user namespace goes.
    let calls = [("clone", values(&[&[0x1000_0011], &[0x4000_0011]]))];
    let profile = built(&[&seen(&calls)], &[floor_entry("clone")], &restricted(&[("clone", USER)]));
    assert_eq!(
        verdict(&profile, "clone"),
        "allowed when arg0 & 0x3e020000 == 0x0, or arg0 & 0x7e020000 == 0x0"
    );
    // Where only the excluded was seen, the floor's clone is left.
    let calls = [("clone", values(&[&[0x1000_0011]])), ("unshare", values(&[&[0x1000_0000]]))];
    let both = restricted(&[("clone", USER), ("unshare", USER)]);
    let profile = built(&[&seen(&calls)], &[floor_entry("clone")], &both);
    assert_eq!(verdict(&profile, "clone"), "allowed when arg0 & 0x7e020000 == 0x0");
    assert_eq!(verdict(&profile, "unshare"), "refused");
    assert!(profile.refused().contains_key(&nr("unshare")) && !profile.refused().contains_key(&nr("clone")));
}

/// Check that what can't be limited, or not alone, is said.
#[test]
fn limits_that_do_not_hold_are_told() {
    let profile = built(&[&seen(&[("ioctl", Arguments::Any)])], &[], &restricted(&[("ioctl", How::Narrow)]));
    assert_eq!(verdict(&profile, "ioctl"), "allowed");
    assert_eq!(notes(&profile), ["rule:r can't limit ioctl: its values are not known"]);
    let calls = [("clone3", Arguments::Unwatched), ("clone", values(&[&[0xd0f00]]))];
    let options = restricted(&[("clone", USER)]);
    let profile = built(&[&seen(&calls)], &[floor_entry("clone")], &options);
    assert_eq!(verdict(&profile, "clone"), "allowed when arg0 & 0x7e020000 == 0x0");
    assert!(
        notes(&profile)[0].starts_with("rule:r limits clone, but clone3 was observed"),
        "{:?}",
        notes(&profile)
    );
    let refused = Options { clone3: Clone3::Refused, ..options };
    assert!(notes(&built(&[&seen(&calls)], &[], &refused)).is_empty());
}

/// Whether a profile lets a call with these registers through.
fn allows(profile: &Profile, name: &str, registers: [u64; 3]) -> bool {
    match profile.rules().get(&nr(name)).map(crate::policy::Rule::verdict) {
        Some(Verdict::Allow(Condition::Always)) => true,
        Some(Verdict::Allow(Condition::When(any))) => any.iter().any(|list| {
            list.iter()
                .all(|(index, masked)| registers[usize::from(index.get())] & masked.mask() == masked.value())
        }),
        Some(Verdict::Errno(_)) | None => false,
    }
}

proptest! {
    /// Check that a rule never allows what the profile without it refuses, and that excluded bits are refused.
    #[test]
    fn rules_only_take_away(
        name in prop::sample::select(vec!["clone", "socket", "ioctl", "personality", "mprotect"]),
        seen_values in prop::option::of(prop::collection::vec(any::<[u8; 3]>(), 0..4)),
        how in prop_oneof![Just(How::Deny), Just(How::Narrow), (1..=255u64).prop_map(exclude)],
        registers in prop_oneof![any::<[u8; 3]>().prop_map(spread), any::<[u64; 3]>()],
    ) {
        let width = crate::syscalls::watched_by_name(name).map_or(0, |watched| watched.arguments.len());
        let arguments = seen_values.map_or(Arguments::Any, |all| {
            Arguments::Values(all.into_iter().map(|one| (spread(one)[..width].to_vec(), 1)).collect())
        });
        let how = match how {
            How::Exclude(Bits { mask, .. }) => {
                let watched = crate::syscalls::watched_by_name(name).map_or(0, |watched| watched.arguments[0]);
                How::Exclude(Bits { index: ArgIndex::new(watched.into()).unwrap(), mask })
            }
            other => other,
        };
        let observed = seen(&[(name, arguments)]);
        let free = built(&[&observed], &[], &options());
        let bound = built(&[&observed], &[], &restricted(&[(name, how)]));
        prop_assert!(!allows(&bound, name, registers) || allows(&free, name, registers), "{}", verdict(&bound, name));
        if let How::Exclude(bits) = how {
            let hit = registers[usize::from(bits.index.get())] & bits.mask != 0;
            prop_assert!(!hit || !allows(&bound, name, registers), "{}", verdict(&bound, name));
        }
    }
}

/// Any bits, of an argument that is put in later.
fn exclude(mask: u64) -> How {
    How::Exclude(Bits { index: ArgIndex::FIRST, mask: spread([0, 0, u8::try_from(mask).unwrap()])[2] })
}

/// Bits that matter to some call, by those of a small number.
fn spread(small: [u8; 3]) -> [u64; 3] {
    const BITS: [u64; 8] = [1, 2, 4, 8, 1 << 17, 1 << 28, 1 << 30, 1 << 40];
    small.map(|small| (0..8).filter(|bit| small & (1 << bit) != 0).map(|bit| BITS[bit]).sum())
}
