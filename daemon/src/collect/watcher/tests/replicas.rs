use super::*;
use crate::model::Role;

const WEB: [(&str, &str); 2] = [("web1", "web-7d4b9c8f6d-x2x5k"), ("web2", "web-7d4b9c8f6d-c9vbn")];

fn roles(delta: &Delta) -> Vec<&Role> {
    delta.roles.iter().map(|role| &role.role).collect()
}

/// Check that two replicas of a deployment are one workload, both of them its main program.
#[test]
fn replicas_are_one_workload() {
    let world = World::new();
    let program = world.go("app");
    let mut watcher = world.watch(Discovery::default());
    for ((container, pod), pid) in WEB.into_iter().zip(10_u16..) {
        world.container(container, pod, pid.into());
        world.starts(pid.into(), pid, &program, &format!("/kubepods/pod{pid}/{container}"), time(1));
        world.script.call(slot(pid), 0, 2);
    }
    let found = poll(&mut watcher, 2);
    assert_eq!(found.only().workload, id("k8s:shop/Deployment/web/app"));
    assert_eq!((roles(found.only()), count(found.only(), 0)), (vec![&Role::Main], 4));
    assert_eq!(found.only().roles[0].processes, 2);
    let places: Vec<_> = watcher.targets().into_iter().map(|target| target.place.pod.unwrap()).collect();
    assert_eq!(places, [WEB[0].1, WEB[1].1]);
    assert_eq!(poll(&mut watcher, 10).only().starts.whole, 2);
}

/// Check that who comes into a container from outside is told from what it started itself.
#[test]
fn who_comes_from_outside_has_entered() {
    let world = World::new();
    let (app, tool, shell) = (world.go("app"), world.go("tool"), world.other("sh"));
    let (container, pod) = WEB[0];
    let group = "/kubepods/pod1/web1";
    world.container(container, pod, 9);
    world.runs(9, 1, &shell, group, 100);
    let mut watcher = world.watch(Discovery::default());
    for (pid, parent, program) in [(10_u16, 9, &app), (11, 1, &tool), (12, 9, &tool)] {
        world.starts(pid.into(), pid, program, group, time(1));
        world.runs(pid.into(), parent, program, group, 1000);
    }
    let found = poll(&mut watcher, 2);
    let expected = [Role::Main, Role::Entered("tool".into()), Role::Child("tool".into())];
    assert_eq!(roles(found.only()), expected.iter().collect::<Vec<_>>());
    let entered: Vec<bool> = watcher.targets().iter().map(|target| target.is_entered).collect();
    assert_eq!(entered, [false, true, false]);
}

/// Check that without a runtime's word the first program that was found says what came before whom.
#[test]
fn containers_without_state_have_a_first_process() {
    let world = World::new();
    let (app, tool) = (world.go("app"), world.go("tool"));
    let group = format!("/{}", "0123456789abcdef".repeat(4));
    let mut watcher = world.watch(Discovery::default());
    world.starts(10, 1, &app, &group, time(1));
    world.starts(11, 2, &tool, &group, time(2));
    let found = poll(&mut watcher, 3);
    let all: Vec<_> = found.deltas.iter().flat_map(roles).collect();
    assert_eq!(all, [&Role::Main, &Role::Entered("tool".into())]);
}

/// Check that into a unit only systemd brings others, and that the next start is the unit's program again.
#[test]
fn units_have_other_commands() {
    let world = World::new();
    let (app, reload) = (world.go("app"), world.go("reload"));
    let mut watcher = world.watch(Discovery::default());
    world.starts(10, 1, &app, UNIT, time(1));
    world.starts(11, 2, &reload, UNIT, time(2));
    let found = poll(&mut watcher, 3);
    assert_eq!(roles(found.only()), [&Role::Main, &Role::Child("reload".into())]);
    world.ends(10, time(4));
    world.ends(11, time(4));
    world.starts(12, 3, &app, UNIT, time(5));
    let found = poll(&mut watcher, 6);
    assert!(roles(found.only()).contains(&&Role::Main), "{found:?}");
    assert_eq!(watcher.targets().len(), 1);
}

/// Check that a child of a target stays in its tree, whatever it executes.
#[test]
fn children_stay_in_their_tree() {
    let world = World::new();
    let (app, helper) = (world.go("app"), world.go("helper"));
    let mut watcher = world.watch(Discovery::default());
    world.starts(10, 1, &app, UNIT, time(1));
    world.script.fork(10, 11);
    world.runs(11, 10, &helper, UNIT, 990_000);
    world.script.exec_again(11, slot(2), 77, &helper, time(1));
    world.script.call(slot(2), 0, 3);
    let found = poll(&mut watcher, 2);
    assert_eq!(roles(found.only()), [&Role::Main, &Role::Child("helper".into())]);
    assert_eq!(watcher.targets().len(), 1);
}
