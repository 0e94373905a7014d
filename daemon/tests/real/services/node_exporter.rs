//! Prometheus' node exporter: reads much of `/proc` and `/sys`, serves over TLS only.

use std::fs;
use std::io::{Read as _, Write as _};

use anyhow::{Result, ensure};

use super::{Launch, Operation, Run, Service, cpu_profile};
use crate::support::fixtures::Program;
use crate::support::forward::{PORT, Start};
use crate::support::http::{self, Connection};
use crate::support::sandbox::Sandbox;

const NAME: &str = "metrics.seccinch.test";

/// The service.
pub(crate) const NODE_EXPORTER: Service = Service {
    name: "node_exporter",
    program: Program::Debian {
        package: "prometheus-node-exporter",
        path: "usr/bin/prometheus-node-exporter",
    },
    tools: &[],
    launch,
    ready: |_| http::get(PORT, "/")?.expect(200).map(drop),
    tls: (9100, Start::Direct),
    operations: OPERATIONS,
    // It has no handler: Go's own raises the signal again, which process 1 of a container survives.
    ends_with: &[143, 2],
    needed: "listen",
};

const OPERATIONS: &[Operation] = &[
    Operation { name: "find its address by DNS", run: found_by_dns },
    Operation { name: "scrape everything over TLS", run: scrape },
    Operation { name: "scrape one collector", run: one_collector },
    Operation { name: "read the text file collector", run: text_file },
    Operation { name: "keep a connection alive", run: keep_alive },
    Operation { name: "compress", run: compress },
    Operation { name: "show the landing page", run: landing_page },
    Operation { name: "refuse an unknown collector", run: unknown_collector },
    Operation { name: "refuse plain HTTP", run: plain_http },
    Operation { name: "survive abandoned connections", run: abandoned },
    Operation { name: "profile its CPU", run: |_| cpu_profile(PORT) },
    Operation {
        name: "dump its heap",
        run: |_| http::get(PORT, "/debug/pprof/heap?gc=1&debug=1")?.holds("heap").map(drop),
    },
    Operation {
        name: "reload its certificate",
        run: |run| run.renew_certificate(|| http::get(PORT, "/")?.expect(200).map(drop)),
    },
];

fn launch(sandbox: &Sandbox) -> Result<Launch> {
    let work = sandbox.work().display().to_string();
    fs::create_dir(sandbox.work().join("text"))?;
    let web = sandbox.write(
        "web.yml",
        &format!("tls_server_config:\n  cert_file: {work}/cert.pem\n  key_file: {work}/key.pem\n"),
    )?;
    let args = vec![
        format!("--web.listen-address={NAME}:9100"),
        format!("--web.config.file={}", web.display()),
        format!("--collector.textfile.directory={work}/text"),
        "--web.max-requests=100".to_owned(),
    ];
    Ok(Launch { args, env: Vec::new() })
}

fn found_by_dns(run: &Run<'_>) -> Result<()> {
    ensure!(run.sandbox.dns().asked(NAME) > 0, "{NAME} was never asked for");
    Ok(())
}

fn scrape(run: &Run<'_>) -> Result<()> {
    run.load.each(|_| {
        let text = http::get(PORT, "/metrics")?.holds("node_cpu_seconds_total{")?;
        ensure!(text.contains("node_memory_MemTotal_bytes"), "no memory is told");
        Ok(())
    })
}

fn one_collector(run: &Run<'_>) -> Result<()> {
    run.load.each(|_| {
        let text = http::get(PORT, "/metrics?collect[]=loadavg")?.holds("node_load1 ")?;
        ensure!(!text.contains("node_cpu_seconds_total{"), "more than was asked for");
        Ok(())
    })
}

fn text_file(run: &Run<'_>) -> Result<()> {
    run.sandbox.write("text/own.prom", &format!("seccinch_own_value {}\n", run.load.seed))?;
    let due = format!("seccinch_own_value {}\n", run.load.seed);
    run.load.each(|_| http::get(PORT, "/metrics?collect[]=textfile")?.holds(&due).map(drop))
}

fn keep_alive(run: &Run<'_>) -> Result<()> {
    run.load.each(|_| {
        let mut connection = Connection::open(PORT)?;
        for _ in 0..3 {
            connection.request("GET", "/metrics?collect[]=uname", &[], b"")?.holds("node_uname_info")?;
        }
        Ok(())
    })
}

fn compress(run: &Run<'_>) -> Result<()> {
    run.load.each(|_| {
        let headers = [("Accept-Encoding", "gzip")];
        let answer = Connection::open(PORT)?.request("GET", "/metrics", &headers, b"")?.expect(200)?;
        ensure!(answer.header("content-encoding") == Some("gzip"), "not compressed");
        ensure!(answer.body.starts_with(&[0x1f, 0x8b]), "not a gzip stream");
        Ok(())
    })
}

fn landing_page(run: &Run<'_>) -> Result<()> {
    run.load.each(|_| http::get(PORT, "/")?.holds("Node Exporter").map(drop))
}

fn unknown_collector(run: &Run<'_>) -> Result<()> {
    run.load
        .each(|number| http::get(PORT, &format!("/metrics?collect[]=unknown{number}"))?.expect(400).map(drop))
}

fn plain_http(run: &Run<'_>) -> Result<()> {
    run.load.each(|_| http::get(9100, "/metrics")?.expect(400).map(drop))
}

/// Half a request, and then nothing more: first the helper's side of TLS ends, then the service's.
fn abandoned(run: &Run<'_>) -> Result<()> {
    run.load.each(|_| {
        let mut stream = http::tcp(PORT)?;
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: a")?;
        stream.shutdown(std::net::Shutdown::Write)?;
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest)?;
        http::get(PORT, "/")?.expect(200).map(drop)
    })
}
