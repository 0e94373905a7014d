use super::*;
use crate::model::{Arguments, Build, Callers, Host, Losses, PhaseCounts, Seen, Timestamp};
use crate::policy::EPERM;
use crate::policy::floor::Floor;

pub(super) fn nr(name: &str) -> SyscallNr {
    syscalls::number(Arch::X86_64, name).unwrap()
}

fn seen(arguments: Arguments) -> Seen {
    Seen {
        counts: PhaseCounts::new(1, 2, 0),
        in_flight: false,
        first: Timestamp::from_unix_nanos(1),
        last: Timestamp::from_unix_nanos(2),
        arguments,
        callers: Callers::default(),
    }
}

pub(super) fn values(all: &[&[u64]]) -> Arguments {
    Arguments::Values(all.iter().map(|values| (values.to_vec(), 1)).collect())
}

pub(super) fn observations(calls: &[(&str, Arguments)], role: Role) -> Observations {
    let calls = calls.iter().map(|(name, arguments)| (nr(name), seen(arguments.clone())));
    Observations {
        host: Host { arch: Arch::X86_64, kernel: "6.1".into(), clock_source: None, seccinch: "0.1.0".into() },
        started: Timestamp::default(),
        ended: Timestamp::default(),
        roles: vec![RoleObservations {
            role,
            build: Build { path: "/srv".into(), ..Build::default() },
            processes: 1,
            syscalls: calls.collect(),
            foreign: 0,
            reachable: None,
        }],
        losses: Losses::default(),
    }
}

pub(super) fn options() -> Options {
    Options {
        default: DefaultAction::Errno(EPERM),
        entered: Entered::Excluded,
        narrowing: Narrowing::standard(),
        clone3: Clone3::AsObserved,
        restrictions: BTreeMap::new(),
        launches: Vec::new(),
        floor_versions: BTreeMap::new(),
        seccinch: "0.1.0".into(),
    }
}

pub(super) fn floor_entry(name: &'static str) -> FloorEntry {
    FloorEntry { name, floor: Floor::Go, reason: "the runtime".into() }
}

pub(super) fn built(all: &[&Observations], floors: &[FloorEntry], options: &Options) -> Profile {
    let digest = Digest::of(b"");
    let inputs: Vec<_> = all.iter().map(|observations| Input { observations, digest }).collect();
    build(&inputs, floors, options).unwrap()
}

pub(super) fn verdict(profile: &Profile, name: &str) -> String {
    profile.rules().get(&nr(name)).map_or("refused".into(), |rule| rule.verdict().to_string())
}

pub(super) fn reasons(profile: &Profile, name: &str) -> String {
    let reasons: Vec<String> = profile.rules()[&nr(name)].reasons().iter().map(Reason::to_string).collect();
    reasons.join("; ")
}

/// Check that observed names and floor names are allowed, each with its reason, and clone3 is guarded.
#[test]
fn observed_and_floor_names_are_allowed() {
    let one = observations(&[("read", Arguments::Unwatched)], Role::Main);
    let profile = built(&[&one], &[floor_entry("futex"), floor_entry("read")], &options());
    assert_eq!(verdict(&profile, "read"), "allowed");
    assert_eq!(verdict(&profile, "futex"), "allowed");
    assert_eq!(verdict(&profile, "clone3"), "refused with ENOSYS");
    assert_eq!(verdict(&profile, "write"), "refused");
    assert_eq!(
        reasons(&profile, "read"),
        "observed: main (/srv), 1 startup, 2 steady, first 1970-01-01T00:00:00.000000001Z; \
         floor go: the runtime"
    );
}

/// Check that values are united over recordings, and one recording without them widens the rule.
#[test]
fn arguments_are_as_narrow_as_the_least_known() {
    let inet = observations(&[("socket", values(&[&[2, 1, 0]]))], Role::Main);
    let inet6 = observations(&[("socket", values(&[&[10, 1, 0]]))], Role::Child("x".into()));
    let any = observations(&[("socket", Arguments::Any)], Role::Main);
    let both = built(&[&inet, &inet6], &[], &options());
    assert_eq!(verdict(&both, "socket"), "allowed when arg0 == 2, or arg0 == 10");
    let widened = built(&[&inet, &any], &[], &options());
    assert_eq!(verdict(&widened, "socket"), "allowed");
    assert!(
        reasons(&widened, "socket").contains("arguments: any: more values"),
        "{}",
        reasons(&widened, "socket")
    );
    let plain = built(&[&inet], &[], &Options { narrowing: Narrowing::none(), ..options() });
    assert_eq!(verdict(&plain, "socket"), "allowed");
    assert!(!reasons(&plain, "socket").contains("arguments"), "{}", reasons(&plain, "socket"));
}

