use std::fs;

use super::*;
use crate::collect::watcher::testing::{Script, inode};
use crate::golang::GoLayout;
use crate::kernel::{FileKey, Happening, Verdict};
use crate::model::{GoBuild, Role, Timestamp};

fn verdict(script: &Script, program: &str) -> Option<Verdict> {
    let inode = inode(program);
    script.state().verdicts.get(&FileKey { inode, ..FileKey::default() }).copied()
}

/// Where the programs of these tests keep their goroutines.
fn layout() -> GoLayout {
    let toolchain = "go1.27.3".to_owned();
    GoLayout::of(&GoBuild { toolchain, path: None, module: None, cgo: None, goroutine_below: Some(8) })
        .unwrap()
}

/// Check that Go programs are found as they start, and the kernel told of both kinds of files.
#[test]
fn go_programs_are_decided_by_their_file() {
    let world = World::new();
    let (go, other) = (world.go("app"), world.other("sleep"));
    let mut watcher = world.watch(Discovery::default());
    world.starts(10, 1, &go, UNIT, time(1));
    world.starts(11, 2, &other, UNIT, time(1));
    world.script.call(slot(1), 0, 5);
    let first = poll(&mut watcher, 2);
    assert_eq!(count(first.only(), 0), 5);
    assert_eq!(first.only().roles[0].build.go.as_ref().unwrap().toolchain, "go1.27.3");
    assert_eq!(verdict(&world.script, &go), Some(Verdict::GoTarget(layout())));
    assert_eq!(verdict(&world.script, &other), Some(Verdict::Ignored));
    assert_eq!(world.script.state().processes.get(&11), None, "it is still counted");
    assert_eq!(world.script.state().given_back, [], "given back without a poll between");
    poll(&mut watcher, 3);
    assert_eq!(world.script.state().given_back, [slot(2)]);
    assert_eq!(watcher.targets().len(), 1);
}

/// Check that where it matters where a program runs, the file alone is no reason to ignore it.
#[test]
fn groups_leave_no_verdict() {
    let world = World::new();
    let other = world.other("sleep");
    let mut watcher = world.watch(Discovery { units: vec![pattern("app.*")], ..nothing() });
    world.starts(10, 1, &other, "/system.slice/b.service", time(1));
    world.starts(11, 2, &other, UNIT, time(1));
    assert_eq!(poll(&mut watcher, 2).only().workload, id("systemd:app.service"));
    assert_eq!(verdict(&world.script, &other), None);
}

/// Check each selector on what runs already and on what starts.
#[test]
fn every_selector_finds_old_and_new() {
    let container = "0123456789abcdef".repeat(4);
    let group = format!("/batch/{container}");
    for (select, discovery) in [
        ("go", Discovery::default()),
        ("executables", Discovery { executables: vec![pattern("*/app")], ..nothing() }),
        ("cgroups", Discovery { cgroups: vec!["/batch".into()], ..nothing() }),
        ("containers", Discovery { containers: vec![container[..12].into()], ..nothing() }),
    ] {
        let world = World::new();
        let (app, other) = (world.go("app"), world.other("other"));
        world.runs(20, 1, &app, &group, 100);
        world.runs(21, 1, &other, "/elsewhere", 100);
        let mut watcher = world.watch(discovery);
        world.starts(30, 1, &app, &group, time(1));
        world.starts(31, 2, &other, "/elsewhere", time(1));
        poll(&mut watcher, 2);
        let mut found: Vec<u32> = watcher.targets().iter().map(|target| target.process).collect();
        found.sort_unstable();
        assert_eq!(found, [20, 30], "{select}");
        let is_whole: Vec<bool> = watcher.targets().iter().map(|target| target.is_whole).collect();
        assert_eq!(is_whole, [false, true], "{select}");
    }
}

/// Check that an id names who runs at the start, and one that nobody has is told of.
#[test]
fn ids_name_who_runs() {
    let world = World::new();
    let other = world.other("other");
    world.runs(20, 1, &other, "/", 100);
    let mut watcher = world.watch(Discovery { pids: vec![20, 99], ..nothing() });
    let found = watcher.poll(time(1)).unwrap();
    assert_eq!(watcher.targets().len(), 1);
    assert!(found.failures[0].contains("no process 99"), "{:?}", found.failures);
    world.ends(20, time(2));
    world.starts(20, 1, &other, "/", time(3));
    poll(&mut watcher, 4);
    assert_eq!(watcher.targets(), [], "whoever got the id later is not meant");
}

