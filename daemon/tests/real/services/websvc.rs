//! The harness's own service, built by different Go releases and in different ways.

use std::fs;
use std::net::{Ipv4Addr, UdpSocket};

use anyhow::{Result, ensure};
use nix::sys::signal::Signal;

use super::{Launch, Operation, Run, Service};
use crate::support::dns;
use crate::support::fixtures::Program;
use crate::support::forward::{self, Start};
use crate::support::http::{self, Connection};
use crate::support::load::Load;
use crate::support::poll;
use crate::support::sandbox::Sandbox;
use crate::support::upstream;

const HTTP: u16 = 8080;

/// Static, by an old Go release.
pub(crate) const GO1_19: Service = websvc("websvc, Go 1.19", "go1.19-cgo0");

/// With libc, stripped, by an old Go release.
pub(crate) const GO1_19_CGO_STRIPPED: Service =
    websvc("websvc, Go 1.19, cgo, stripped", "go1.19-cgo1-stripped");

/// Static and stripped, by a new Go release.
pub(crate) const GO1_27_STRIPPED: Service = websvc("websvc, Go 1.27, stripped", "go1.27-cgo0-stripped");

/// With libc, by a new Go release.
pub(crate) const GO1_27_CGO: Service = websvc("websvc, Go 1.27, cgo", "go1.27-cgo1");

const fn websvc(name: &'static str, variant: &'static str) -> Service {
    Service {
        name,
        program: Program::Go { program: "websvc", variant },
        tools: &["/bin/cat"],
        launch,
        ready: |_| http::get(HTTP, "/hello?seed=0")?.expect(200).map(drop),
        tls: (8443, Start::Direct),
        operations: OPERATIONS,
        ends_with: &[0],
        needed: "fsync",
    }
}

const OPERATIONS: &[Operation] = &[
    Operation { name: "get", run: |run| run.load.each(|number| hello(HTTP, number)) },
    Operation { name: "get over TLS", run: |run| run.load.each(|number| hello(forward::PORT, number)) },
    Operation { name: "keep a connection alive", run: keep_alive },
    Operation { name: "get over a Unix socket", run: unix_socket },
    Operation { name: "echo a datagram", run: datagram },
    Operation { name: "look up a name", run: lookup },
    Operation { name: "look up a name that does not exist", run: lookup_nothing },
    Operation { name: "fetch from another server by its name", run: fetch },
    Operation { name: "start a child written in C", run: |run| pipe(run, "/tool", str::to_owned) },
    Operation { name: "start itself as a child", run: |run| pipe(run, "/self", str::to_uppercase) },
    Operation { name: "store a file", run: store },
    Operation { name: "send a file", run: send_file },
    Operation { name: "stream lines", run: stream },
    Operation { name: "map a file", run: map_file },
    Operation { name: "allocate and collect", run: memory },
    Operation { name: "make and end threads", run: threads },
    Operation { name: "name its user", run: |_| http::get(HTTP, "/user")?.is("root") },
    Operation { name: "list network interfaces", run: |_| http::get(HTTP, "/links")?.is("lo") },
    Operation { name: "profile itself", run: profile },
    Operation { name: "reload by SIGHUP", run: reload },
    Operation { name: "refuse a broken request", run: broken },
];

fn launch(sandbox: &Sandbox) -> Result<Launch> {
    sandbox.write("config", "as started\n")?;
    // With cgo, names are looked up by libc, as that is what cgo is chosen for.
    let env = vec![("GODEBUG".to_owned(), "netdns=cgo".to_owned())];
    Ok(Launch { args: vec![sandbox.work().display().to_string()], env })
}

fn hello(port: u16, number: u64) -> Result<()> {
    let text = http::get(port, &format!("/hello?seed={number}"))?.expect(200)?.text();
    ensure!(text.len() == 64 && text != http::get(port, &format!("/hello?seed=x{number}"))?.text(), "{text}");
    Ok(())
}

fn keep_alive(run: &Run<'_>) -> Result<()> {
    run.load.each(|number| {
        let mut connection = Connection::open(HTTP)?;
        for _ in 0..5 {
            connection.request("GET", &format!("/hello?seed={number}"), &[], b"")?.expect(200)?;
        }
        Ok(())
    })
}

