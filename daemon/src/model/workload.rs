//! The identity that survives restarts, and is shared by replicas.

use std::fmt;

/// Bytes that an id may have.
const MOST_BYTES: usize = 200;
/// Bytes that its escape may have: a file name has at most 255 (`NAME_MAX`), and a suffix may follow.
const MOST_ESCAPED_BYTES: usize = 240;

/// What runs: a service, not one of its processes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WorkloadId {
    /// A systemd service: `systemd:caddy.service`.
    Unit(String),
    /// A container of a pod's owner: `k8s:shop/Deployment/web/app`.
    Kubernetes {
        /// The namespace.
        namespace: String,
        /// What owns the pod: `Deployment`, `StatefulSet`, `DaemonSet`, `CronJob`, `Job`, or `Pod` for one alone.
        kind: String,
        /// The owner's name.
        owner: String,
        /// The container's name in the pod.
        container: String,
    },
    /// A program by the path that its own mount namespace has for it: `exe:/usr/bin/caddy`.
    Executable(String),
}

/// Why a text is no workload's id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WorkloadIdError {
    /// Of none of the three kinds.
    #[error(
        "`{0}` is no workload: they are written systemd:UNIT, k8s:NAMESPACE/KIND/OWNER/CONTAINER or exe:PATH"
    )]
    Form(String),
    /// It would be no safe file name, whatever its escape.
    #[error(
        "a workload's name has at most {MOST_BYTES} bytes, {MOST_ESCAPED_BYTES} when it is escaped, no NUL, and no \
         part that is `..`"
    )]
    Unsafe,
    /// A folder's name that no id is escaped to.
    #[error("`{0}` is no escaped name of a workload")]
    Escape(String),
}

impl WorkloadId {
    /// Reads an id as it is shown.
    pub fn parse(text: &str) -> Result<Self, WorkloadIdError> {
        let id = Self::parse_form(text)?;
        if id.escape().len() > MOST_ESCAPED_BYTES { Err(WorkloadIdError::Unsafe) } else { Ok(id) }
    }

    fn parse_form(text: &str) -> Result<Self, WorkloadIdError> {
        let wrong = || WorkloadIdError::Form(text.to_owned());
        if text.len() > MOST_BYTES || text.contains('\0') || text.split('/').any(|part| part == "..") {
            return Err(WorkloadIdError::Unsafe);
        }
        let (kind, name) = text.split_once(':').ok_or_else(wrong)?;
        match kind {
            "systemd" if !name.is_empty() && !name.contains('/') => Ok(Self::Unit(name.to_owned())),
            "exe" if !name.is_empty() => Ok(Self::Executable(name.to_owned())),
            "k8s" => {
                let parts: Vec<_> = name.split('/').collect();
                let [namespace, kind, owner, container] = parts[..] else { return Err(wrong()) };
                if parts.iter().any(|part| part.is_empty()) {
                    return Err(wrong());
                }
                let [namespace, kind, owner, container] =
                    [namespace, kind, owner, container].map(str::to_owned);
                Ok(Self::Kubernetes { namespace, kind, owner, container })
            }
            _ => Err(wrong()),
        }
    }

    /// The id as one part of a path or URL: letters, digits, `-`, `_`, and `.` but at the beginning stay; every
    /// other byte is written `%XX`, as in a URL (RFC 3986, section 2.1).
    pub fn escape(&self) -> String {
        use fmt::Write as _;
        let mut escaped = String::new();
        for byte in self.to_string().bytes() {
            if byte.is_ascii_alphanumeric()
                || matches!(byte, b'-' | b'_')
                || (byte == b'.' && !escaped.is_empty())
            {
                escaped.push(char::from(byte));
            } else {
                // Writing to a string can't fail.
                let _ = write!(escaped, "%{byte:02X}");
            }
        }
        escaped
    }

    /// The id that is escaped so. A URL may have more escapes than are needed; see [`Self::unescape`].
    pub fn from_folder(name: &str) -> Result<Self, WorkloadIdError> {
        let id = Self::unescape(name)?;
        if id.escape() == name { Ok(id) } else { Err(WorkloadIdError::Escape(name.to_owned())) }
    }

    /// The id in a part of a URL, however much of it is escaped.
    pub fn unescape(part: &str) -> Result<Self, WorkloadIdError> {
        let wrong = || WorkloadIdError::Escape(part.to_owned());
        let mut bytes = Vec::with_capacity(part.len());
        let mut rest = part.bytes();
        while let Some(byte) = rest.next() {
            if byte != b'%' {
                bytes.push(byte);
                continue;
            }
            let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
            let (high, low) = digit(rest.next()).zip(digit(rest.next())).ok_or_else(wrong)?;
            bytes.push(u8::try_from(high * 16 + low).map_err(|_| wrong())?);
        }
        Self::parse(&String::from_utf8(bytes).map_err(|_| wrong())?)
    }
}

impl fmt::Display for WorkloadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unit(unit) => write!(f, "systemd:{unit}"),
            Self::Kubernetes { namespace, kind, owner, container } => {
                write!(f, "k8s:{namespace}/{kind}/{owner}/{container}")
            }
            Self::Executable(path) => write!(f, "exe:{path}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Check that every kind of id survives its text and its escape.
    #[test]
    fn ids_are_reversible() {
        for text in
            ["systemd:a@b-c.service", "k8s:shop/Deployment/web/app", "exe:/usr/bin/caddy", "exe:/opt/ä b%"]
        {
            let id = WorkloadId::parse(text).unwrap();
            assert_eq!(id.to_string(), text);
            assert_eq!(WorkloadId::from_folder(&id.escape()), Ok(id.clone()));
            assert!(!id.escape().contains(['/', ':', ' ']), "{}", id.escape());
        }
        assert_eq!(WorkloadId::parse("exe:/usr/bin/caddy").unwrap().escape(), "exe%3A%2Fusr%2Fbin%2Fcaddy");
    }

    /// Check that what would leave its folder, or has two names, is refused.
    #[test]
    fn unsafe_names_are_refused() {
        for text in ["exe:/a/../b", "exe:\0", "exe:", "systemd:a/b", "k8s:a/b/c", "k8s:a//c/d", "x:y", ""] {
            assert!(WorkloadId::parse(text).is_err(), "{text:?}");
        }
        assert!(WorkloadId::parse(&format!("exe:/{}", "a".repeat(200))).is_err());
        assert!(WorkloadId::parse(&format!("exe:{}", "/a".repeat(58))).is_ok());
        assert!(WorkloadId::parse(&format!("exe:{}", "/a".repeat(70))).is_err(), "no file name when escaped");
        for name in ["exe%3a%2Fa", "exe:%2Fa", "%", "%zz", ".."] {
            assert!(WorkloadId::from_folder(name).is_err(), "{name:?}");
        }
    }
}
