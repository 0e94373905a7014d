//! Values as people write them: each says in its error what it should look like.

use std::fmt;
use std::net::{AddrParseError, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// What turns a feature off.
const OFF: &str = "off";

/// A length of time: `30s`, `5m`, `90d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Period(pub(super) Duration);

/// Where to listen: an address and a port, or `off`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Listen(pub(super) Option<SocketAddr>);

/// A path from the root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Absolute(pub(super) PathBuf);

/// A path from the root, or `off`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AbsoluteOrOff(pub(super) Option<PathBuf>);

impl Period {
    fn parse(text: &str) -> Result<Self, String> {
        let wrong = |error| format!("`{text}` is no length of time ({error}): write it like 30s, 5m or 90d");
        humantime::parse_duration(text).map(Self).map_err(wrong)
    }
}

impl Listen {
    fn parse(text: &str) -> Result<Self, String> {
        if text == OFF {
            return Ok(Self(None));
        }
        let wrong = |_: AddrParseError| {
            format!(
                "`{text}` is no address with a port from 1 to 65535: write it like 127.0.0.1:9786 or \
                 [::1]:9786, or \"off\""
            )
        };
        text.parse().map(|address| Self(Some(address))).map_err(wrong)
    }
}

impl Absolute {
    fn parse(text: &str) -> Result<Self, String> {
        if text.starts_with('/') && !text.contains('\0') {
            return Ok(Self(text.into()));
        }
        Err(format!("`{text}` is no path from the root: write it with a `/` at its beginning"))
    }
}

impl AbsoluteOrOff {
    fn parse(text: &str) -> Result<Self, String> {
        if text == OFF { Ok(Self(None)) } else { Absolute::parse(text).map(|path| Self(Some(path.0))) }
    }
}

/// Reads a string with a parser of its own.
struct Text<T> {
    expecting: &'static str,
    parse: fn(&str) -> Result<T, String>,
}

impl<T> Visitor<'_> for Text<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expecting)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        (self.parse)(text).map_err(E::custom)
    }
}

macro_rules! read_as_text {
    ($type:ty, $expecting:literal) => {
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(Text { expecting: $expecting, parse: Self::parse })
            }
        }
    };
}

read_as_text!(Period, "a length of time in quotes, like \"30s\"");
read_as_text!(Listen, "an address with a port in quotes, like \"127.0.0.1:9786\", or \"off\"");
read_as_text!(Absolute, "a path in quotes");
read_as_text!(AbsoluteOrOff, "a path in quotes, or \"off\"");
