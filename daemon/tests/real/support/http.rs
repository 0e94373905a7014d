//! An HTTP/1.1 client on a plain socket: one connection, as many requests as wanted.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

/// How long any single read or write may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A byte stream to a server.
pub(crate) trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

/// An open connection.
pub(crate) struct Connection {
    stream: BufReader<Box<dyn Stream>>,
}

/// What a server said.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// Opens a TCP connection to a port of the sandbox's loopback.
pub(crate) fn tcp(port: u16) -> Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&SocketAddr::from(([127, 0, 0, 1], port)), PATIENCE)
        .with_context(|| format!("connecting to port {port}"))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// Sends one request over a connection of its own.
pub(crate) fn request(port: u16, method: &str, path: &str, body: &[u8]) -> Result<Answer> {
    Connection::open(port)?.request(method, path, &[("Connection", "close")], body)
}

/// Gets a path over a connection of its own.
pub(crate) fn get(port: u16, path: &str) -> Result<Answer> {
    request(port, "GET", path, b"")
}

impl Connection {
    /// Connects to a port of the sandbox's loopback.
    pub(crate) fn open(port: u16) -> Result<Self> {
        Ok(Self { stream: BufReader::new(Box::new(tcp(port)?)) })
    }

    /// Connects to a Unix socket.
    pub(crate) fn open_unix(path: &Path) -> Result<Self> {
        let stream =
            UnixStream::connect(path).with_context(|| format!("connecting to {}", path.display()))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { stream: BufReader::new(Box::new(stream)) })
    }

    /// Sends a request and reads its whole answer.
    pub(crate) fn request(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Answer> {
        self.exchange(method, path, headers, body).with_context(|| format!("{method} {path}"))
    }

    fn exchange(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Answer> {
        self.send(method, path, headers, body)?;
        self.answer()
    }

    fn send(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Result<()> {
        let length = body.len().to_string();
        let own = [("Host", "service.seccinch.test"), ("Content-Length", &length)];
        let head =
            own.iter().chain(headers).fold(format!("{method} {path} HTTP/1.1\r\n"), |head, (name, value)| {
                head + name + ": " + value + "\r\n"
            });
        let stream = self.stream.get_mut();
        stream.write_all(&[head.as_bytes(), b"\r\n", body].concat())?;
        Ok(stream.flush()?)
    }

    fn answer(&mut self) -> Result<Answer> {
        let first = self.line()?;
        let status = first.split(' ').nth(1).and_then(|code| code.parse().ok());
        let status = status.with_context(|| format!("not an HTTP status line: {first:?}"))?;
        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            let Some((name, value)) = line.split_once(':') else { break };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut answer = Answer { status, headers, body: Vec::new() };
        if status >= 200 && status != 204 && status != 304 {
            answer.body = self.body(&answer)?;
        }
        Ok(answer)
    }

    fn body(&mut self, answer: &Answer) -> Result<Vec<u8>> {
        let mut body = Vec::new();
        if answer.header("transfer-encoding") == Some("chunked") {
            while let Some(chunk) = self.chunk()? {
                body.extend(chunk);
            }
        } else if let Some(length) = answer.header("content-length") {
            body.resize(length.parse()?, 0);
            self.stream.read_exact(&mut body)?;
        } else {
            self.stream.read_to_end(&mut body)?;
        }
        Ok(body)
    }

    /// The next chunk of a chunked body, or nothing after the last: streams are read with this.
    pub(crate) fn chunk(&mut self) -> Result<Option<Vec<u8>>> {
        let line = self.line()?;
        let size = usize::from_str_radix(line.trim(), 16).with_context(|| format!("chunk size {line:?}"))?;
        let mut chunk = vec![0; size];
        self.stream.read_exact(&mut chunk)?;
        self.line()?;
        Ok((size > 0).then_some(chunk))
    }

    /// Sends a request whose answer is a stream, and reads its head only.
    pub(crate) fn begin(&mut self, method: &str, path: &str, body: &[u8]) -> Result<()> {
        self.send(method, path, &[], body)?;
        let first = self.line()?;
        ensure!(first.contains(" 200 "), "{method} {path}: {first}");
        while !self.line()?.is_empty() {}
        Ok(())
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            bail!("the connection ended where a line was due");
        }
        Ok(line.trim_end().to_owned())
    }
}

impl Answer {
    /// A header's value, by its lower-case name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// This answer, if it has the status.
    pub(crate) fn expect(self, status: u16) -> Result<Self> {
        ensure!(self.status == status, "status {} where {status} was due: {}", self.status, self.text());
        Ok(self)
    }

    /// This answer's text, if the status is 200 and the text holds `part`.
    pub(crate) fn holds(self, part: &str) -> Result<String> {
        let text = self.expect(200)?.text();
        ensure!(text.contains(part), "{part:?} is not in the answer: {text:.400}");
        Ok(text)
    }

    /// Says whether the status is 200 and the text is exactly this.
    pub(crate) fn is(self, due: &str) -> Result<()> {
        let text = self.expect(200)?.text();
        ensure!(text == due, "{due:.200?} was due, the answer is {text:.400?}");
        Ok(())
    }
}
