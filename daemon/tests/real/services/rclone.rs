//! Rclone: serves a folder by `WebDAV` over TLS, fetches from elsewhere, and starts children: a program that
//! says the password of its configuration, and itself.

use std::fs;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::{Launch, Operation, Run, Service, cpu_profile};
use crate::support::fixtures::Program;
use crate::support::forward::{PORT, Start};
use crate::support::http::{self, Connection};
use crate::support::load::Load;
use crate::support::sandbox::Sandbox;
use crate::support::upstream;

const CONTROL: u16 = 5572;

/// A configuration with one remote, `upstream`, under the password `seccinch`: a secretbox with its nonce
/// before it, as `fs/config/crypt.go` of rclone 1.60 reads it. It keeps no secret.
const ENCRYPTED: &str = "RCLONE_ENCRYPT_V0:\n\
    c2VjY2luY2gtaGFybmVzcy1ub25jZS0tKsPJ3WUNc+DmSo3O0D8VE5+uBOo56ridxkwwG+zAH1Vy\
    nB6m0sdCppa3rUrND1VYpBDFGfOuRLw7Pn1sPunH4jzKcSkT8Jd46wouMYI=\n";

/// The service.
pub(crate) const RCLONE: Service = Service {
    name: "rclone",
    program: Program::Debian { package: "rclone", path: "usr/bin/rclone" },
    tools: &["/bin/cat"],
    launch,
    ready: |_| http::get(PORT, "/")?.expect(200).map(drop),
    tls: (8080, Start::Direct),
    operations: OPERATIONS,
    // As process 1 it survives the signal that it raises again.
    ends_with: &[0, 143, 2],
    needed: "listen",
};

const OPERATIONS: &[Operation] = &[
    Operation { name: "learn its password from a child", run: remotes },
    Operation { name: "take and give a file", run: |run| run.load.each(put_and_get) },
    Operation { name: "give a part of a file", run: part },
    Operation { name: "make and list a folder", run: list },
    Operation { name: "move and copy a file", run: move_and_copy },
    Operation { name: "delete a file", run: delete },
    Operation { name: "fetch from another server by its name", run: fetch },
    Operation { name: "start itself as a child", run: start_itself },
    Operation { name: "copy a folder", run: copy_folder },
    Operation { name: "forget and refresh its cache", run: refresh },
    Operation { name: "collect its garbage", run: collect },
    Operation {
        name: "say what it does",
        run: |run| run.load.each(|_| ask("core/stats", &json!({})).map(drop)),
    },
    Operation { name: "refuse an unknown command", run: unknown },
    Operation { name: "profile its CPU", run: |_| cpu_profile(CONTROL) },
];

fn launch(sandbox: &Sandbox) -> Result<Launch> {
    let work = sandbox.work().display().to_string();
    for folder in ["share", "cache"] {
        fs::create_dir(sandbox.work().join(folder))?;
    }
    sandbox.write("rclone.conf", ENCRYPTED)?;
    sandbox.write("password", "seccinch\n")?;
    let args = vec![
        "serve".to_owned(),
        "webdav".to_owned(),
        format!("{work}/share"),
        format!("--config={work}/rclone.conf"),
        format!("--password-command=/bin/cat {work}/password"),
        "--addr=127.0.0.1:8080".to_owned(),
        format!("--cert={work}/cert.pem"),
        format!("--key={work}/key.pem"),
        "--rc".to_owned(),
        format!("--rc-addr=127.0.0.1:{CONTROL}"),
        "--rc-no-auth".to_owned(),
        "--vfs-cache-mode=writes".to_owned(),
        format!("--cache-dir={work}/cache"),
    ];
    Ok(Launch { args, env: vec![("HOME".to_owned(), work)] })
}

/// Gives a command over the remote control.
fn ask(command: &str, parameters: &Value) -> Result<Value> {
    let headers = [("Content-Type", "application/json")];
    let body = parameters.to_string();
    let path = format!("/{command}");
    let answer = Connection::open(CONTROL)?.request("POST", &path, &headers, body.as_bytes())?.expect(200)?;
    serde_json::from_slice(&answer.body).with_context(|| format!("the answer of {command}"))
}

fn remotes(_: &Run<'_>) -> Result<()> {
    let found = ask("config/listremotes", &json!({}))?;
    ensure!(found["remotes"] == json!(["upstream"]), "its configuration was not read: {found}");
    Ok(())
}

fn put(name: &str, text: &str) -> Result<()> {
    http::request(PORT, "PUT", &format!("/{name}"), text.as_bytes())?.expect(201).map(drop)
}

fn put_and_get(number: u64) -> Result<()> {
    let text = Load::text(number, 200_000);
    put(&format!("file-{number}"), &text)?;
    http::get(PORT, &format!("/file-{number}"))?.is(&text)
}

