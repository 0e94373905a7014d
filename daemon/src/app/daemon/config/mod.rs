//! The daemon's configuration: TOML files in, checked values out.
//!
//! The main file is read first, then `conf.d/*.toml` beside it, by name. A value of a later file replaces that
//! of an earlier one; lists add up. What stands in none of them is the default.

mod error;
mod file;
mod layer;
#[cfg(test)]
mod tests;
mod text;

pub use error::{ConfigError, Fault, Faults};

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::collect::Discovery;
use crate::export::metrics::Budget;
use crate::files::{Input, ReadError, read_bounded};
use crate::learn::rules::{Groups, Rule, RuleError, with_builtin};
use crate::learn::store::Bounds;
use crate::model::Arch;

/// Where the configuration is, unless it is said otherwise.
pub const DEFAULT_PATH: &str = "/etc/seccinch/seccinch.toml";
/// Where the daemon listens for commands, unless it is said otherwise.
pub const DEFAULT_SOCKET: &str = "/run/seccinch/control.sock";
/// Far more than anybody writes.
const MAX_BYTES: u64 = 1024 * 1024;
const DAY: Duration = Duration::from_hours(24);

/// What the daemon does.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// How often counts are read.
    pub poll_interval: Duration,
    /// How often what changed is written, and profiles are brought up to date.
    pub flush_interval: Duration,
    /// The folder of everything that is learned.
    pub state: PathBuf,
    /// Who is a target.
    pub discovery: Discovery,
    /// What is kept.
    pub bounds: Bounds,
    /// Where HTTP is served; nothing if not at all.
    pub listen: Option<SocketAddr>,
    /// The socket for commands.
    pub socket: PathBuf,
    /// What is exported.
    pub metrics: Budget,
    /// Where programs and maps are pinned; nothing if they end with the daemon.
    pub pin: Option<PathBuf>,
    /// Rules of the files; those of a built-in rule's name replace it.
    pub rules: Vec<Rule>,
}

/// Where to look for the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// At the usual place: no file there is no error.
    Usual(PathBuf),
    /// At this place.
    Given(PathBuf),
}

impl Default for Place {
    fn default() -> Self {
        Self::Usual(DEFAULT_PATH.into())
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            poll_interval: Duration::from_secs(1),
            flush_interval: Duration::from_secs(30),
            state: "/var/lib/seccinch".into(),
            discovery: Discovery::default(),
            bounds: Bounds::default(),
            listen: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 9786))),
            socket: DEFAULT_SOCKET.into(),
            metrics: Budget::default(),
            pin: Some("/sys/fs/bpf/seccinch".into()),
            rules: Vec::new(),
        }
    }
}

impl Config {
    /// The rules that hold: those of the files, and the built-in ones that none of them replaces.
    pub fn all_rules(&self) -> Result<Vec<Rule>, RuleError> {
        with_builtin(self.rules.clone(), &Groups::builtin()?, Arch::NATIVE)
    }

    /// Reads and checks all files. Everything that is wrong with them is told at once, as far as one file's
    /// fault does not hide the next.
    pub fn read(place: &Place) -> Result<Self, ConfigError> {
        let (Place::Usual(path) | Place::Given(path)) = place;
        let mut layers = Layers::default();
        match read_bounded(path, MAX_BYTES) {
            Ok(bytes) => layers.take(path, &bytes),
            Err(ReadError::Io { source, .. })
                if source.kind() == io::ErrorKind::NotFound && matches!(place, Place::Usual(_)) => {}
            Err(error) => return Err(error.into()),
        }
        for path in fragments(path)? {
            layers.take(&path, &read_bounded(&path, MAX_BYTES)?);
        }
        layers.finish()
    }
}

/// The files that have been read so far, one over the other.
#[derive(Default)]
struct Layers {
    config: Config,
    exclusion: layer::Exclusion,
    faults: Vec<Fault>,
}

impl Layers {
    fn take(&mut self, path: &Path, bytes: &[u8]) {
        let faults = match std::str::from_utf8(bytes) {
            Ok(text) => layer::apply(text, &mut self.config, &mut self.exclusion),
            Err(error) => {
                let valid = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
                vec![(error::position(&valid, valid.len()), "not a text: this byte is no UTF-8".to_owned())]
            }
        };
        let named =
            faults.into_iter().map(|(position, problem)| Fault { file: path.to_owned(), position, problem });
        self.faults.extend(named);
    }

    fn finish(self) -> Result<Config, ConfigError> {
        if self.faults.is_empty() { Ok(self.config) } else { Err(ConfigError::Faults(Faults(self.faults))) }
    }
}

/// The files of `conf.d` beside the main file, by name. Hidden ones are an editor's.
fn fragments(main: &Path) -> Result<Vec<PathBuf>, ReadError> {
    let folder = main.with_file_name("conf.d");
    let failed = |source| ReadError::Io { input: Input::File(folder.clone()), source };
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        let is_hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().first() == Some(&b'.'));
        if !is_hidden && path.extension().is_some_and(|extension| extension == "toml") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}