fn unix_socket(run: &Run<'_>) -> Result<()> {
    let socket = run.sandbox.work().join("web.sock");
    run.load.each(|number| {
        let path = format!("/hello?seed={number}");
        Connection::open_unix(&socket)?.request("GET", &path, &[], b"")?.expect(200).map(drop)
    })
}

fn datagram(run: &Run<'_>) -> Result<()> {
    run.load.each(|number| {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.set_read_timeout(Some(poll::SOON))?;
        let text = Load::text(number, 100);
        socket.send_to(text.as_bytes(), (Ipv4Addr::LOCALHOST, 8053))?;
        let mut answer = [0; 200];
        let length = socket.recv(&mut answer)?;
        let backwards: Vec<u8> = text.bytes().rev().collect();
        ensure!(answer[..length] == backwards, "the echo of {text:?} is wrong");
        Ok(())
    })
}

fn lookup(run: &Run<'_>) -> Result<()> {
    run.load.each(|number| {
        let name = dns::name_for(number);
        let due = dns::address(&name).map(|address| address.to_string()).unwrap_or_default();
        http::get(HTTP, &format!("/lookup?name={name}"))?.is(&due)?;
        ensure!(run.sandbox.dns().asked(&name) > 0, "{name} was never asked for");
        Ok(())
    })
}

fn lookup_nothing(run: &Run<'_>) -> Result<()> {
    run.load.each(|number| http::get(HTTP, &format!("/lookup?name=h{number}.invalid"))?.expect(500).map(drop))
}

fn fetch(run: &Run<'_>) -> Result<()> {
    run.load.each(|number| {
        let path = format!("/{number}");
        let url = format!("http://upstream.seccinch.test:{}{path}", upstream::PORT);
        http::get(HTTP, &format!("/fetch?url={url}"))?.is(&upstream::content(&path))
    })
}

fn pipe(run: &Run<'_>, path: &str, turned: fn(&str) -> String) -> Result<()> {
    run.load.each(|number| {
        let text = Load::text(number, 500);
        http::get(HTTP, &format!("{path}?text={text}"))?.is(&turned(&text))
    })
}

fn store(run: &Run<'_>) -> Result<()> {
    run.load.each(|number| {
        let text = Load::text(number, 100_000);
        http::request(HTTP, "POST", &format!("/store?name={number}"), text.as_bytes())?.is(&text)
    })
}

fn send_file(run: &Run<'_>) -> Result<()> {
    run.load.each(|number| {
        let text = Load::text(number, 300_000);
        run.sandbox.write(&format!("file-{number}"), &text)?;
        http::get(HTTP, &format!("/files/file-{number}"))?.is(&text)
    })
}

fn stream(run: &Run<'_>) -> Result<()> {
    let due = (0..50).fold(String::new(), |lines, line| lines + &format!("line {line}\n"));
    run.load.each(|_| http::get(HTTP, "/stream?lines=50")?.is(&due))
}

fn map_file(run: &Run<'_>) -> Result<()> {
    run.load.each(|number| {
        let text = Load::text(number, 5_000);
        http::get(HTTP, &format!("/map?text={text}"))?.is(&text.to_uppercase())
    })
}

fn memory(run: &Run<'_>) -> Result<()> {
    let due = (100 * (256 << 10)).to_string();
    run.load.each(|_| http::get(HTTP, "/memory?goroutines=100")?.is(&due))
}

fn threads(run: &Run<'_>) -> Result<()> {
    run.load.each(|_| http::get(HTTP, "/threads?count=5")?.is("5"))
}

fn profile(_: &Run<'_>) -> Result<()> {
    let length: usize = http::get(HTTP, "/profile?ms=300")?.expect(200)?.text().parse()?;
    ensure!(length > 100, "a profile of {length} bytes");
    Ok(())
}

fn reload(run: &Run<'_>) -> Result<()> {
    let text = format!("reloaded {}", run.load.seed);
    run.sandbox.write("config", &text)?;
    run.signal(Signal::SIGHUP)?;
    poll::retry("the new configuration", poll::SOON, || http::get(HTTP, "/config")?.is(&text))
}

fn broken(run: &Run<'_>) -> Result<()> {
    run.load.each(|_| http::request(HTTP, "G ET", "/", b"")?.expect(400).map(drop))?;
    ensure!(!fs::exists(run.sandbox.work().join("stopped"))?, "it stopped too early");
    Ok(())
}
