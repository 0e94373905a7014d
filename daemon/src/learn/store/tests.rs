use std::fs;
use std::time::Duration;

use super::*;
use crate::learn::testing::{at, host, id, sample};
use crate::model::Arch;

const ID: &str = "systemd:caddy.service";
const DAY: u64 = 24 * 3600;

fn open(root: &Path) -> (Store, Vec<Stored>, Vec<StoreProblem>) {
    Store::open(root.to_owned(), Bounds::default()).unwrap()
}

fn store(root: &Path, ids: &[&str]) -> Store {
    let mut store = open(root).0;
    for id in ids {
        let (baseline, ledger) = sample(id);
        store.save(&baseline, &ledger).unwrap();
    }
    store
}

fn texts(problems: &[StoreProblem]) -> Vec<String> {
    problems.iter().map(StoreProblem::to_string).collect()
}

/// Check that what was saved is there at the next start.
#[test]
fn baselines_come_back() {
    let root = tempfile::tempdir().unwrap();
    let ids = ["exe:/usr/bin/caddy", "k8s:shop/Deployment/web/app", ID];
    drop(store(root.path(), &ids));
    let (store, stored, problems) = open(root.path());
    let expected: Vec<_> = ids.iter().map(|id| sample(id)).collect();
    let found: Vec<_> = stored.into_iter().map(|one| (one.baseline, one.ledger)).collect();
    assert_eq!(found, expected);
    assert!(problems.is_empty(), "{problems:?}");
    assert!(store.knows(&id(ID)) && store.folder(&id(ID)).ends_with("workloads/systemd%3Acaddy.service"));
}

/// Check that a second daemon is refused and told who the first is, and that the lock ends with it.
#[test]
fn one_daemon_only() {
    let root = tempfile::tempdir().unwrap();
    let first = open(root.path());
    let error = Store::open(root.path().to_owned(), Bounds::default()).unwrap_err().to_string();
    let expected = format!("is in use by process {}: stop that daemon first", std::process::id());
    assert!(error.contains(&expected), "{error}");
    drop(first);
    open(root.path());
}

/// Check that a killed daemon's temporary files go, and other files stay.
#[test]
fn leftovers_are_removed() {
    let root = tempfile::tempdir().unwrap();
    let folder = store(root.path(), &[ID]).folder(&id(ID));
    fs::write(folder.join(".baseline.json.4711.tmp"), "{").unwrap();
    fs::write(folder.join(".notes.tmp"), "mine").unwrap();
    fs::create_dir_all(root.path().join("workloads/exe%3A%2Fgone.tmp/generations")).unwrap();
    fs::create_dir(root.path().join("workloads/exe%3A%2Fempty")).unwrap();
    let (_, stored, problems) = open(root.path());
    assert_eq!((stored.len(), problems.len()), (1, 0));
    assert!(!folder.join(".baseline.json.4711.tmp").exists());
    assert!(folder.join(".notes.tmp").exists());
    assert!(!root.path().join("workloads/exe%3A%2Fgone.tmp").exists());
    assert!(!root.path().join("workloads/exe%3A%2Fempty").exists());
}

