//! The API: documents, profiles, and who may ask.

use std::fs;
use std::sync::Arc;

use seccinch::emit::{self, Engine, Logging};
use seccinch::export::api::PATHS;
use seccinch::export::http::Limits;
use seccinch::export::metrics::Budget;
use seccinch::export::view::View;
use seccinch::policy::{Profile, file};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::server::Server;
use crate::views::{add, caller, empty, id, nr, scan, target, violation, workload, written};

const WEB: &str = "systemd:web.service";

/// The profile that `seccinch profile build` makes of the test recording.
fn profile() -> Profile {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/web.profile.json");
    file::parse(&fs::read(path).expect("the profile")).expect("a profile")
}

/// A view with a workload that has a profile on disk, and one without.
fn view(folder: &TempDir) -> View {
    let mut view = empty();
    let mut web = workload(WEB, &[nr("read"), nr("socket")]);
    web.generation = Some(written(&mut view, &folder.path().join("0001"), &profile()).into());
    let role = Arc::make_mut(&mut web.roles[0]);
    role.reachable = Some(scan(&[nr("read")]).into());
    role.syscalls.get_mut(&nr("socket")).expect("it was called").callers = caller().into();
    web.violations.insert(("no-ptrace".to_owned(), nr("ptrace")), 2);
    add(&mut view, web);
    add(&mut view, workload("k8s:shop/Deployment/web/app", &[nr("write")]));
    let mut dead = workload("exe:/opt/ä b", &[]);
    dead.targets.clear();
    add(&mut view, dead);
    Arc::make_mut(&mut view.violations).push_back(violation(WEB));
    view
}

fn server() -> (Server, TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    (Server::start(view(&folder)), folder)
}

fn path(name: &str) -> String {
    format!("/api/v1/workloads/{}", id(name).escape())
}

/// Check that every document says what it is, and holds what the view holds.
#[test]
fn documents_hold_the_view() {
    let (server, _folder) = server();
    let get = |path: &str, format: &str| -> Value {
        let answer = server.get(path);
        assert_eq!((answer.status, answer.field("content-type")), (200, Some("application/json")), "{path}");
        let json = answer.json();
        assert_eq!((json["format"].as_str(), json["version"].as_u64()), (Some(format), Some(1)), "{path}");
        json
    };
    let list = get("/api/v1/workloads", "seccinch.workloads");
    let ids: Vec<_> = list["workloads"].as_array().expect("a list").iter().map(|one| &one["id"]).collect();
    assert_eq!(ids, [WEB, "k8s:shop/Deployment/web/app", "exe:/opt/ä b"]);
    assert_eq!((&list["other"], &list["workloads"][1]["generation"]), (&3.into(), &Value::Null));
    let web = get(list["workloads"][0]["href"].as_str().expect("a path"), "seccinch.workload");
    assert_eq!(web["counts"]["socket"], 1);
    assert_eq!(web["roles"][0]["role"], "main");
    assert_eq!(web["roles"][0]["syscalls"]["read"]["startup"], 1);
    assert_eq!(web["live"][0]["pid"], target(WEB).process);
    assert_eq!(web["violated"][0]["rule"], "no-ptrace");
    assert_eq!(web["rules"]["clone3"]["errno"], "ENOSYS");
    assert_eq!(web["rules"]["socket"]["limited"], true);
    assert_eq!(web["generation"]["number"], 1);
    let violations = get("/api/v1/violations", "seccinch.violations");
    assert_eq!(violations["violations"][0]["syscall"], "ptrace");
    assert_eq!(violations["violations"][0]["per_seconds"], 60.0);
    let status = get("/api/v1/status", "seccinch.status");
    assert_eq!(
        (&status["workloads"], &status["targets"], &status["ready"]),
        (&3.into(), &2.into(), &true.into())
    );
    assert_eq!(status["losses"]["ring full"], 4);
}

