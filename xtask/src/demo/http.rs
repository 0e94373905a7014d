//! Asks the service over HTTP.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};

/// What a server answered.
#[derive(Debug)]
pub(super) struct Answer {
    /// `200 OK`
    pub(super) status: String,
    pub(super) body: String,
}

/// A GET that is tried again until the server answers or the time is over.
pub(super) fn get_within(address: SocketAddr, path: &str, patience: Duration) -> Result<Answer> {
    let start = Instant::now();
    loop {
        match get(address, path) {
            Err(_) if start.elapsed() < patience => thread::sleep(Duration::from_millis(50)),
            result => return result,
        }
    }
}

/// One GET, on a connection of its own.
pub(super) fn get(address: SocketAddr, path: &str) -> Result<Answer> {
    let context = || format!("GET http://{address}{path}");
    let mut text = String::new();
    exchange(address, path, &mut text).with_context(context)?;
    parse(&text).context("the answer is not HTTP").with_context(context)
}

fn exchange(address: SocketAddr, path: &str, text: &mut String) -> std::io::Result<()> {
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(5))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    // HTTP/1.0: the server closes at the end and sends no chunks.
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n")?;
    stream.read_to_string(text)?;
    Ok(())
}

fn parse(text: &str) -> Option<Answer> {
    let (head, body) = text.split_once("\r\n\r\n")?;
    let (_, status) = head.lines().next()?.split_once(' ')?;
    Some(Answer { status: status.to_owned(), body: body.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Check that status and body are told apart, and that something else is refused.
    #[test]
    fn parses_answers() {
        let answer = parse("HTTP/1.0 404 Not Found\r\nA: b\r\n\r\nbody\r\n\r\nmore").expect("an answer");
        assert_eq!((answer.status.as_str(), answer.body.as_str()), ("404 Not Found", "body\r\n\r\nmore"));
        assert!(parse("SSH-2.0-x\r\n").is_none());
    }
}