fn part(run: &Run<'_>) -> Result<()> {
    run.load.each(|number| {
        let text = Load::text(number, 10_000);
        put(&format!("part-{number}"), &text)?;
        let mut connection = Connection::open(PORT)?;
        let path = format!("/part-{number}");
        let answer = connection.request("GET", &path, &[("Range", "bytes=100-199")], b"")?.expect(206)?;
        ensure!(answer.text() == text[100..200], "another part than was asked for");
        Ok(())
    })
}

fn list(run: &Run<'_>) -> Result<()> {
    run.load.each(|number| {
        let folder = format!("folder-{number}");
        http::request(PORT, "MKCOL", &format!("/{folder}/"), b"")?.expect(201)?;
        put(&format!("{folder}/inside"), "x")?;
        let mut connection = Connection::open(PORT)?;
        let found =
            connection.request("PROPFIND", &format!("/{folder}/"), &[("Depth", "1")], b"")?.expect(207)?;
        ensure!(
            found.text().contains(&format!("/{folder}/inside")),
            "the file is not listed: {}",
            found.text()
        );
        Ok(())
    })
}

fn move_and_copy(run: &Run<'_>) -> Result<()> {
    run.load.each(|number| {
        let text = Load::text(number, 1_000);
        put(&format!("old-{number}"), &text)?;
        for (method, from, to) in [("MOVE", "old", "moved"), ("COPY", "moved", "copied")] {
            let destination = format!("https://service.seccinch.test/{to}-{number}");
            let mut connection = Connection::open(PORT)?;
            let path = format!("/{from}-{number}");
            connection.request(method, &path, &[("Destination", &destination)], b"")?.expect(201)?;
        }
        http::get(PORT, &format!("/old-{number}"))?.expect(404)?;
        http::get(PORT, &format!("/copied-{number}"))?.is(&text)
    })
}

fn delete(run: &Run<'_>) -> Result<()> {
    run.load.each(|number| {
        let path = format!("/gone-{number}");
        put(&path[1..], "x")?;
        http::request(PORT, "DELETE", &path, b"")?.expect(204)?;
        http::get(PORT, &path)?.expect(404).map(drop)
    })
}

fn fetch(run: &Run<'_>) -> Result<()> {
    let share = run.sandbox.work().join("share");
    run.load.each(|number| {
        let url = format!("http://files.seccinch.test:{}/{number}", upstream::PORT);
        let remote = format!("fetched-{number}");
        ask("operations/copyurl", &json!({"fs": share, "remote": remote, "url": url}))?;
        let text = fs::read_to_string(share.join(remote))?;
        ensure!(text == upstream::content(&format!("/{number}")), "fetched {text:?}");
        Ok(())
    })?;
    ensure!(run.sandbox.dns().asked("files.seccinch.test") > 0, "its name was never asked for");
    Ok(())
}

/// Two at a time: each is a process of 50 MB.
fn start_itself(_: &Run<'_>) -> Result<()> {
    for _ in 0..2 {
        let said = ask("core/command", &json!({"command": "version"}))?;
        ensure!(said["result"].as_str().unwrap_or_default().contains("rclone v"), "{said}");
    }
    Ok(())
}

fn copy_folder(run: &Run<'_>) -> Result<()> {
    let work = run.sandbox.work();
    for number in 0..run.load.connections {
        fs::create_dir_all(work.join("from"))?;
        run.sandbox.write(&format!("from/{number}"), &Load::text(number, 5_000))?;
    }
    ask("sync/copy", &json!({"srcFs": work.join("from"), "dstFs": work.join("to")}))?;
    let copied = u64::try_from(fs::read_dir(work.join("to"))?.count())?;
    ensure!(copied == run.load.connections, "{copied} files were copied");
    Ok(())
}

fn refresh(run: &Run<'_>) -> Result<()> {
    let name = format!("behind-its-back-{}", run.load.seed);
    run.sandbox.write(&format!("share/{name}"), "x")?;
    ask("vfs/forget", &json!({}))?;
    ask("vfs/refresh", &json!({"recursive": "true"}))?;
    http::get(PORT, &format!("/{name}"))?.is("x")
}

fn collect(_: &Run<'_>) -> Result<()> {
    ask("core/gc", &json!({}))?;
    let found = ask("core/memstats", &json!({}))?;
    ensure!(found["Sys"].as_u64() > Some(0), "{found}");
    Ok(())
}

fn unknown(run: &Run<'_>) -> Result<()> {
    run.load
        .each(|number| http::request(CONTROL, "POST", &format!("/no/{number}"), b"")?.expect(404).map(drop))
}