/// Check that each call says who makes it and how it is known, each role what its scan found, and that what no scan
/// found is told of.
#[test]
fn callers_and_tiers_are_told() {
    let (server, _folder) = server();
    let web = server.get(&path(WEB)).json();
    let (main, socket) = (&web["roles"][0], &web["roles"][0]["syscalls"]["socket"]);
    let by = "example.com/web/store.(*Log).open (log.go:12)";
    assert_eq!(socket["by"], by);
    let made = &socket["callers"][0];
    assert_eq!((&made["by"], &made["goroutine"]), (&by.into(), &18.into()));
    assert_eq!(
        (&made["package"], &made["file"]),
        (&"example.com/web/store".into(), &"/build/store/log.go".into())
    );
    let places = main["frames"].as_array().expect("frames");
    let positions = made["frames"].as_array().expect("positions").iter().filter_map(Value::as_u64);
    let stack: Vec<_> = positions
        .map(|position| &places[usize::try_from(position).expect("a position")])
        .map(|frame| (frame["function"].as_str().expect("a name"), frame["inlined"] == true))
        .collect();
    let expected =
        [("syscall.Syscall", true), ("example.com/web/store.(*Log).open", false), ("main.main", false)];
    assert_eq!(stack, expected);
    assert_eq!(main["syscalls"]["read"]["by"], Value::Null);
    assert_eq!((&main["syscalls"]["read"]["reachable"], &socket["reachable"]), (&true.into(), &false.into()));
    assert_eq!(main["reachable"], json!({ "syscalls": 1, "unresolved": 2, "gaps": ["libx.so: not found"] }));
    let odd = json!([{
        "syscall": "socket", "role": "main", "executable": "/usr/bin/web", "build_id": "abc", "calls": 1, "by": by,
    }]);
    assert_eq!(web["observed_unreachable"], odd);
    assert_eq!((&web["tiers"]["read"], &web["tiers"]["mount"]), (&"observed".into(), &"unknown".into()));
    let totals = web["tier_totals"].as_object().expect("totals").values();
    let sum: u64 = totals.filter_map(Value::as_u64).sum();
    assert_eq!(sum, web["tiers"].as_object().expect("tiers").len() as u64);
    let broken = &server.get("/api/v1/violations").json()["violations"][0]["caller"];
    assert_eq!((&broken["by"], &broken["this_call"]), (&by.into(), &true.into()));
    assert_eq!(broken["frames"][2]["function"], "main.main");
}

/// Check that documents are as the description says: those with something in them, and those with nothing.
#[test]
fn documents_are_as_described() {
    let (server, _folder) = server();
    let described = server.get("/api/v1/openapi.json").json();
    for (described_path, asked) in [
        ("/api/v1/workloads/{id}", path(WEB)),
        ("/api/v1/workloads/{id}", path("exe:/opt/ä b")),
        ("/api/v1/violations", "/api/v1/violations".to_owned()),
    ] {
        let content = &described["paths"][described_path]["get"]["responses"]["200"]["content"];
        let mut schema = content["application/json"]["schema"].clone();
        schema["components"] = described["components"].clone();
        let validator = jsonschema::validator_for(&schema).expect("a schema");
        let document = server.get(&asked).json();
        let errors: Vec<_> = validator.iter_errors(&document).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{asked}: {errors:?}");
        let mut other = document.clone();
        other.as_object_mut().expect("an object").remove("time");
        other.as_object_mut().expect("an object").remove("roles");
        assert!(!validator.is_valid(&other), "{asked}: nothing is asked for");
    }
}

