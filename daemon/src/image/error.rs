//! Why an image can't be read.

use std::io;
use std::path::PathBuf;

use crate::files::Digest;
use crate::model::Arch;

/// Why an image can't be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file of it can't be read.
    #[error("cannot read {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// A folder or file without an image in it.
    #[error("{} holds no {what}: it has no `{missing}`", path.display())]
    NoImage {
        /// The folder or file.
        path: PathBuf,
        /// What was looked for.
        what: &'static str,
        /// The file that every such image has.
        missing: &'static str,
    },
    /// An archive in a compressed file.
    #[error("{} is compressed: unpack it first (gunzip, zstd -d), an image is read at many places", .0.display())]
    Compressed(PathBuf),
    /// A document of it is not what it has to be.
    #[error("{what} of the image can't be read")]
    Json {
        /// The document.
        what: String,
        /// What is wrong.
        #[source]
        source: serde_json::Error,
    },
    /// A document that is well-formed, and yet no image.
    #[error("{what} of the image {problem}")]
    Invalid {
        /// The document.
        what: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A part of it is not there.
    #[error("{what} is missing in the image: it was not copied whole")]
    Missing {
        /// What is missing, with its digest or name.
        what: String,
    },
    /// A part of it is not what it is said to be.
    #[error("{what} is damaged: its SHA-256 is {found}, and the image says {expected}")]
    Digest {
        /// The part.
        what: String,
        /// What its digest is.
        found: Digest,
        /// What its digest has to be.
        expected: Digest,
    },
    /// No image of this name.
    #[error("there is no image `{reference}`: there {}", names(known))]
    NoReference {
        /// What was asked for.
        reference: String,
        /// What there is.
        known: Vec<String>,
    },
    /// Several images, and nobody said which.
    #[error("there are several images: say which by :TAG behind the path; there {}", names(.0))]
    Several(Vec<String>),
    /// No image for this architecture.
    #[error("there is no image for linux/{}: there {}", platform(*arch), names(known))]
    NoPlatform {
        /// What was asked for.
        arch: Arch,
        /// What there is.
        known: Vec<String>,
    },
    /// A layer can't be unpacked.
    #[error("{layer} can't be unpacked")]
    Layer {
        /// The layer.
        layer: String,
        /// What is wrong with it.
        #[source]
        source: io::Error,
    },
    /// A name in a layer that leads out of the image.
    #[error("{layer} holds `{}`, which leads out of the image: it is made to harm whoever unpacks it", path.display())]
    Escape {
        /// The layer.
        layer: String,
        /// The name.
        path: PathBuf,
    },
    /// More than any image holds.
    #[error(
        "the image's layers unpack to more than {0}: no image of a Go program does, it may be made to fill memory"
    )]
    TooMuch(String),
    /// A file that is larger than any program.
    #[error("{} in the image is larger than {} MiB, or what it loads is: that is no Go program", path.display(), limit >> 20)]
    FileTooLarge {
        /// The file, in the image.
        path: PathBuf,
        /// The bound, in bytes.
        limit: u64,
    },
}

/// An architecture as images name it (`GOARCH`).
pub(super) const fn platform(arch: Arch) -> &'static str {
    match arch {
        Arch::X86_64 => "amd64",
        Arch::Aarch64 => "arm64",
    }
}

/// The most that are listed.
const MOST_NAMES: usize = 8;

fn names(known: &[String]) -> String {
    let shown: Vec<String> = known.iter().take(MOST_NAMES).map(|name| format!("`{name}`")).collect();
    match known.len() {
        0 => "is none with a name".to_owned(),
        1 => format!("is {}", shown.join("")),
        count if count > MOST_NAMES => format!("are {} and {} more", shown.join(", "), count - MOST_NAMES),
        _ => format!("are {}", shown.join(", ")),
    }
}