/// Check that a newer version's file, another architecture's and another workload's are not touched.
#[test]
fn what_others_wrote_is_left_alone() {
    let newer = |text: &str| text.replacen("\"version\":3", "\"version\":4", 1);
    let other = |text: &str| text.replacen("caddy", "nginx", 1);
    let foreign = |text: &str| {
        let arch = Arch::ALL.into_iter().find(|arch| *arch != Arch::NATIVE).unwrap();
        text.replacen(host().arch.name(), arch.name(), 1)
    };
    let edits: [&dyn Fn(&str) -> String; 3] = [&newer, &other, &foreign];
    for edit in edits {
        let root = tempfile::tempdir().unwrap();
        let path = store(root.path(), &[ID]).folder(&id(ID)).join(BASELINE);
        let text = edit(&fs::read_to_string(&path).unwrap());
        fs::write(&path, &text).unwrap();
        let (mut store, stored, problems) = open(root.path());
        assert!(stored.is_empty() && store.frozen().contains(&id(ID)), "{problems:?}");
        assert_eq!(problems[0].workload(), Some(&id(ID)));
        let (baseline, ledger) = sample(ID);
        assert!(matches!(store.save(&baseline, &ledger), Err(StoreError::Frozen { .. })));
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
}

/// Check that a broken file is kept, the latest only, and the workload begins anew.
#[test]
fn broken_files_are_kept_aside() {
    let root = tempfile::tempdir().unwrap();
    let folder = store(root.path(), &[ID]).folder(&id(ID));
    for broken in ["{\"format\"", ""] {
        fs::write(folder.join(BASELINE), broken).unwrap();
        let (mut store, stored, problems) = open(root.path());
        assert!(stored.is_empty() && !store.frozen().contains(&id(ID)));
        assert!(texts(&problems)[0].starts_with("systemd:caddy.service is learned anew"), "{problems:?}");
        assert_eq!(fs::read_to_string(folder.join(UNREADABLE)).unwrap(), broken);
        let (baseline, ledger) = sample(ID);
        store.save(&baseline, &ledger).unwrap();
    }
    assert_eq!(open(root.path()).1.len(), 1);
    assert!(folder.join(UNREADABLE).exists(), "it is never deleted");
}

/// Check that what is no workload's is reported and stays.
#[test]
fn strangers_are_left_alone() {
    let root = tempfile::tempdir().unwrap();
    drop(store(root.path(), &[ID]));
    let workloads = root.path().join("workloads");
    fs::create_dir(workloads.join("exe%3a%2Fa")).unwrap();
    fs::write(workloads.join("exe%3A%2Ffile"), "").unwrap();
    let (_, stored, problems) = open(root.path());
    assert_eq!((stored.len(), problems.len()), (1, 2));
    assert!(
        texts(&problems).iter().all(|text| text.contains("is the folder of no workload")),
        "{problems:?}"
    );
    assert!(workloads.join("exe%3a%2Fa").exists() && workloads.join("exe%3A%2Ffile").exists());
}

/// Check that there is room for as many workloads as are kept, and for known ones always.
#[test]
fn workloads_are_bounded() {
    let root = tempfile::tempdir().unwrap();
    let mut store = store(root.path(), &[ID, "exe:/a"]);
    store.set_bounds(Bounds { workloads: 2, ..Bounds::default() });
    assert!(!store.has_room());
    let (known, ledger) = sample(ID);
    store.save(&known, &ledger).unwrap();
    let error = store.save(&sample("exe:/b").0, &ledger).unwrap_err().to_string();
    assert!(error.contains("there are 2 workloads already; raise `limits.max_workloads`"), "{error}");
}

/// Check that a workload is forgotten after its time, and neither earlier, nor while it lives, nor because
/// the clock was set.
#[test]
fn old_workloads_are_forgotten() {
    let root = tempfile::tempdir().unwrap();
    let mut store = store(root.path(), &[ID, "exe:/alive"]);
    let forgotten = |store: &mut Store, from: u64| {
        let alive = |id: &WorkloadId| id.to_string() == "exe:/alive";
        let times = (0..=60).map(|minute| at(from + minute * 60));
        times.flat_map(|now| store.forget(now, alive).0).collect::<Vec<_>>()
    };
    assert_eq!(forgotten(&mut store, 89 * DAY), []);
    let jumped = (0..10).flat_map(|second| store.forget(at(200 * DAY + second), |_| false).0).count();
    assert_eq!(jumped, 0, "the clock was set");
    assert_eq!(forgotten(&mut store, 91 * DAY), [id(ID)]);
    assert!(!store.folder(&id(ID)).exists() && store.folder(&id("exe:/alive")).exists());
    assert!(!store.knows(&id(ID)));
}

/// Check that errors name the workload and what to do.
#[test]
fn failures_say_what_to_do() {
    let root = tempfile::tempdir().unwrap();
    let mut store = store(root.path(), &[]);
    fs::remove_dir(root.path().join("workloads")).unwrap();
    std::os::unix::fs::symlink("/proc/self", root.path().join("workloads")).unwrap();
    let (baseline, ledger) = sample(ID);
    let error = store.save(&baseline, &ledger).unwrap_err().to_string();
    assert!(error.starts_with("cannot store what was learned of systemd:caddy.service;"), "{error}");
    assert!(!store.knows(&id(ID)), "what failed is not stored");
    let advised = |kind: std::io::ErrorKind| {
        let source = crate::files::WriteError::Io { path: "/x".into(), source: kind.into() };
        StoreError::save(&id(ID), source).to_string()
    };
    for (kind, advice) in [
        (std::io::ErrorKind::StorageFull, "free some room there"),
        (std::io::ErrorKind::ReadOnlyFilesystem, "it is read-only: remount it"),
        (std::io::ErrorKind::PermissionDenied, "give the daemon write access there"),
    ] {
        assert!(advised(kind).contains(advice), "{}", advised(kind));
    }
}

/// Check that the bounds are those of the documentation.
#[test]
fn bounds_have_defaults() {
    let Bounds { workloads, generations, forget_after } = Bounds::default();
    assert_eq!((workloads, generations), (500, 20));
    assert_eq!(forget_after, Duration::from_secs(90 * DAY));
}