/// Check that a workload is found however much of its id is escaped, and that others are told apart.
#[test]
fn workloads_are_found_by_any_escape() {
    let (server, _folder) = server();
    for part in ["systemd:web.service", "systemd%3Aweb.service", "systemd%3aweb%2Eservice"] {
        assert_eq!(server.get(&format!("/api/v1/workloads/{part}")).json()["id"], WEB, "{part}");
    }
    let whole = server.get(&path("exe:/opt/ä b"));
    assert_eq!(whole.json()["id"], "exe:/opt/ä b");
    for (part, status, text) in [
        ("systemd%3Aother.service", 404, "no workload `systemd:other.service` is known"),
        ("web", 400, "they are written systemd:UNIT"),
        ("exe%3A%2F..%2Fetc", 400, "no part that is `..`"),
        ("%zz", 400, "no escaped name"),
        ("systemd%3Aa%00b", 400, "no NUL"),
    ] {
        let answer = server.get(&format!("/api/v1/workloads/{part}"));
        assert_eq!(answer.status, status, "{part}");
        assert!(answer.text().contains(text), "{part}: {}", answer.text());
        assert_eq!(answer.field("content-type"), Some("application/problem+json"));
    }
    for part in ["/api", "/api/", "/api/v2/status", "/api/v1/", "/api/v1/workloads/a/b/c", "/api/v1/status/"]
    {
        let answer = server.get(part);
        assert_eq!(answer.status, 404, "{part}");
        assert!(answer.text().contains("/api/v1/openapi.json"), "{part}: {}", answer.text());
    }
}

/// Check that a profile comes in every format just as the command writes it.
#[test]
fn profiles_come_in_every_format() {
    let (server, _folder) = server();
    let profile = profile();
    let get = |query: &str| server.get(&format!("{}/profile{query}", path(WEB)));
    let oci = emit::oci(&profile, Engine::Any, Logging::Kernel).expect("a form");
    let cases = [
        ("", oci.clone()),
        ("?to=oci", oci),
        (
            "?to=oci&runtime=crun&log-denials=true",
            emit::oci(&profile, Engine::Crun, Logging::Denials).expect("a form"),
        ),
        ("?to=docker", emit::docker(&profile, Engine::Any, Logging::Kernel).expect("a form")),
        ("?to=systemd", emit::systemd(&profile).expect("a form")),
        ("?to=bpf", emit::bpf(&profile).expect("a form")),
        ("?to=ir", file::render(&profile).expect("a form")),
    ];
    for (query, bytes) in cases {
        let answer = get(query);
        assert_eq!(answer.status, 200, "{query}: {:?}", answer.text());
        assert!(answer.body == bytes, "{query}");
    }
    let object = get("?to=k8s&api=v1beta1&name=other&namespace=shop");
    assert_eq!(object.field("content-type"), Some("application/yaml"));
    assert!(object.text().contains("v1beta1") && object.text().contains("name: other"), "{}", object.text());
    assert!(get("?to=k8s").text().contains("name: web\n"));
}

/// Check that a wrong wish is told with what there is.
#[test]
fn wrong_wishes_are_told() {
    let (server, folder) = server();
    let get = |query: &str| server.get(&format!("{}/profile{query}", path(WEB)));
    for (query, status, text) in [
        ("?to=yaml", 400, "use oci, docker, systemd, k8s, bpf or ir"),
        ("?form=oci", 400, "there is no parameter `form`"),
        ("?to=oci&runtime=podman", 400, "`podman` is no runtime"),
        ("?to=oci&log-denials=true", 400, "takes no filter flags"),
        ("?to=k8s&name=A_B", 400, "can't name a Kubernetes object"),
        ("?to=k8s&api=v2", 400, "use v1 or v1beta1"),
    ] {
        let answer = get(query);
        assert_eq!(answer.status, status, "{query}");
        assert!(answer.text().contains(text), "{query}: {}", answer.text());
    }
    let none = server.get(&format!("{}/profile", path("exe:/opt/ä b")));
    assert_eq!(none.status, 404);
    assert!(none.text().contains("has no profile yet"), "{}", none.text());
    fs::write(folder.path().join("0001/profile.json"), "{").expect("written");
    assert_eq!(get("").status, 500);
    fs::remove_file(folder.path().join("0001/profile.json")).expect("removed");
    let gone = get("");
    assert_eq!(gone.status, 500);
    assert!(gone.text().contains("cannot read"), "{}", gone.text());
}

