//! What is said over the socket between a daemon and its worker: frames of JSON behind their length.
//!
//! The daemon believes nothing of it: the length is bounded before anything is read, and the types are our own.

use std::io::{self, Read, Write};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::frames::{Frames, Stack};
use super::scanned::{Calls, MOST_LIBRARIES, Named};
use crate::golang::scan::libraries::Needs;
use crate::model::{Build, GoBuild, Linkage};

/// A longer frame is refused. What a real file says of itself is some KiB.
const MOST_BYTES: usize = 256 << 10;
/// The length that a frame begins with.
pub(super) const HEADER: usize = size_of::<u32>();
/// What is said of an answer that is none.
pub(super) const NOT_UNDERSTOOD: &str = "its answer is none";

/// Files that come with a request at most: one that is asked about, and its libraries.
pub(super) const MOST_FILES: usize = 1 + MOST_LIBRARIES;

/// What is asked about the file that comes with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Request {
    /// What it says of itself.
    Describe,
    /// Which functions these stacks are of.
    Name(Vec<Stack>),
    /// What it needs of the dynamic linker.
    Needs,
    /// What it could ever call, with these libraries.
    Scan(Vec<Named>),
}

impl Request {
    /// Whether something is an answer to it.
    pub(super) fn is_answered_by(&self, answer: &Answer) -> bool {
        matches!(
            (self, answer),
            (Self::Describe, Answer::Described(_))
                | (Self::Name(_), Answer::Named(_))
                | (Self::Needs, Answer::Needs(_))
                | (Self::Scan(_), Answer::Scanned(_))
                | (_, Answer::Damaged(_))
        )
    }
}

/// What a worker says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Answer {
    /// It is confined, and waits for requests.
    Ready,
    /// It could not be confined, and ends.
    Unconfined(String),
    /// The file can't be understood.
    Damaged(String),
    /// To [`Request::Describe`].
    Described(Facts),
    /// To [`Request::Name`].
    Named(Frames),
    /// To [`Request::Needs`].
    Needs(Loads),
    /// To [`Request::Scan`].
    Scanned(Calls),
}

/// What a file says of itself: [`Build`] without the path, which the worker need not know.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Facts {
    id: Option<String>,
    go: Option<Go>,
    linkage: Option<Links>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Go {
    toolchain: String,
    path: Option<String>,
    module: Option<(String, String)>,
    cgo: Option<bool>,
    goroutine_below: Option<u32>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Links {
    interpreter: Option<String>,
    needed: Vec<String>,
}

/// What a file needs of the dynamic linker: [`Needs`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Loads {
    links: Links,
    rpath: Vec<String>,
    runpath: Option<Vec<String>>,
}

impl Loads {
    /// What the file needs.
    pub(super) fn needs(self) -> Needs {
        let Self { links: Links { interpreter, needed }, rpath, runpath } = self;
        Needs { linkage: Linkage { interpreter, needed }, rpath, runpath }
    }
}

impl From<Needs> for Loads {
    fn from(needs: Needs) -> Self {
        let Needs { linkage: Linkage { interpreter, needed }, rpath, runpath } = needs;
        Self { links: Links { interpreter, needed }, rpath, runpath }
    }
}

impl Facts {
    /// The facts of a file, with the path by which it is shown.
    pub(super) fn of(self, path: String) -> Build {
        let go = self.go.map(|Go { toolchain, path, module, cgo, goroutine_below }| GoBuild {
            toolchain,
            path,
            module,
            cgo,
            goroutine_below,
        });
        let linkage = self.linkage.map(|Links { interpreter, needed }| Linkage { interpreter, needed });
        Build { path, id: self.id, go, linkage }
    }
}

impl From<Build> for Facts {
    fn from(build: Build) -> Self {
        let go = build.go.map(|GoBuild { toolchain, path, module, cgo, goroutine_below }| Go {
            toolchain,
            path,
            module,
            cgo,
            goroutine_below,
        });
        let linkage = build.linkage.map(|Linkage { interpreter, needed }| Links { interpreter, needed });
        Self { id: build.id, go, linkage }
    }
}

/// A message as it is sent; an error if it is too long.
pub(super) fn frame(message: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; HEADER];
    serde_json::to_writer(&mut bytes, message)?;
    let length = bytes.len() - HEADER;
    if length > MOST_BYTES {
        return Err(too_long());
    }
    bytes[..HEADER].copy_from_slice(&u32::try_from(length).map_err(io::Error::other)?.to_le_bytes());
    Ok(bytes)
}

/// Sends a message.
pub(super) fn write(to: &mut impl Write, message: &impl Serialize) -> io::Result<()> {
    to.write_all(&frame(message)?)
}

/// Receives a message.
pub(super) fn read<M: DeserializeOwned>(from: &mut impl Read) -> io::Result<M> {
    let mut header = [0; HEADER];
    from.read_exact(&mut header)?;
    read_behind(header, from)
}

/// Receives the rest of a message.
pub(super) fn read_behind<M: DeserializeOwned>(header: [u8; HEADER], from: &mut impl Read) -> io::Result<M> {
    let length = usize::try_from(u32::from_le_bytes(header)).unwrap_or(usize::MAX);
    if length > MOST_BYTES {
        return Err(too_long());
    }
    let mut bytes = vec![0; length];
    from.read_exact(&mut bytes)?;
    Ok(serde_json::from_slice(&bytes)?)
}

fn too_long() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the message is too long")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Check that everything that is known of a file arrives.
    #[test]
    fn facts_arrive_whole() {
        let go = GoBuild {
            toolchain: "go1.27.3".into(),
            path: Some("example.com/app".into()),
            module: Some(("example.com".into(), "v1".into())),
            cgo: Some(true),
            goroutine_below: Some(24),
        };
        let linkage = Linkage { interpreter: Some("/lib/ld.so".into()), needed: vec!["libc.so.6".into()] };
        let build =
            Build { path: "/srv/app".into(), id: Some("1/2".into()), go: Some(go), linkage: Some(linkage) };
        let sent = frame(&Answer::Described(build.clone().into())).unwrap();
        let Answer::Described(facts) = read(&mut sent.as_slice()).unwrap() else { panic!("{sent:?}") };
        assert_eq!(facts.of(build.path.clone()), build);
    }

    /// Check that everything that a file needs arrives.
    #[test]
    fn needs_arrive_whole() {
        let list = |name: &str| vec![name.to_owned()];
        let linkage = Linkage { interpreter: Some("/lib/ld.so".into()), needed: list("libc.so.6") };
        let needs = Needs { linkage, rpath: list("$ORIGIN"), runpath: Some(list("/opt/lib")) };
        let sent = frame(&Answer::Needs(needs.clone().into())).unwrap();
        let Answer::Needs(loads) = read(&mut sent.as_slice()).unwrap() else { panic!("{sent:?}") };
        assert_eq!(loads.needs(), needs);
    }

    /// Check that neither side takes a message that is too long, cut, or another.
    #[test]
    fn bad_messages_are_refused() {
        let refused = |bytes: &[u8]| read::<Answer>(&mut &*bytes).unwrap_err().kind();
        assert_eq!(refused(&u32::MAX.to_le_bytes()), io::ErrorKind::InvalidData);
        assert_eq!(refused(&[9, 0, 0, 0, b'"']), io::ErrorKind::UnexpectedEof);
        assert_eq!(refused(&[2, 0]), io::ErrorKind::UnexpectedEof);
        assert_eq!(refused(b"\x07\0\0\0\"Other\""), io::ErrorKind::InvalidData);
        let long = Answer::Damaged("x".repeat(MOST_BYTES));
        assert_eq!(frame(&long).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
