//! The daemon with a kernel side that does what a test says.

mod culprits;
mod slow_disk;

use std::cell::Cell;
use std::fs;
use std::rc::Rc;

use tokio::sync::mpsc;

use super::config::Place;
use super::flush::Flush;
use super::service::Daemon;
use super::start::{Counters, Listeners, Surroundings, claim};
use super::wake::Order;
use crate::collect::testing::{Script, World, number, slot, time};
use crate::collect::{ProcFs, Runtimes};
use crate::export::view::RuleAction::Allow;
use crate::kernel::Happening;
use crate::learn::rules::Then;
use crate::model::WorkloadId;

/// `ptrace`, which a built-in rule does not tolerate.
const PTRACE: u16 = 101;

/// A host with one service, and a folder for its daemon.
struct Host {
    world: World,
    seconds: Rc<Cell<u64>>,
    id: WorkloadId,
}

struct Running {
    daemon: Daemon<Script>,
    _listeners: Listeners,
    _orders: mpsc::Receiver<Order>,
}

impl Host {
    fn new() -> Self {
        let world = World::new();
        let service = world.go("srv/web");
        world.starts(100, 1, &service, "/", time(1));
        world.script.call(slot(1), 0, 5);
        let id = WorkloadId::Executable(service);
        let host = Self { world, seconds: Rc::new(Cell::new(2)), id };
        host.configure("");
        host
    }

    fn configure(&self, more: &str) {
        let at = |name: &str| self.world.path(name).display().to_string();
        let text = format!(
            "state = '{}'\n{more}\n[targets]\nshortest_life = '0s'\n[http]\nlisten = 'off'\n[control]\nsocket = '{}'\n",
            at("state"),
            at("control.sock")
        );
        fs::write(self.world.path("seccinch.toml"), text).unwrap();
    }

    fn start(&self, epoch: &str, gap: Option<&str>) -> Running {
        let claimed = claim(Place::Given(self.world.path("seccinch.toml"))).unwrap();
        let kernel = self.world.script.renamed(epoch);
        let counters = Counters { kernel, memory: 0, gap: gap.map(str::to_owned) };
        let seconds = Rc::clone(&self.seconds);
        let around = Surroundings {
            procfs: ProcFs::at(self.world.path("proc")),
            runtimes: Runtimes::at(self.world.path("containerd")),
            now: Box::new(move || time(seconds.get())),
            blind: None,
        };
        let (sender, orders) = mpsc::channel(1);
        let (mut daemon, listeners) = claimed.begin(counters, around, &sender).unwrap();
        daemon.ready();
        Running { daemon, _listeners: listeners, _orders: orders }
    }

    fn pass(&self, seconds: u64) {
        self.seconds.set(self.seconds.get() + seconds);
    }
}

impl Running {
    fn reads(&self, id: &WorkloadId) -> u64 {
        let view = self.daemon.views.borrow();
        view.workloads.get(id).map_or(0, |workload| workload.counts[&number(0)])
    }
}

/// Check that a service is learned, told of, and stored with a profile; and that a daemon after it goes on where
/// that one stopped, with every call counted once.
#[tokio::test]
async fn a_service_is_learned_over_a_restart() {
    let host = Host::new();
    let mut running = host.start("one", None);
    host.pass(1);
    running.daemon.poll();
    host.world.script.call(slot(1), 0, 2);
    host.world.script.call(slot(1), PTRACE, 1);
    host.pass(1);
    running.daemon.poll();
    assert_eq!(running.reads(&host.id), 7);
    let view = running.daemon.views.borrow().clone();
    assert!(view.health.is_ready && view.health.problems.is_empty(), "{:?}", view.health);
    let broken: Vec<_> = view.violations.iter().map(|one| (&one.workload, one.rule.as_str())).collect();
    assert_eq!(broken, [(&host.id, "ptrace")]);
    running.daemon.finish().await;
    let view = running.daemon.views.borrow().clone();
    let generation = view.workloads[&host.id].generation.clone().unwrap();
    assert!(generation.folder.join("seccomp.json").exists());
    assert_eq!(view.profiles.len(), 1);
    drop(running);

    host.world.script.call(slot(1), 0, 3);
    host.pass(10);
    let mut running = host.start("one", None);
    running.daemon.poll();
    assert_eq!(running.reads(&host.id), 10, "the calls in between are counted, and no other twice");
    let view = running.daemon.views.borrow().clone();
    assert_eq!(view.workloads[&host.id].gaps, 0);
    assert_eq!(view.workloads[&host.id].generation, Some(generation));
    let broken = &view.workloads[&host.id].violations;
    assert_eq!(broken, &[(("ptrace".to_owned(), number(PTRACE)), 1)].into(), "the counter does not fall");
}