/// Check that a profile is had by its hash once and for all, and never with other bytes.
#[test]
fn profiles_are_immutable() {
    let (server, folder) = server();
    let known = server.get(&path(WEB)).json();
    let address = known["generation"]["profile"].as_str().expect("a path").to_owned();
    let file = folder.path().join("0001/seccomp.json");
    let first = server.get(&address);
    assert_eq!(first.status, 200);
    assert!(first.body == fs::read(&file).expect("the file"));
    assert_eq!(first.field("cache-control"), Some("public, max-age=31536000, immutable"));
    let tag = first.field("etag").expect("a tag").to_owned();
    assert!(address.contains(tag.trim_matches('"')), "{tag}");
    let again = server.get_with(&address, &[("If-None-Match", &format!("\"other\", W/{tag}"))]);
    assert_eq!((again.status, again.body.len(), again.field("etag")), (304, 0, Some(tag.as_str())));
    assert_eq!(server.get_with(&address, &[("If-None-Match", "\"other\"")]).status, 200);
    let unknown = format!("/api/v1/profiles/{}.json", "0".repeat(64));
    for wrong in [unknown.as_str(), "/api/v1/profiles/..%2F..%2Fetc%2Fpasswd", "/api/v1/profiles/x.json"] {
        assert_eq!(server.get(wrong).status, 404, "{wrong}");
    }
    fs::write(&file, "{}").expect("written");
    let changed = server.get(&address);
    assert_eq!(changed.status, 500);
    assert!(changed.text().contains("was changed since it was written"), "{}", changed.text());
}

/// Check that only names of this machine are answered, and only on a loopback address.
#[test]
fn strangers_are_refused() {
    let (server, folder) = server();
    let port = server.address.port();
    let ask =
        |host: &str| server.send(&format!("GET /api/v1/status HTTP/1.1\r\n{host}Connection: close\r\n\r\n"));
    for own in ["localhost", "LOCALHOST", "127.0.0.1", "[::1]", &format!("localhost:{port}"), "[::1]:1"] {
        assert_eq!(ask(&format!("Host: {own}\r\n")).status, 200, "{own}");
    }
    for other in
        ["evil.example", &format!("evil.example:{port}"), "localhost.evil.example", "127.0.0.1.nip.io"]
    {
        let answer = ask(&format!("Host: {other}\r\n"));
        assert_eq!(answer.status, 403, "{other}");
        assert!(answer.text().contains("ask for it as localhost:"), "{}", answer.text());
    }
    assert_eq!(ask("").status, 400);
    let outside = Server::with(view(&folder), Limits::default(), Budget::default(), "0.0.0.0:0");
    let refused = outside.get("/api/v1/status");
    assert_eq!(refused.status, 403);
    assert!(refused.text().contains("only there where the listener is on a loopback address"));
    assert_eq!((outside.get("/metrics").status, outside.get("/readyz").status), (200, 200));
}

/// Check that the description lists exactly the paths that there are.
#[test]
fn the_description_is_whole() {
    let (server, _folder) = server();
    let document = server.get("/api/v1/openapi.json").json();
    assert_eq!(document["openapi"], "3.1.0");
    let mut described: Vec<&str> =
        document["paths"].as_object().expect("paths").keys().map(String::as_str).collect();
    let mut paths = PATHS.to_vec();
    described.sort_unstable();
    paths.sort_unstable();
    assert_eq!(described, paths);
    let sha256 = server.get(&path(WEB)).json()["generation"]["sha256"].as_str().expect("a hash").to_owned();
    for path in paths {
        let path = path.replace("{id}", "systemd%3Aweb.service").replace("{sha256}", &sha256);
        assert_eq!(server.get(&path).status, 200, "{path}");
    }
    let queries = &document["paths"]["/api/v1/workloads/{id}/profile"]["get"]["parameters"];
    for format in queries[1]["schema"]["enum"].as_array().expect("formats") {
        let path = format!("{}/profile?to={}", path(WEB), format.as_str().expect("a word"));
        assert_eq!(server.get(&path).status, 200, "{path}");
    }
}
