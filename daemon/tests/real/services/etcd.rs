//! etcd: a key-value store with a log that it syncs, asked through its JSON gateway.

use std::fs;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::{Launch, Operation, Run, Service, base64, cpu_profile};
use crate::support::fixtures::Program;
use crate::support::forward::{self, Start};
use crate::support::http::{self, Connection};
use crate::support::load::Load;
use crate::support::poll;
use crate::support::sandbox::Sandbox;

const CLIENT: u16 = 2379;
const PEER: &str = "peer.seccinch.test";

/// The service.
pub(crate) const ETCD: Service = Service {
    name: "etcd",
    program: Program::Debian { package: "etcd-server", path: "usr/bin/etcd" },
    tools: &[],
    launch,
    ready: |_| http::get(CLIENT, "/health")?.is("{\"health\":\"true\"}"),
    tls: (2378, Start::Direct),
    operations: OPERATIONS,
    // It raises the signal again after its handlers, but not as process 1.
    ends_with: &[143, 0],
    needed: "fdatasync",
};

const OPERATIONS: &[Operation] = &[
    Operation { name: "find its peer by DNS", run: found_by_dns },
    Operation { name: "put and get", run: |run| run.load.each(|number| put_and_get(CLIENT, number)) },
    Operation {
        name: "put and get over TLS",
        run: |run| run.load.each(|number| put_and_get(forward::PORT, number)),
    },
    Operation { name: "list by prefix", run: list },
    Operation { name: "compare and swap", run: compare_and_swap },
    Operation { name: "lease a key and end the lease", run: lease },
    Operation { name: "watch a key", run: watch },
    Operation { name: "delete", run: delete },
    Operation { name: "compact and defragment", run: compact },
    Operation { name: "send a snapshot", run: snapshot },
    Operation { name: "list members", run: members },
    Operation {
        name: "say its metrics",
        run: |_| http::get(CLIENT, "/metrics")?.holds("etcd_disk_wal_fsync").map(drop),
    },
    Operation { name: "profile its CPU", run: |_| cpu_profile(CLIENT) },
    Operation {
        name: "reload its certificate",
        run: |run| run.renew_certificate(|| put_and_get(forward::PORT, 5)),
    },
];

fn launch(sandbox: &Sandbox) -> Result<Launch> {
    let work = sandbox.work().display().to_string();
    fs::create_dir(sandbox.work().join("data"))?;
    let args = [
        "--name=one",
        &format!("--data-dir={work}/data"),
        "--listen-client-urls=http://127.0.0.1:2379,https://127.0.0.1:2378",
        "--advertise-client-urls=http://127.0.0.1:2379",
        "--listen-peer-urls=http://127.0.0.1:2380",
        "--initial-advertise-peer-urls=http://127.0.0.1:2380",
        // Another way to write the address above, so that it has to look the name up.
        &format!("--initial-cluster=one=http://{PEER}:2380"),
        &format!("--cert-file={work}/cert.pem"),
        &format!("--key-file={work}/key.pem"),
        "--enable-pprof",
        "--snapshot-count=500",
    ];
    Ok(Launch { args: args.map(str::to_owned).to_vec(), env: Vec::new() })
}

/// Asks the gateway, and returns what it says.
fn ask(port: u16, path: &str, body: &Value) -> Result<Value> {
    let answer = http::request(port, "POST", path, body.to_string().as_bytes())?.expect(200)?;
    serde_json::from_slice(&answer.body).with_context(|| format!("the answer of {path}"))
}

fn key(number: u64) -> String {
    base64(format!("key-{number}").as_bytes())
}

fn found_by_dns(run: &Run<'_>) -> Result<()> {
    ensure!(run.sandbox.dns().asked(PEER) > 0, "{PEER} was never asked for");
    Ok(())
}

fn put_and_get(port: u16, number: u64) -> Result<()> {
    let value = base64(Load::text(number, 2_000).as_bytes());
    ask(port, "/v3/kv/put", &json!({"key": key(number), "value": value}))?;
    let found = ask(port, "/v3/kv/range", &json!({"key": key(number)}))?;
    ensure!(found["kvs"][0]["value"] == value, "another value than was put: {found:.300}");
    Ok(())
}