/// Check that a forbidden call of a program that is no workload yet is told at once and makes none, and that it is
/// noted with the workload, but not told again, once there is one.
#[tokio::test]
async fn a_young_program_is_told_of_at_once() {
    let host = Host::new();
    host.configure("[[rule]]\nname = 'ptrace'\nsyscalls = ['ptrace']\nover = 0\nper = '10s'\nthen = 'deny'");
    let file = host.world.path("seccinch.toml");
    let text = fs::read_to_string(&file).unwrap().replace("shortest_life = '0s'", "shortest_life = '1m'");
    fs::write(&file, text).unwrap();
    let mut running = host.start("one", None);
    host.world.script.call(slot(1), PTRACE, 1);
    host.world.script.event(Happening::Alert {
        time: time(2),
        slot: slot(1),
        tgid: 100,
        nr: number(PTRACE),
        arguments: [0; 6],
    });
    running.daemon.take_events();
    let view = running.daemon.views.borrow().clone();
    let broken: Vec<_> = view.violations.iter().map(|one| (&one.workload, one.then, one.count)).collect();
    assert_eq!(broken, [(&host.id, Then::Deny, 1)]);
    let by_rule = [(("ptrace".to_owned(), number(PTRACE)), 1)].into();
    assert_eq!((view.workloads.len(), &*view.violations_by_others), (0, &by_rule));
    host.pass(70);
    running.daemon.poll();
    running.daemon.finish().await;
    let view = running.daemon.views.borrow().clone();
    assert_eq!((running.reads(&host.id), view.violations.len()), (5, 1));
    assert_eq!(view.workloads[&host.id].violations, by_rule);
    let generation = view.workloads[&host.id].generation.clone().unwrap();
    assert_eq!(
        (generation.rules.get(&number(0)), generation.rules.get(&number(PTRACE))),
        (Some(&Allow), None)
    );
}

/// Check that a workload that there is no room for is counted and told, and learned from its first call once there
/// is.
#[tokio::test]
async fn a_refused_workload_is_learned_later() {
    let host = Host::new();
    host.configure("[limits]\nmax_workloads = 1");
    let other = host.world.go("srv/zoo");
    host.world.starts(101, 2, &other, "/", time(1));
    host.world.script.call(slot(2), 0, 11);
    let other = WorkloadId::Executable(other);
    let mut running = host.start("one", None);
    for _ in 0..10 {
        host.pass(1);
        running.daemon.poll();
    }
    let view = running.daemon.views.borrow().clone();
    assert_eq!((view.workloads.len(), view.other), (1, 1));
    assert_eq!(view.health.problems[0].part, "limits");
    host.configure("");
    running.daemon.reload().unwrap();
    for _ in 0..2 {
        running.daemon.poll();
    }
    let view = running.daemon.views.borrow().clone();
    assert_eq!((running.reads(&host.id), running.reads(&other), view.other), (5, 11, 1));
    assert_eq!(view.workloads[&other].starts.whole + view.workloads[&other].starts.partial, 1);
    assert!(view.health.problems.is_empty(), "{:?}", view.health);
}

/// Check that counts that another load of the kernel side has are a gap.
#[tokio::test]
async fn what_was_missed_is_a_gap() {
    let host = Host::new();
    let mut running = host.start("one", None);
    running.daemon.poll();
    running.daemon.finish().await;
    drop(running);
    host.pass(10);
    let running = host.start("two", Some("programs were unloaded"));
    let view = running.daemon.views.borrow().clone();
    assert_eq!(view.workloads[&host.id].gaps, 1);
}

/// Check that a state folder that can't be written is a problem while it is, and costs nothing that was learned.
#[tokio::test]
async fn a_broken_state_folder_is_a_problem_for_a_while() {
    let host = Host::new();
    let mut running = host.start("one", None);
    running.daemon.poll();
    let workloads = host.world.path("state/workloads");
    fs::remove_dir_all(&workloads).unwrap();
    fs::write(&workloads, "in the way").unwrap();
    assert!(!running.daemon.finish().await, "it says that all is written");
    let parts = |running: &Running| -> Vec<String> {
        let view = running.daemon.views.borrow();
        view.health.problems.iter().map(|problem| problem.part.clone()).collect()
    };
    assert_eq!(parts(&running), ["state"]);
    assert_eq!(running.daemon.views.borrow().state_write_errors, 1);
    assert_eq!(running.reads(&host.id), 5);
    fs::remove_file(&workloads).unwrap();
    fs::create_dir(&workloads).unwrap();
    assert!(running.daemon.finish().await);
    assert!(parts(&running).is_empty(), "{:?}", parts(&running));
    assert!(workloads.join(host.id.escape()).join("baseline.json").exists());
}

