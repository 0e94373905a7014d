//! NATS: a message broker with streams on disk, spoken to in its own line protocol.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;

use anyhow::{Result, ensure};
use nix::sys::signal::Signal;
use serde_json::Value;

use super::{Launch, Operation, Run, Service, cpu_profile};
use crate::support::fixtures::Program;
use crate::support::forward::{self, Start};
use crate::support::http::{self, Connection};
use crate::support::load::Load;
use crate::support::poll;
use crate::support::sandbox::Sandbox;

const CLIENT: u16 = 4222;
const MONITOR: u16 = 8222;
const WEBSOCKET: u16 = 8088;
const HUB: &str = "hub.seccinch.test";

/// The service.
pub(crate) const NATS: Service = Service {
    name: "nats",
    program: Program::Debian { package: "nats-server", path: "usr/sbin/nats-server" },
    tools: &[],
    launch,
    ready: |_| http::get(MONITOR, "/healthz")?.holds("ok").map(drop),
    tls: (CLIENT, Start::Nats),
    operations: OPERATIONS,
    ends_with: &[0, 1, 143],
    needed: "listen",
};

const OPERATIONS: &[Operation] = &[
    Operation { name: "answer a ping", run: |run| run.load.each(|_| Client::open(CLIENT).map(drop)) },
    Operation { name: "deliver a message", run: |run| run.load.each(|number| deliver(CLIENT, number)) },
    Operation {
        name: "deliver a message over TLS",
        run: |run| run.load.each(|number| deliver(forward::PORT, number)),
    },
    Operation { name: "deliver between two clients", run: between },
    Operation { name: "deliver to one of a group", run: group },
    Operation { name: "deliver headers", run: headers },
    Operation { name: "keep a stream on disk", run: stream },
    Operation { name: "greet over a WebSocket", run: websocket },
    Operation { name: "refuse a broken line", run: broken },
    Operation { name: "look for its hub by DNS", run: hub },
    Operation { name: "say what it does", run: monitor },
    Operation { name: "profile its CPU", run: |_| cpu_profile(6060) },
    Operation { name: "reload by SIGHUP", run: reload },
    Operation { name: "reopen its log by SIGUSR1", run: reopen },
];

fn launch(sandbox: &Sandbox) -> Result<Launch> {
    let config = sandbox.write("nats.conf", &config(sandbox, 1_000_000))?;
    let args = vec!["-c".to_owned(), config.display().to_string(), "--profile".to_owned(), "6060".to_owned()];
    Ok(Launch { args, env: Vec::new() })
}

fn config(sandbox: &Sandbox, max_payload: u64) -> String {
    let work = sandbox.work().display().to_string();
    format!(
        "server_name: one\n\
         listen: 127.0.0.1:{CLIENT}\n\
         http: 127.0.0.1:{MONITOR}\n\
         log_file: {work}/nats.log\n\
         max_payload: {max_payload}\n\
         tls {{ cert_file: {work}/cert.pem, key_file: {work}/key.pem }}\n\
         allow_non_tls: true\n\
         jetstream {{ store_dir: {work}/streams }}\n\
         websocket {{ listen: \"127.0.0.1:{WEBSOCKET}\", no_tls: true }}\n\
         leafnodes {{ remotes: [ {{ url: \"nats://{HUB}:7422\" }} ] }}\n"
    )
}

/// A client's connection.
struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    /// Connects, and knows by the answer to its ping that it was let in.
    fn open(port: u16) -> Result<Self> {
        let mut client = Self { stream: BufReader::new(http::tcp(port)?) };
        let info = client.line()?;
        ensure!(info.starts_with("INFO {"), "greeted with {info:.200}");
        client.send("CONNECT {\"verbose\":false,\"headers\":true,\"no_responders\":true}\r\n")?;
        client.settle()?;
        Ok(client)
    }

    fn send(&mut self, text: &str) -> Result<()> {
        Ok(self.stream.get_mut().write_all(text.as_bytes())?)
    }

    fn line(&mut self) -> Result<String> {
        loop {
            let mut line = String::new();
            ensure!(self.stream.read_line(&mut line)? > 0, "the connection ended");
            // The server asks whether the client is there whenever it likes.
            if line.starts_with("PING") {
                self.send("PONG\r\n")?;
            } else {
                return Ok(line.trim_end().to_owned());
            }
        }
    }

    /// Waits until the server has done all that was sent before.
    fn settle(&mut self) -> Result<()> {
        self.send("PING\r\n")?;
        let line = self.line()?;
        ensure!(line == "PONG", "{line:?} where PONG was due");
        Ok(())
    }

    fn subscribe(&mut self, subject: &str) -> Result<()> {
        self.send(&format!("SUB {subject} 1\r\n"))?;
        self.settle()
    }

    fn publish(&mut self, subject: &str, reply: &str, text: &str) -> Result<()> {
        self.send(&format!("PUB {subject} {reply} {}\r\n{text}\r\n", text.len()))
    }

    /// The next message, headers and all.
    fn message(&mut self) -> Result<String> {
        let head = self.line()?;
        ensure!(head.starts_with("MSG ") || head.starts_with("HMSG "), "{head:?} where a message was due");
        let length: usize = head.rsplit(' ').next().unwrap_or_default().parse()?;
        let mut text = vec![0; length + 2];
        self.stream.read_exact(&mut text)?;
        text.truncate(length);
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    /// Asks a service behind a subject.
    fn ask(&mut self, subject: &str, inbox: &str, text: &str) -> Result<Value> {
        self.publish(subject, inbox, text)?;
        let answer: Value = serde_json::from_str(&self.message()?)?;
        ensure!(answer["error"].is_null(), "{subject}: {}", answer["error"]);
        Ok(answer)
    }
}