fn list(run: &Run<'_>) -> Result<()> {
    // Every key of the operation before begins so, and '.' is the character after '-'.
    let range = json!({"key": base64(b"key-"), "range_end": base64(b"key."), "count_only": true});
    let found = ask(CLIENT, "/v3/kv/range", &range)?;
    let count: u64 = found["count"].as_str().unwrap_or_default().parse()?;
    ensure!(count >= run.load.connections, "only {count} keys");
    Ok(())
}

fn compare_and_swap(run: &Run<'_>) -> Result<()> {
    run.load.each(|number| {
        let put =
            |text: &str| json!([{"request_put": {"key": key(number), "value": base64(text.as_bytes())}}]);
        let swap = |compare: &Value, success: &str| {
            ask(CLIENT, "/v3/kv/txn", &json!({"compare": [compare], "success": put(success), "failure": []}))
        };
        let there = json!({"key": key(number), "target": "VERSION", "result": "GREATER", "version": "0"});
        ensure!(swap(&there, "swapped")?["succeeded"] == true, "a key that is there compares as missing");
        let missing = json!({"key": key(number), "target": "VERSION", "result": "EQUAL", "version": "0"});
        ensure!(swap(&missing, "wrong")?["succeeded"].is_null(), "a key that is there compares as new");
        Ok(())
    })
}

fn lease(run: &Run<'_>) -> Result<()> {
    run.load.each(|number| {
        let granted = ask(CLIENT, "/v3/lease/grant", &json!({"TTL": "60"}))?;
        let id = granted["ID"].clone();
        let key = base64(format!("leased-{number}").as_bytes());
        ask(CLIENT, "/v3/kv/put", &json!({"key": key, "value": key, "lease": id}))?;
        ask(CLIENT, "/v3/lease/keepalive", &json!({"ID": id}))?;
        ask(CLIENT, "/v3/lease/revoke", &json!({"ID": id}))?;
        let left = ask(CLIENT, "/v3/kv/range", &json!({"key": key}))?;
        ensure!(left["kvs"].is_null(), "the key outlived its lease: {left}");
        Ok(())
    })
}

fn watch(run: &Run<'_>) -> Result<()> {
    run.load.each(|number| {
        let mut connection = Connection::open(CLIENT)?;
        let request = json!({"create_request": {"key": key(number)}}).to_string();
        connection.begin("POST", "/v3/watch", request.as_bytes())?;
        let created = connection.chunk()?.context("the watch ended at once")?;
        ensure!(String::from_utf8_lossy(&created).contains("\"created\":true"), "the watch was not made");
        let value = base64(b"watched");
        ask(CLIENT, "/v3/kv/put", &json!({"key": key(number), "value": value}))?;
        let event = String::from_utf8_lossy(&connection.chunk()?.context("the watch ended")?).into_owned();
        ensure!(event.contains(&value), "another event than was due: {event}");
        Ok(())
    })
}

fn delete(run: &Run<'_>) -> Result<()> {
    run.load.each(|number| {
        let deleted = ask(CLIENT, "/v3/kv/deleterange", &json!({"key": key(number)}))?;
        ensure!(deleted["deleted"] == "1", "{deleted}");
        Ok(())
    })
}

fn compact(_: &Run<'_>) -> Result<()> {
    let now = ask(CLIENT, "/v3/kv/range", &json!({"key": key(0)}))?;
    ask(CLIENT, "/v3/kv/compaction", &json!({"revision": now["header"]["revision"], "physical": true}))?;
    ask(CLIENT, "/v3/maintenance/defragment", &json!({}))?;
    Ok(())
}

fn snapshot(_: &Run<'_>) -> Result<()> {
    let mut connection = Connection::open(CLIENT)?;
    connection.begin("POST", "/v3/maintenance/snapshot", b"{}")?;
    let mut length = 0;
    while let Some(chunk) = connection.chunk()? {
        length += chunk.len();
    }
    ensure!(length > 20_000, "a snapshot of {length} bytes");
    Ok(())
}

fn members(run: &Run<'_>) -> Result<()> {
    run.load.each(|_| {
        let members = ask(CLIENT, "/v3/cluster/member/list", &json!({}))?;
        ensure!(members["members"][0]["name"] == "one", "{members}");
        Ok(())
    })?;
    poll::until("its log on disk", poll::SOON, || {
        Ok(fs::exists(run.sandbox.work().join("data/member/wal"))?.then_some(()))
    })
}
