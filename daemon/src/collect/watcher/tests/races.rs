use super::*;
use crate::collect::watcher::testing::{Script, inode};
use crate::model::{Role, Starts};

/// The first slot that user space takes.
const TAKEN: u16 = 500;

/// Has something happen just before a process is made a target.
fn before(world: &World, pid: u32, happens: impl FnOnce(&Script) + 'static) {
    world.script.state().before_track.insert(pid, Box::new(happens));
}

/// Has something happen right after that.
fn after(world: &World, pid: u32, happens: impl FnOnce(&Script) + 'static) {
    world.script.state().after_track.insert(pid, Box::new(happens));
}

/// All starts that some polls tell of.
fn starts(watcher: &mut Watcher<Script>) -> Starts {
    let mut sum = Starts::default();
    for seconds in [1, 2, 70, 71] {
        for delta in poll(watcher, seconds).deltas {
            sum.whole += delta.starts.whole;
            sum.partial += delta.starts.partial;
        }
    }
    sum
}

/// Check that a process that executes a file while it is picked up is one target, whose start was watched whole, and
/// that the slot that it was to have is another's.
#[test]
fn the_kernel_may_be_faster() {
    let world = World::new();
    let app = world.go("app");
    world.runs(20, 1, &app, UNIT, 100);
    let name = app.clone();
    before(&world, 20, move |script| script.exec(20, slot(1), inode(&name), &name, time(0)));
    let mut watcher = world.watch(Discovery::default());
    world.script.call(slot(1), 0, 3);
    let first = poll(&mut watcher, 1);
    assert_eq!((count(first.only(), 0), first.only().roles.len()), (3, 1));
    let started = starts(&mut watcher);
    assert_eq!((started.whole, started.partial), (1, 0));
    assert_eq!(watcher.targets().len(), 1);
    assert!(world.script.state().given_back.contains(&slot(TAKEN)));
}

/// Check that a process that ends while it is picked up, in a slot that the kernel side gave it, leaves no target behind, and
/// is not told of by anything but its events.
#[test]
fn the_kernel_may_be_faster_by_a_life() {
    let world = World::new();
    let app = world.go("app");
    world.runs(20, 1, &app, UNIT, 100);
    let name = app.clone();
    before(&world, 20, move |script| script.exec(20, slot(1), inode(&name), &name, time(0)));
    after(&world, 20, |script| script.exit(20, time(0)));
    let mut watcher = world.watch(Discovery::default());
    let first = poll(&mut watcher, 1);
    assert_eq!((first.deltas, first.losses["undecided"]), (vec![], 1));
    assert_eq!(starts(&mut watcher), Starts::default());
    assert_eq!(watcher.targets(), []);
}

/// Check that a process that executes another file right after it was made a target stays one, and the same.
#[test]
fn a_target_may_execute_at_once() {
    let world = World::new();
    let (wrapper, app) = (world.go("wrapper"), world.go("app"));
    world.runs(20, 1, &wrapper, UNIT, 100);
    let name = app.clone();
    after(&world, 20, move |script| script.exec_again(20, slot(1), inode(&name), &name, time(0)));
    let mut watcher = world.watch(Discovery::default());
    world.runs(20, 1, &app, UNIT, 100);
    world.script.call(slot(TAKEN), 0, 1);
    world.script.call(slot(1), 0, 3);
    let first = poll(&mut watcher, 1);
    assert_eq!((count(first.only(), 0), first.only().starts.partial), (4, 1));
    assert_eq!(starts(&mut watcher), Starts::default());
    let targets: Vec<String> = watcher.targets().into_iter().map(|target| target.executable).collect();
    assert_eq!(targets, [app]);
    assert_eq!(world.script.state().given_back, []);
}

/// Check that a child that executes a file while its parent, or it itself, is picked up is a child all the same, and
/// nothing else.
#[test]
fn children_may_execute_meanwhile() {
    for raced in [20, 21] {
        let world = World::new();
        let (app, tool) = (world.go("app"), world.other("tool"));
        world.runs(20, 1, &app, UNIT, 100);
        world.runs(21, 20, &tool, UNIT, 200);
        let name = tool.clone();
        before(&world, raced, move |script| script.exec(21, slot(1), inode(&name), &name, time(0)));
        let mut watcher = world.watch(Discovery::default());
        world.script.call(slot(1), 5, 3);
        let first = poll(&mut watcher, 1);
        let roles: Vec<&Role> = first.only().roles.iter().map(|role| &role.role).collect();
        assert_eq!(roles, [&Role::Child("tool".into()), &Role::Main], "{raced}");
        assert_eq!(count(first.only(), 5), 3, "{raced}");
        poll(&mut watcher, 2);
        assert_eq!(world.script.state().processes[&21], slot(1), "{raced}");
        assert!(world.script.state().given_back.iter().all(|slot_of| slot_of.get() > TAKEN), "{raced}");
        assert_eq!(watcher.targets().len(), 1);
    }
}

/// Check that who descends from a process that is only about to be decided on is found all the same.
#[test]
fn ancestors_may_execute_meanwhile() {
    let world = World::new();
    let (app, init) = (world.go("app"), world.other("init"));
    world.runs(1, 0, &init, "/", 1);
    world.runs(20, 1, &app, UNIT, 100);
    let mut watcher = world.watch(nothing());
    world.script.exec(1, slot(1), inode(&init), &init, time(0));
    watcher.rediscover(Discovery::default(), time(0)).unwrap();
    poll(&mut watcher, 1);
    assert_eq!(watcher.targets().len(), 1);
}
