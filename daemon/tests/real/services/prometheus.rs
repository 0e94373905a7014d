//! Prometheus: scrapes itself and another, keeps what it finds in mapped files, serves over TLS only.

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;
use serde_json::Value;

use super::{Launch, Operation, Run, Service, cpu_profile};
use crate::support::fixtures::Program;
use crate::support::forward::{PORT, Start};
use crate::support::http::{self, Connection};
use crate::support::poll;
use crate::support::sandbox::Sandbox;
use crate::support::upstream;

/// The service.
pub(crate) const PROMETHEUS: Service = Service {
    name: "prometheus",
    program: Program::Debian { package: "prometheus", path: "usr/bin/prometheus" },
    tools: &[],
    launch,
    ready: |_| http::get(PORT, "/-/ready")?.expect(200).map(drop),
    tls: (9090, Start::Direct),
    operations: OPERATIONS,
    ends_with: &[0],
    needed: "listen",
};

const OPERATIONS: &[Operation] = &[
    Operation { name: "scrape a server by its name", run: scraped },
    Operation { name: "scrape itself over TLS", run: |_| eventually("up{job=\"own\"}", "1") },
    Operation { name: "evaluate a rule", run: |_| eventually("doubled", "84") },
    Operation { name: "answer a query", run: |run| run.load.each(calculated) },
    Operation { name: "answer a query over time", run: over_time },
    Operation {
        name: "list labels",
        run: |run| run.load.each(|_| http::get(PORT, "/api/v1/labels")?.holds("\"job\"").map(drop)),
    },
    Operation {
        name: "list targets",
        run: |run| {
            run.load.each(|_| http::get(PORT, "/api/v1/targets")?.holds("upstream.seccinch.test").map(drop))
        },
    },
    Operation { name: "federate", run: federate },
    Operation { name: "keep a connection alive", run: keep_alive },
    Operation {
        name: "refuse a broken query",
        run: |run| run.load.each(|_| http::get(PORT, "/api/v1/query?query=((")?.expect(400).map(drop)),
    },
    Operation {
        name: "take a snapshot",
        run: |_| http::request(PORT, "POST", "/api/v1/admin/tsdb/snapshot", b"")?.holds("success").map(drop),
    },
    Operation { name: "delete series", run: delete },
    Operation { name: "profile its CPU", run: |_| cpu_profile(PORT) },
    Operation { name: "reload by SIGHUP", run: |run| reload(run, "signal", || run.signal(Signal::SIGHUP)) },
    Operation {
        name: "reload by its API",
        run: |run| {
            reload(run, "api", || http::request(PORT, "POST", "/-/reload", b"")?.expect(200).map(drop))
        },
    },
    Operation {
        name: "reload its certificate",
        run: |run| run.renew_certificate(|| http::get(PORT, "/-/ready")?.expect(200).map(drop)),
    },
];

fn launch(sandbox: &Sandbox) -> Result<Launch> {
    let work = sandbox.work().display().to_string();
    let web = format!("tls_server_config:\n  cert_file: {work}/cert.pem\n  key_file: {work}/key.pem\n");
    sandbox.write("web.yml", &web)?;
    let rules =
        "groups:\n- name: own\n  rules:\n  - record: doubled\n    expr: seccinch_upstream_value * 2\n";
    sandbox.write("rules.yml", rules)?;
    sandbox.write("prometheus.yml", &config(sandbox, "start"))?;
    let args = vec![
        format!("--config.file={work}/prometheus.yml"),
        format!("--web.config.file={work}/web.yml"),
        format!("--storage.tsdb.path={work}/data"),
        "--web.listen-address=127.0.0.1:9090".to_owned(),
        "--web.enable-lifecycle".to_owned(),
        "--web.enable-admin-api".to_owned(),
    ];
    Ok(Launch { args, env: Vec::new() })
}

fn config(sandbox: &Sandbox, label: &str) -> String {
    format!(
        "global:\n  scrape_interval: 250ms\n  evaluation_interval: 250ms\n  external_labels:\n    step: {label}\n\
         rule_files: [rules.yml]\n\
         scrape_configs:\n\
         - job_name: own\n  scheme: https\n  tls_config:\n    ca_file: {}/ca.pem\n    server_name: service.seccinch.test\n\
         \x20 static_configs:\n  - targets: [\"127.0.0.1:9090\"]\n\
         - job_name: upstream\n  static_configs:\n  - targets: [\"upstream.seccinch.test:{}\"]\n",
        sandbox.work().display(),
        upstream::PORT
    )
}

/// A query's text as part of an address.
fn encoded(query: &str) -> String {
    query.bytes().fold(String::new(), |encoded, byte| encoded + &format!("%{byte:02x}"))
}

/// The value of the first series that a query finds.
fn query(text: &str) -> Result<String> {
    let answer = http::get(PORT, &format!("/api/v1/query?query={}", encoded(text)))?.expect(200)?;
    let answer: Value = serde_json::from_slice(&answer.body)?;
    let data = &answer["data"];
    let value =
        if data["resultType"] == "scalar" { &data["result"][1] } else { &data["result"][0]["value"][1] };
    value.as_str().map(str::to_owned).with_context(|| format!("{text} finds nothing"))
}

fn eventually(text: &str, due: &str) -> Result<()> {
    poll::retry(text, poll::SOON, || {
        let value = query(text)?;
        ensure!(value == due, "{text} is {value}, not {due}");
        Ok(())
    })
}

fn scraped(run: &Run<'_>) -> Result<()> {
    eventually("seccinch_upstream_value", "42")?;
    ensure!(run.sandbox.dns().asked("upstream.seccinch.test") > 0, "its name was never asked for");
    Ok(())
}

fn calculated(number: u64) -> Result<()> {
    let value = query(&format!("{number} * 3"))?;
    ensure!(value == (number * 3).to_string(), "{number} * 3 is {value}");
    Ok(())
}

fn over_time(run: &Run<'_>) -> Result<()> {
    run.load.each(|_| {
        let value = query("max_over_time(seccinch_upstream_value[1m])")?;
        ensure!(value == "42", "the maximum is {value}");
        Ok(())
    })
}

fn federate(run: &Run<'_>) -> Result<()> {
    let path = format!("/federate?match[]={}", encoded("{job=\"upstream\"}"));
    run.load.each(|_| http::get(PORT, &path)?.holds("seccinch_upstream_value").map(drop))
}

fn keep_alive(run: &Run<'_>) -> Result<()> {
    run.load.each(|_| {
        let mut connection = Connection::open(PORT)?;
        for _ in 0..3 {
            connection.request("GET", "/-/healthy", &[], b"")?.expect(200)?;
        }
        Ok(())
    })
}

fn delete(_: &Run<'_>) -> Result<()> {
    let series = encoded("seccinch_upstream_value");
    let path = format!("/api/v1/admin/tsdb/delete_series?match[]={series}");
    http::request(PORT, "POST", &path, b"")?.expect(204)?;
    http::request(PORT, "POST", "/api/v1/admin/tsdb/clean_tombstones", b"")?.expect(204).map(drop)
}

fn reload(run: &Run<'_>, how: &str, trigger: impl Fn() -> Result<()>) -> Result<()> {
    let label = format!("{how}{}", run.load.seed);
    run.sandbox.write("prometheus.yml", &config(run.sandbox, &label))?;
    trigger()?;
    poll::retry("the new configuration", poll::SOON, || {
        http::get(PORT, "/api/v1/status/config")?.holds(&label).map(drop)
    })
}
