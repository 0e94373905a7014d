//! Caddy: files, a reverse proxy, TLS with HTTP/3, and a configuration that is changed while it runs.

use std::fs;

use anyhow::{Result, ensure};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::{Launch, Operation, Run, Service, cpu_profile};
use crate::support::fixtures::Program;
use crate::support::forward::{self, Start};
use crate::support::http::{self, Connection};
use crate::support::load::Load;
use crate::support::poll;
use crate::support::sandbox::Sandbox;
use crate::support::upstream;

const HTTP: u16 = 8080;
const ADMIN: u16 = 2019;

/// The service.
pub(crate) const CADDY: Service = Service {
    name: "caddy",
    program: Program::Debian { package: "caddy", path: "usr/bin/caddy" },
    tools: &[],
    launch,
    ready: |_| http::get(HTTP, "/configured")?.expect(200).map(drop),
    tls: (8443, Start::Direct),
    operations: OPERATIONS,
    ends_with: &[0],
    needed: "listen",
};

const OPERATIONS: &[Operation] = &[
    Operation { name: "send a file", run: |run| run.load.each(|number| file(run, HTTP, number)) },
    Operation {
        name: "send a file over TLS",
        run: |run| run.load.each(|number| file(run, forward::PORT, number)),
    },
    Operation { name: "send a part of a file", run: part },
    Operation { name: "list a folder", run: browse },
    Operation { name: "compress", run: compress },
    Operation { name: "fill in a template", run: template },
    Operation { name: "proxy to a server by its name", run: proxy },
    Operation { name: "refuse what is not there", run: missing },
    Operation { name: "say its configuration", run: configuration },
    Operation { name: "change a part of its configuration", run: change },
    Operation { name: "reload by its API", run: reload },
    Operation { name: "survive SIGHUP and SIGUSR1", run: signals },
    Operation { name: "write its access log", run: access_log },
    Operation { name: "profile its CPU", run: |_| cpu_profile(ADMIN) },
    Operation {
        name: "say its metrics",
        run: |_| http::get(ADMIN, "/metrics")?.holds("caddy_admin").map(drop),
    },
];

fn launch(sandbox: &Sandbox) -> Result<Launch> {
    let work = sandbox.work().display().to_string();
    for folder in ["home", "site/files", "site/compressed", "site/template"] {
        fs::create_dir_all(sandbox.work().join(folder))?;
    }
    let config = sandbox.write("caddy.json", &config(&work, "as started").to_string())?;
    let args = vec!["run".to_owned(), "--config".to_owned(), config.display().to_string()];
    let home = format!("{work}/home");
    let env = ["HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"].map(|name| (name.to_owned(), home.clone()));
    Ok(Launch { args, env: env.to_vec() })
}

fn config(work: &str, text: &str) -> Value {
    let site = json!({"handler": "file_server", "root": format!("{work}/site"), "browse": {}});
    let route = |path: &str, handlers: Value| json!({"match": [{"path": [path]}], "handle": handlers});
    let upstream = format!("upstream.seccinch.test:{}", upstream::PORT);
    let routes = json!([
        route("/files/*", json!([site])),
        route("/compressed/*", json!([{"handler": "encode", "encodings": {"gzip": {}}}, site])),
        route("/template/*", json!([{"handler": "templates"}, site])),
        route("/proxied/*", json!([{"handler": "reverse_proxy", "upstreams": [{"dial": upstream}]}])),
        route("/configured", json!([{"handler": "static_response", "body": text}])),
        route("/*", json!([{"handler": "static_response", "status_code": 404}])),
    ]);
    let server = |listen: &str| json!({"listen": [listen], "automatic_https": {"disable": true}, "logs": {}, "routes": routes});
    let mut secure = server("127.0.0.1:8443");
    secure["tls_connection_policies"] = json!([{}]);
    json!({
        // The host that every request of these tests names.
        "admin": {"listen": format!("127.0.0.1:{ADMIN}"), "origins": ["service.seccinch.test"]},
        "logging": {"logs": {
            "default": {"exclude": ["http.log.access"]},
            "access": {"include": ["http.log.access"], "writer": {"output": "file", "filename": format!("{work}/access.log")}},
        }},
        "apps": {
            "http": {"servers": {"plain": server(&format!("127.0.0.1:{HTTP}")), "secure": secure}},
            "tls": {"certificates": {"load_files": [{"certificate": format!("{work}/cert.pem"), "key": format!("{work}/key.pem")}]}},
        },
    })
}