/// Check that a floor needs its name with any arguments, and clone without new namespaces.
#[test]
fn floors_widen_all_but_clone() {
    let one = observations(&[("prctl", values(&[&[15]])), ("clone", values(&[&[17]]))], Role::Main);
    let narrow = Options { narrowing: Narrowing::standard().with(["prctl"]).unwrap(), ..options() };
    assert_eq!(verdict(&built(&[&one], &[], &narrow), "prctl"), "allowed when arg0 == 15");
    let profile = built(&[&one], &[floor_entry("prctl"), floor_entry("clone")], &narrow);
    assert_eq!(verdict(&profile, "prctl"), "allowed");
    assert!(reasons(&profile, "prctl").contains("any: floor go needs it"), "{}", reasons(&profile, "prctl"));
    assert!(!reasons(&profile, "prctl").contains("limited"), "{}", reasons(&profile, "prctl"));
    assert_eq!(verdict(&profile, "clone"), "allowed when arg0 & 0x7e020000 == 0x0");
    let unseen = observations(&[("read", Arguments::Unwatched)], Role::Main);
    let profile = built(&[&unseen], &[floor_entry("clone")], &options());
    assert_eq!(verdict(&profile, "clone"), "allowed when arg0 & 0x7e020000 == 0x0");
}

/// Check that a program that came in from outside teaches nothing unless that is asked for.
#[test]
fn entered_programs_teach_nothing() {
    let main = observations(&[("read", Arguments::Unwatched)], Role::Main);
    let entered = observations(&[("ptrace", Arguments::Any)], Role::Entered("gdb".into()));
    assert_eq!(verdict(&built(&[&main, &entered], &[], &options()), "ptrace"), "refused");
    let included = Options { entered: Entered::Included, ..options() };
    assert_eq!(verdict(&built(&[&main, &entered], &[], &included), "ptrace"), "allowed");
    let input = Input { observations: &entered, digest: Digest::of(b"") };
    assert!(matches!(build(&[input], &[], &options()), Err(BuildError::NothingObserved)));
}

/// Check that clone3 is allowed as observed, which leaves nothing for a condition on clone to keep out, and is
/// refused where that is asked for.
#[test]
fn clone3_is_as_observed_or_refused() {
    let one = observations(&[("clone", values(&[&[17]])), ("clone3", Arguments::Unwatched)], Role::Main);
    let open = built(&[&one], &[floor_entry("clone")], &options());
    assert_eq!((verdict(&open, "clone3"), verdict(&open, "clone")), ("allowed".into(), "allowed".into()));
    let options = Options { clone3: Clone3::Refused, ..options() };
    let closed = built(&[&one], &[floor_entry("clone")], &options);
    assert_eq!(verdict(&closed, "clone3"), "refused with ENOSYS");
    assert_eq!(verdict(&closed, "clone"), "allowed when arg0 & 0x7e020000 == 0x0");
    assert!(reasons(&closed, "clone3").starts_with("observed: main"), "{}", reasons(&closed, "clone3"));
    assert!(closed.notes().is_empty(), "{:?}", closed.notes());
}

/// Check that the order of recordings and of floor names does not show.
#[test]
fn the_order_of_inputs_does_not_show() {
    let left = observations(&[("socket", values(&[&[2, 1, 0]])), ("read", Arguments::Unwatched)], Role::Main);
    let right = observations(&[("socket", values(&[&[1, 1, 0]]))], Role::Child("x".into()));
    let (futex, clone) = (floor_entry("futex"), floor_entry("clone"));
    let one = built(&[&left, &right], &[futex.clone(), clone.clone()], &options());
    let other = built(&[&right, &left, &left], &[clone, futex], &options());
    assert_eq!(super::super::file::render(&one).unwrap(), super::super::file::render(&other).unwrap());
}

/// Check that losses, other ABIs and holes are told in the profile, but no losses of what is only evidence.
#[test]
fn what_weakens_a_profile_is_noted() {
    let calls = [
        ("clone", values(&[&[17]])),
        ("clone3", Arguments::Unwatched),
        ("io_uring_setup", Arguments::Unwatched),
    ];
    let mut one = observations(&calls, Role::Main);
    one.losses.0.insert("ring_full".into(), 7);
    one.losses.0.insert("map_full".into(), 0);
    one.losses.0.insert("stacks_full".into(), 5);
    one.roles[0].foreign = 3;
    let profile = built(&[&one], &[], &options());
    let notes: Vec<&str> = profile.notes().iter().map(|note| note.0.as_str()).collect();
    let expected = [
        "/srv made 3 calls by another ABI",
        "clone3 was observed",
        "io_uring_setup is allowed",
        "the recording was not whole: 7 lost (ring_full)",
    ];
    assert_eq!(notes.len(), expected.len(), "{notes:?}");
    for (note, expected) in notes.iter().zip(expected) {
        assert!(note.starts_with(expected), "{note}");
    }
}

/// Check that a profile says when no start of its program was recorded, and says nothing when one was.
#[test]
fn an_unwatched_start_is_noted() {
    let started = observations(&[("read", Arguments::Unwatched)], Role::Main);
    let mut attached = started.clone();
    for seen in attached.roles[0].syscalls.values_mut() {
        seen.counts = PhaseCounts::new(0, 5, 1);
    }
    let is_noted = |all: &[&Observations]| {
        built(all, &[], &options())
            .notes()
            .iter()
            .any(|note| note.0.starts_with("no start of /srv was recorded"))
    };
    assert!(is_noted(&[&attached]));
    assert!(!is_noted(&[&started]));
    assert!(!is_noted(&[&attached, &started]));
}