fn deliver(port: u16, number: u64) -> Result<()> {
    let mut client = Client::open(port)?;
    let subject = format!("own.{number}");
    client.subscribe(&subject)?;
    let text = Load::text(number, 20_000);
    client.publish(&subject, "", &text)?;
    ensure!(client.message()? == text, "another message than was sent");
    Ok(())
}

fn between(run: &Run<'_>) -> Result<()> {
    run.load.each(|number| {
        let (mut server, mut client) = (Client::open(CLIENT)?, Client::open(CLIENT)?);
        server.subscribe(&format!("ask.{number}"))?;
        client.subscribe(&format!("answer.{number}"))?;
        client.publish(&format!("ask.{number}"), &format!("answer.{number}"), "question")?;
        ensure!(server.message()? == "question", "another question");
        server.publish(&format!("answer.{number}"), "", "answer")?;
        ensure!(client.message()? == "answer", "another answer");
        Ok(())
    })
}

fn group(run: &Run<'_>) -> Result<()> {
    let mut client = Client::open(CLIENT)?;
    let subject = format!("group.{}", run.load.seed);
    client.send(&format!("SUB {subject} workers 1\r\nSUB {subject} workers 2\r\n"))?;
    client.settle()?;
    for number in 0..run.load.connections {
        client.publish(&subject, "", &number.to_string())?;
    }
    for number in 0..run.load.connections {
        ensure!(client.message()? == number.to_string(), "message {number} is not the next");
    }
    client.settle()
}

fn headers(run: &Run<'_>) -> Result<()> {
    run.load.each(|number| {
        let mut client = Client::open(CLIENT)?;
        client.subscribe(&format!("head.{number}"))?;
        let head = format!("NATS/1.0\r\nNumber: {number}\r\n\r\n");
        client.send(&format!("HPUB head.{number} {} {}\r\n{head}text\r\n", head.len(), head.len() + 4))?;
        ensure!(client.message()? == format!("{head}text"), "another message than was sent");
        Ok(())
    })
}

fn stream(run: &Run<'_>) -> Result<()> {
    // One that stays: with its last stream NATS removes the folder where it is creating the next one.
    create_stream(run.load.seed)?;
    run.load.each(|number| {
        let (mut client, name, inbox) = create_stream(number)?;
        for _ in 0..5 {
            client.ask(&format!("kept.{number}"), &inbox, &Load::text(number, 3_000))?;
        }
        let info = client.ask(&format!("$JS.API.STREAM.INFO.{name}"), &inbox, "")?;
        ensure!(info["state"]["messages"] == 5, "{}", info["state"]);
        client.ask(&format!("$JS.API.STREAM.MSG.GET.{name}"), &inbox, "{\"seq\":3}")?;
        client.ask(&format!("$JS.API.STREAM.PURGE.{name}"), &inbox, "")?;
        client.ask(&format!("$JS.API.STREAM.DELETE.{name}"), &inbox, "")?;
        Ok(())
    })
}

/// Creates a stream on disk: returns its client, its name, and where the client hears.
fn create_stream(number: u64) -> Result<(Client, String, String)> {
    let mut client = Client::open(CLIENT)?;
    let (name, inbox) = (format!("S{number}"), format!("inbox.{number}"));
    client.subscribe(&inbox)?;
    let config = format!("{{\"name\":\"{name}\",\"subjects\":[\"kept.{number}\"],\"storage\":\"file\"}}");
    client.ask(&format!("$JS.API.STREAM.CREATE.{name}"), &inbox, &config)?;
    Ok((client, name, inbox))
}

fn websocket(run: &Run<'_>) -> Result<()> {
    run.load.each(|_| {
        let headers = [
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Key", "c2VjY2luY2ggaGFybmVzcw=="),
            ("Sec-WebSocket-Version", "13"),
        ];
        let mut connection = Connection::open(WEBSOCKET)?;
        connection.request("GET", "/", &headers, b"")?.expect(101).map(drop)
    })
}

fn broken(run: &Run<'_>) -> Result<()> {
    run.load.each(|_| {
        let mut client = Client::open(CLIENT)?;
        client.send("NONSENSE\r\n")?;
        let line = client.line()?;
        ensure!(line.starts_with("-ERR"), "{line:?} where an error was due");
        Ok(())
    })
}

fn hub(run: &Run<'_>) -> Result<()> {
    poll::until("the look for its hub", poll::SOON, || Ok((run.sandbox.dns().asked(HUB) > 0).then_some(())))
}

fn monitor(run: &Run<'_>) -> Result<()> {
    run.load.each(|_| {
        http::get(MONITOR, "/varz")?.holds("\"server_name\": \"one\"")?;
        http::get(MONITOR, "/connz")?.holds("\"num_connections\"")?;
        http::get(MONITOR, "/jsz")?.holds("\"streams\"").map(drop)
    })
}

fn reload(run: &Run<'_>) -> Result<()> {
    let max_payload = 1_000_000 + run.load.seed;
    run.sandbox.write("nats.conf", &config(run.sandbox, max_payload))?;
    run.signal(Signal::SIGHUP)?;
    poll::retry("the new limit", poll::SOON, || {
        http::get(MONITOR, "/varz")?.holds(&format!("\"max_payload\": {max_payload},")).map(drop)
    })
}

fn reopen(run: &Run<'_>) -> Result<()> {
    let log = run.sandbox.work().join("nats.log");
    fs::rename(&log, run.sandbox.work().join("nats.log.1"))?;
    run.signal(Signal::SIGUSR1)?;
    poll::until("its new log", poll::SOON, || Ok(fs::exists(&log)?.then_some(())))
}
