//! Files and names as they are when nobody means harm.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use seccinch::learn::{baseline, baseline_file, file};
use seccinch::model::{Account, Gap, Ledger, Role, Timestamp, ToldOf, WorkloadId};

const OBSERVATIONS: &[u8] = include_bytes!("../../../daemon/tests/data/web.observations.json");
const PROFILES: [&[u8]; 4] = [
    include_bytes!("../../../daemon/tests/golden/web.profile.json"),
    include_bytes!("../../../daemon/tests/golden/web.docker.json"),
    include_bytes!("../../../daemon/tests/golden/web.oci.json"),
    include_bytes!("../../../daemon/tests/golden/web.flags.oci.json"),
];
const RULES: &[u8] = include_bytes!("../../../profiles/rules.toml");
const MORE_RULES: &str = r#"
[[rule]]
name = "namespaces"
syscalls = ["clone", "unshare"]
argument = { index = 0, any_of = "0x10000000" }
over = 3
per = "1m 30s"
then = "narrow"
workloads = ["systemd:*.service", "exe:/usr/*"]
why = "it needs none"
"#;
const REQUESTS: [&str; 7] = [
    "GET /metrics HTTP/1.1\r\nHost: 127.0.0.1:9786\r\nAccept: application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.1\r\n\r\n",
    "GET /readyz HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n\r\n",
    "GET /api/v1/workloads HTTP/1.1\r\nHost: localhost\r\n\r\nGET /livez HTTP/1.1\r\nHost: [::1]\r\n\r\n",
    "GET /api/v1/workloads/exe%3A%2Fsrv%2Fweb/profile?to=k8s&name=a%2Db HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "GET /api/v1/profiles/0123abcd.json HTTP/1.0\r\nHost: localhost:1\r\nIf-None-Match: \"0123abcd\"\r\n\r\n",
    "GET http://localhost/api/v1/status?a=b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    "POST /metrics HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
];
const CONTROL: [&str; 2] = [
    r#"{"format":"seccinch.request","version":1,"request":"status"}"#,
    r#"{"format":"seccinch.request","version":1,"request":"workload","workload":"systemd:web.service"}"#,
];
const PROCESSES: [&str; 5] = [
    "/usr/bin/web\n0::/system.slice/web.service\n",
    "/app\n12:cpu,cpuacct:/kubepods.slice/pod1.slice/cri-containerd-abc.scope\n1:name=systemd:/docker/0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n0::/\n",
    "/srv/a (deleted)\n0::/user.slice/user-0.slice/user@0.service/app.slice/run-1.scope\n",
    "k8s:shop/Deployment/web/app",
    "exe%3A%2Fusr%2Fbin%2Fweb",
];

/// Seeds by target and name.
pub(super) fn all() -> Result<Vec<(&'static str, String, Vec<u8>)>> {
    let texts = |target, all: &[&str]| {
        let named =
            |(number, text): (usize, &&str)| (target, format!("{target}-{number}"), text.as_bytes().to_vec());
        all.iter().enumerate().map(named).collect::<Vec<_>>()
    };
    let mut seeds = texts("http", &REQUESTS);
    seeds.extend(texts("control", &CONTROL));
    seeds.extend(texts("workload", &PROCESSES));
    seeds.extend(texts("rules", &[MORE_RULES]));
    // The version in front is no part of a configuration.
    let rules = RULES.strip_prefix(b"version").unwrap_or(RULES);
    seeds.push(("rules", "builtin".to_owned(), rules.to_vec()));
    for (number, profile) in PROFILES.iter().enumerate() {
        seeds.push(("profile", format!("profile-{number}"), profile.to_vec()));
    }
    seeds.push(("observations", "observations".to_owned(), OBSERVATIONS.to_vec()));
    seeds.push(("observations", "baseline".to_owned(), baseline()?));
    Ok(seeds)
}

/// A baseline with something in every field.
fn baseline() -> Result<Vec<u8>> {
    let observations = file::parse(OBSERVATIONS)?;
    let (start, end) = (observations.started, observations.ended);
    let id = WorkloadId::Unit("web.service".to_owned());
    let mut baseline = baseline::begin(id, observations.host, start);
    let role = observations.roles.first().context("observations without a role")?.clone();
    baseline.roles = observations.roles.into_iter().map(Arc::new).collect();
    baseline.starts.whole = 1;
    baseline::add_gap(
        &mut baseline,
        Gap { from: start, to: end, reason: "programs were unloaded".to_owned() },
    );
    let nr = *role.syscalls.keys().next().context("a role without a call")?;
    baseline::add_violation(&mut baseline, "shells", nr, end);
    let account = Account {
        slot: 3,
        generation: 1,
        root: 2,
        process: 7,
        is_whole: true,
        told: ToldOf::Start,
        started: start,
        asked_to_end: Some(Timestamp::from_unix_nanos(1)),
        role: Role::Main,
        build: role.build,
        is_ending: false,
        processes: 1,
        foreign: 0,
        counts: BTreeMap::from([(nr, 8)]),
        arguments: BTreeMap::new(),
    };
    Ok(baseline_file::render(&baseline, &Ledger { epoch: "1".to_owned(), accounts: vec![account] })?)
}