/// Check that we, launchers, and what runs a host's programs are left out.
#[test]
fn the_host_itself_is_left_out() {
    let world = World::new();
    let (app, shim, runc) = (world.go("app"), world.go("containerd-shim-runc-v2"), world.go("youki"));
    world.we_are(9);
    world.runs(9, 1, &app, UNIT, 100);
    let mut watcher = world.watch(Discovery::default());
    world.starts(10, 1, &shim, "/", time(1));
    world.starts(11, 2, &runc, UNIT, time(1));
    world.is_called(11, "runc\0init\0");
    poll(&mut watcher, 2);
    poll(&mut watcher, 3);
    assert_eq!(watcher.targets(), []);
    assert_eq!(world.script.state().given_back, [slot(1), slot(2)]);
}

/// Check that a launcher that was let go of and then executes what is meant leaves its slot to that tree.
#[test]
fn a_launcher_becomes_its_program() {
    let world = World::new();
    let (app, runc) = (world.go("app"), world.go("copy-of-runc"));
    let mut watcher = world.watch(Discovery::default());
    world.starts(11, 1, &runc, UNIT, time(1));
    world.script.exec_again(11, slot(2), inode(&app), &app, time(1));
    world.runs(11, 1, &app, UNIT, 900_000);
    world.is_called(11, "runc\0init\0");
    // Both events wait; at the second one the process is the program.
    let happening = world.script.state().events.pop_front().unwrap();
    watcher.happened(happening);
    world.is_called(11, "app\0");
    world.script.call(slot(1), 9, 1);
    world.script.call(slot(2), 0, 1);
    let first = poll(&mut watcher, 2);
    assert_eq!(
        (count(first.only(), 0), count(first.only(), 9)),
        (1, 0),
        "the launcher's calls are no service's"
    );
    poll(&mut watcher, 3);
    poll(&mut watcher, 4);
    assert_eq!(world.script.state().given_back, [], "its tree is known by the launcher's slot");
}

/// Check that a process that ended before anyone could look is decided by its file if that is known, and is
/// counted as undecided else.
#[test]
fn who_has_ended_is_decided_by_the_file() {
    let world = World::new();
    let app = world.go("app");
    let mut watcher = world.watch(Discovery { shortest_life: Duration::ZERO, ..Discovery::default() });
    world.starts(10, 1, &app, "/", time(1));
    poll(&mut watcher, 2);
    world.starts(11, 2, &app, "/", time(3));
    world.ends(11, time(3));
    world.script.exec(12, slot(3), 4711, "/gone", time(3));
    world.script.exit(12, time(3));
    world.script.call(slot(2), 0, 4);
    let found = poll(&mut watcher, 4);
    assert_eq!(count(found.only(), 0), 4);
    assert_eq!(found.losses["undecided"], 1);
}

/// Check that who runs already is attached with its descendants and what it is in the middle of.
#[test]
fn running_trees_are_attached_in_flight() {
    let world = World::new();
    let (app, tool) = (world.go("app"), world.other("tool"));
    world.runs(20, 1, &app, UNIT, 100);
    world.runs(21, 20, &tool, UNIT, 200);
    world.is_inside(20, "202 0x1 0x2 0x3 0x4 0x5 0x6 0x7 0x8\n");
    let mut watcher = world.watch(Discovery::default());
    let found = poll(&mut watcher, 1);
    let roles: Vec<&Role> = found.only().roles.iter().map(|role| &role.role).collect();
    assert_eq!(roles, [&Role::Main, &Role::Child("tool".into())]);
    assert!(found.only().roles[0].syscalls[&number(202)].in_flight);
    assert_eq!((found.only().starts.partial, found.only().starts.whole), (1, 0));
    assert_eq!(watcher.targets().len(), 1);
    assert_eq!(watcher.targets()[0].started, time(0).before(Duration::from_secs(9999)));
}

/// Check that after a reload others are found, and what is not named any more is let go of.
#[test]
fn a_reload_changes_who_is_counted() {
    let world = World::new();
    let (app, other) = (world.go("app"), world.other("other"));
    world.runs(20, 1, &app, UNIT, 100);
    world.runs(21, 1, &other, "/system.slice/b.service", 100);
    let mut watcher = world.watch(Discovery::default());
    poll(&mut watcher, 1);
    watcher.rediscover(Discovery { executables: vec![pattern("*/other")], ..nothing() }, time(2)).unwrap();
    assert_eq!(world.script.state().forgotten, 1);
    assert_eq!(poll(&mut watcher, 3).only().workload, id("systemd:b.service"));
    let found: Vec<u32> = watcher.targets().iter().map(|target| target.process).collect();
    assert_eq!(found, [21]);
    assert_eq!(world.script.state().processes.get(&20), None);
}