/// Check that a bad configuration changes nothing, that it is shown, and that a good one ends that.
#[tokio::test]
async fn a_bad_reload_changes_nothing() {
    let host = Host::new();
    let mut running = host.start("one", None);
    let before = running.daemon.config.clone();
    host.configure("poll_intervall = '5s'");
    let said = running.daemon.reload().unwrap_err();
    assert!(
        said.ends_with("unknown key `poll_intervall`; the nearest known one is `poll_interval`"),
        "{said}"
    );
    assert_eq!(running.daemon.config, before);
    assert!(!running.daemon.views.borrow().reload.is_successful);
    host.configure("poll_interval = '5s'");
    running.daemon.reload().unwrap();
    assert_eq!(running.daemon.config.poll_interval.as_secs(), 5);
    let view = running.daemon.views.borrow().clone();
    assert!(view.reload.is_successful && view.health.problems.is_empty(), "{:?}", view.health);
}

/// Check that calls of the time in which no daemon ran are no burst, nor are those before a clock that was set.
#[tokio::test]
async fn a_pause_is_no_burst() {
    let rule = "[[rule]]\nname = 'reads'\nsyscalls = ['read']\nover = 100\nper = '10s'\nthen = 'deny'\n";
    let host = Host::new();
    let file = host.world.path("seccinch.toml");
    fs::write(&file, fs::read_to_string(&file).unwrap() + rule).unwrap();
    let broken = |running: &Running| running.daemon.views.borrow().violations.len();
    let mut running = host.start("one", None);
    running.daemon.poll();
    running.daemon.finish().await;
    drop(running);

    host.world.script.call(slot(1), 0, 5_000);
    host.pass(3_600);
    let mut running = host.start("one", None);
    running.daemon.poll();
    assert_eq!(running.reads(&host.id), 5_005);
    assert_eq!(broken(&running), 0, "5,000 calls of an hour are 14 of ten seconds");
    host.world.script.call(slot(1), 0, 101);
    host.pass(1);
    running.daemon.poll();
    assert_eq!(broken(&running), 1);
}

/// Check that a clock that is set, to either side, changes neither counts nor what is stored, and makes no gap.
#[tokio::test]
async fn a_clock_may_jump() {
    let host = Host::new();
    let mut running = host.start("one", None);
    running.daemon.poll();
    for (jump, calls) in [(400 * 86_400, 2), (-800 * 86_400_i64, 3), (400 * 86_400, 4)] {
        host.world.script.call(slot(1), 0, calls);
        host.seconds.set(host.seconds.get().saturating_add_signed(jump));
        running.daemon.poll();
        running.daemon.finish().await;
    }
    let view = running.daemon.views.borrow().clone();
    assert_eq!(running.reads(&host.id), 5 + 2 + 3 + 4);
    assert!(view.health.problems.is_empty(), "{:?}", view.health);
    assert!(view.violations.is_empty() && view.workloads[&host.id].gaps == 0);
    drop(running);
    let running = host.start("one", None);
    assert_eq!(running.reads(&host.id), 14, "stored whole, and not forgotten");
}

/// Check what is said of a file that a newer version wrote, word for word, and that it is left as it is.
#[tokio::test]
async fn state_of_a_newer_version() {
    let host = Host::new();
    let mut running = host.start("one", None);
    running.daemon.poll();
    running.daemon.finish().await;
    drop(running);
    let path = host.world.path("state/workloads").join(host.id.escape()).join("baseline.json");
    let newer = fs::read_to_string(&path).unwrap().replacen("\"version\":3", "\"version\":4", 1);
    fs::write(&path, &newer).unwrap();
    let mut running = host.start("one", None);
    let problem = running.daemon.views.borrow().health.problems[0].clone();
    let text = format!(
        "{} is left as it is, and nothing is stored for {} until it is moved away or can be read: written by a newer \
         seccinch: it is version 4 of `seccinch.baseline`, this one reads up to 3; upgrade seccinch to read it",
        path.display(),
        host.id
    );
    assert_eq!((problem.part, problem.text), (format!("workload {}", host.id), text));
    running.daemon.poll();
    running.daemon.finish().await;
    assert_eq!(fs::read_to_string(&path).unwrap(), newer);
}
