//! How an image is named on the command line: as skopeo and podman name them.

use std::fmt;
use std::path::PathBuf;

/// Where an image lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// What lies there.
    pub kind: Kind,
    /// The folder or file.
    pub path: PathBuf,
    /// Which of several images: a tag or a whole name.
    pub reference: Option<String>,
}

/// What lies there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An OCI image layout.
    OciFolder,
    /// A tar file of one.
    OciArchive,
    /// What `docker save` writes.
    DockerArchive,
}

/// Not the name of an image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` names no image: write oci:FOLDER, oci-archive:FILE or docker-archive:FILE (`skopeo copy` and `docker save` \
     make them), with :TAG behind it if there are several images in it"
)]
pub struct LocationError(pub String);

const KINDS: [(&str, Kind); 3] =
    [("oci", Kind::OciFolder), ("oci-archive", Kind::OciArchive), ("docker-archive", Kind::DockerArchive)];

impl Location {
    /// Reads `KIND:PATH[:REFERENCE]`. A reference may have colons, and so may a path: what is there (`exists`) tells
    /// them apart, the longest path first.
    pub fn parse(text: &str, exists: impl Fn(&str) -> bool) -> Result<Self, LocationError> {
        let wrong = || LocationError(text.to_owned());
        let (name, rest) = text.split_once(':').ok_or_else(wrong)?;
        let (_, kind) = KINDS.into_iter().find(|(known, _)| *known == name).ok_or_else(wrong)?;
        let splits = rest.rmatch_indices(':').map(|(at, _)| (&rest[..at], Some(&rest[at + 1..])));
        let mut ways = std::iter::once((rest, None)).chain(splits);
        // Where nothing is there, the shortest path is what was meant.
        let shortest = rest.split_once(':').map_or((rest, None), |(path, tag)| (path, Some(tag)));
        let (path, reference) = ways.find(|(path, _)| exists(path)).unwrap_or(shortest);
        if path.is_empty() || reference == Some("") {
            return Err(wrong());
        }
        Ok(Self { kind, path: path.into(), reference: reference.map(str::to_owned) })
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = KINDS.iter().find(|(_, kind)| *kind == self.kind).map_or("", |(name, _)| name);
        write!(f, "{name}:{}", self.path.display())?;
        self.reference.iter().try_for_each(|reference| write!(f, ":{reference}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Check that every form is read, that colons are told apart by what is there, and that other words are refused.
    #[test]
    fn locations_are_read() {
        let there = ["dir", "odd:dir", "web.tar"];
        let read = |text: &str| {
            let location = Location::parse(text, |path| there.contains(&path)).ok()?;
            assert_eq!(location.to_string(), text);
            Some((location.kind, location.path.display().to_string(), location.reference))
        };
        let tag = |text: &str| Some(text.to_owned());
        for (text, kind, path, reference) in [
            ("oci:dir", Kind::OciFolder, "dir", None),
            ("oci:dir:1.0", Kind::OciFolder, "dir", tag("1.0")),
            ("oci:odd:dir", Kind::OciFolder, "odd:dir", None),
            ("oci:odd:dir:1.0", Kind::OciFolder, "odd:dir", tag("1.0")),
            ("oci-archive:web.tar", Kind::OciArchive, "web.tar", None),
            (
                "docker-archive:web.tar:example.com:5000/web:1",
                Kind::DockerArchive,
                "web.tar",
                tag("example.com:5000/web:1"),
            ),
            ("docker-archive:none.tar:web:1", Kind::DockerArchive, "none.tar", tag("web:1")),
        ] {
            assert_eq!(read(text), Some((kind, path.to_owned(), reference)), "{text}");
        }
        for wrong in ["dir", "oci:", "docker:web", "oci::1", "oci:dir:"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