/// Check that a path that leads to the file only for the process itself decides about that process, and never about
/// the file.
#[test]
fn paths_of_others_leave_no_verdict() {
    let world = World::new();
    let app = world.go("app");
    // Relative to the link, and to nothing here.
    let elsewhere = "../../app";
    let excluding = Discovery { exclude: vec![pattern("*/app")], ..Discovery::default() };
    let naming = Discovery { executables: vec![pattern("*/app")], ..nothing() };
    for (discovery, here, targets) in
        [(excluding, Some(Verdict::Ignored), 0), (naming, Some(Verdict::GoTarget(layout())), 2)]
    {
        let script = Script::new("another");
        let mut watcher = world.watch_on(script.clone(), discovery, Vec::new(), time(0));
        for (pid, slot_of, path, expected) in [(10, 1, elsewhere, None), (11, 2, app.as_str(), here)] {
            world.runs(pid, 1, path, UNIT, 100);
            script.exec(pid, slot(slot_of), inode(&app), path, time(1));
            poll(&mut watcher, 2);
            assert_eq!(verdict(&script, &app), expected, "{path}");
        }
        assert_eq!(watcher.targets().len(), targets);
        world.gone(10);
        world.gone(11);
    }
}

/// Check that nothing is decided about a damaged file, and that it is told of.
#[test]
fn damaged_files_leave_no_verdict() {
    let world = World::new();
    let damaged = world.other("damaged");
    fs::write(&damaged, &fs::read(&damaged).unwrap()[..60]).unwrap();
    let mut watcher = world.watch(Discovery::default());
    world.starts(10, 1, &damaged, UNIT, time(1));
    let found = watcher.poll(time(2)).unwrap();
    assert_eq!((found.losses["unparsable"], found.failures.len()), (1, 1), "{:?}", found.failures);
    assert_eq!((verdict(&world.script, &damaged), watcher.targets().len()), (None, 0));
}

/// Check that a process that ended before anyone could look is meant by the group that it was in, that the groups are
/// not looked through for each, and that who can't be told for that is counted.
#[test]
fn who_has_ended_is_decided_by_its_group() {
    let world = World::new();
    let tool = world.other("tool");
    let place = |group: &str| world.path("unified").join(group);
    fs::create_dir_all(place("system.slice/app.service")).unwrap();
    fs::create_dir_all(world.path("proc/self")).unwrap();
    let mounts = format!("none {} cgroup2 rw 0 0\n", world.path("unified").display());
    fs::write(world.path("proc/self/mounts"), mounts).unwrap();
    let mut watcher = world.watch(Discovery { units: vec![pattern("app*.service")], ..nothing() });
    world.starts(9, 9, &tool, "/", time(1));
    let ran = |pid: u16, group: &str, at| {
        world.script.exec(pid.into(), slot(pid), inode(&tool), &tool, at);
        let mut state = world.script.state();
        let Some(Happening::Exec { group: number, .. }) = state.events.back_mut() else { panic!() };
        *number = inode(place(group).to_str().unwrap());
        drop(state);
        world.script.exit(pid.into(), at);
        world.script.call(slot(pid), 0, u64::from(pid));
    };
    ran(10, "system.slice/app.service", time(2));
    let found = poll(&mut watcher, 2);
    assert_eq!((&found.only().workload, count(found.only(), 0)), (&id("systemd:app.service"), 10));
    fs::create_dir(place("app2.service")).unwrap();
    ran(11, "app2.service", Timestamp::from_unix_nanos(time(2).unix_nanos() + 1));
    let found = poll(&mut watcher, 3);
    assert!(found.deltas.iter().all(|delta| delta.roles.is_empty()), "{:?}", found.deltas);
    assert_eq!(found.losses["undecided"], 1);
    ran(12, "app2.service", time(4));
    let found = poll(&mut watcher, 5);
    assert!(
        found
            .deltas
            .iter()
            .any(|delta| delta.workload == id("systemd:app2.service") && count(delta, 0) == 12)
    );
    assert_eq!(found.losses["undecided"], 1);
}