fn file(run: &Run<'_>, port: u16, number: u64) -> Result<()> {
    let text = Load::text(number, 400_000);
    let path = format!("files/{port}-{number}");
    run.sandbox.write(&format!("site/{path}"), &text)?;
    http::get(port, &format!("/{path}"))?.is(&text)
}

fn part(run: &Run<'_>) -> Result<()> {
    run.load.each(|number| {
        let text = Load::text(number, 50_000);
        run.sandbox.write(&format!("site/files/part-{number}"), &text)?;
        let mut connection = Connection::open(HTTP)?;
        let path = format!("/files/part-{number}");
        let answer = connection.request("GET", &path, &[("Range", "bytes=1000-1999")], b"")?.expect(206)?;
        ensure!(answer.text() == text[1000..2000], "another part than was asked for");
        Ok(())
    })
}

fn browse(run: &Run<'_>) -> Result<()> {
    run.load.each(|number| {
        run.sandbox.write(&format!("site/files/listed-{number}"), "x")?;
        http::get(HTTP, "/files/")?.holds(&format!("listed-{number}")).map(drop)
    })
}

fn compress(run: &Run<'_>) -> Result<()> {
    run.load.each(|number| {
        let name = format!("compressed/{number}.txt");
        run.sandbox.write(&format!("site/{name}"), &Load::text(number, 20_000))?;
        let headers = [("Accept-Encoding", "gzip")];
        let answer =
            Connection::open(HTTP)?.request("GET", &format!("/{name}"), &headers, b"")?.expect(200)?;
        ensure!(answer.body.starts_with(&[0x1f, 0x8b]), "not a gzip stream");
        Ok(())
    })
}

fn template(run: &Run<'_>) -> Result<()> {
    run.load.each(|number| {
        let name = format!("template/{number}.html");
        run.sandbox
            .write(&format!("site/{name}"), &format!("{{{{env \"HOME\"}}}} {number} {{{{.Req.Method}}}}"))?;
        http::get(HTTP, &format!("/{name}"))?
            .is(&format!("{}/home {number} GET", run.sandbox.work().display()))
    })
}

fn proxy(run: &Run<'_>) -> Result<()> {
    let before = run.sandbox.upstream().served();
    run.load.each(|number| {
        let path = format!("/proxied/{number}");
        http::get(HTTP, &path)?.is(&upstream::content(&path))
    })?;
    let served = run.sandbox.upstream().served() - before;
    ensure!(served == run.load.connections, "the upstream server served {served}");
    ensure!(run.sandbox.dns().asked("upstream.seccinch.test") > 0, "its name was never asked for");
    Ok(())
}

fn missing(run: &Run<'_>) -> Result<()> {
    run.load.each(|number| http::get(HTTP, &format!("/files/missing-{number}"))?.expect(404).map(drop))
}

fn configuration(run: &Run<'_>) -> Result<()> {
    run.load.each(|_| {
        http::get(ADMIN, "/config/apps/http/servers/plain/listen")?.holds("127.0.0.1:8080").map(drop)
    })
}

fn change(run: &Run<'_>) -> Result<()> {
    let text = format!("changed {}", run.load.seed);
    let path = "/config/apps/http/servers/plain/routes/4/handle/0/body";
    post(ADMIN, "PATCH", path, &json!(text))?;
    poll::retry("the changed part", poll::SOON, || http::get(HTTP, "/configured")?.is(&text))
}

fn reload(run: &Run<'_>) -> Result<()> {
    let text = format!("reloaded {}", run.load.seed);
    post(ADMIN, "POST", "/load", &config(&run.sandbox.work().display().to_string(), &text))?;
    poll::retry("the new configuration", poll::SOON, || http::get(HTTP, "/configured")?.is(&text))
}

fn post(port: u16, method: &str, path: &str, value: &Value) -> Result<()> {
    let headers = [("Content-Type", "application/json")];
    let body = value.to_string();
    Connection::open(port)?.request(method, path, &headers, body.as_bytes())?.expect(200).map(drop)
}

fn signals(run: &Run<'_>) -> Result<()> {
    for signal in [Signal::SIGHUP, Signal::SIGUSR1] {
        run.signal(signal)?;
        http::get(HTTP, "/configured")?.expect(200)?;
    }
    Ok(())
}

fn access_log(run: &Run<'_>) -> Result<()> {
    let path = format!("/files/logged-{}", run.load.seed);
    http::get(HTTP, &path)?.expect(404)?;
    poll::until("the line in the access log", poll::SOON, || {
        let log = fs::read_to_string(run.sandbox.work().join("access.log"))?;
        Ok(log.contains(&path).then_some(()))
    })
}
