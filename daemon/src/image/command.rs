//! Where the program that a command names may lie.

use std::path::{Path, PathBuf};

use super::manifest::Settings;

/// What runtimes set where an image has no `PATH` (moby `oci/defaults`, containerd `oci/spec.go`).
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The paths at which a command's first word is looked for, in order.
pub(super) fn candidates(word: &str, settings: &Settings) -> impl Iterator<Item = PathBuf> {
    let folders = if word.is_empty() {
        Vec::new()
    } else if word.contains('/') {
        vec![settings.folder.clone()]
    } else {
        let path = settings.path.as_deref().unwrap_or(DEFAULT_PATH);
        path.split(':').map(|folder| Path::new(&settings.folder).join(folder).display().to_string()).collect()
    };
    let word = word.to_owned();
    folders.into_iter().map(move |folder| Path::new("/").join(folder).join(&word))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Check that words are looked for as a shell would, in the image's folder and along its `PATH`.
    #[test]
    fn commands_are_looked_for() {
        let settings =
            Settings { command: Vec::new(), folder: "/srv".to_owned(), path: Some("/bin:own".to_owned()) };
        let found =
            |word| candidates(word, &settings).map(|path| path.display().to_string()).collect::<Vec<_>>();
        assert_eq!(found("app"), ["/bin/app", "/srv/own/app"]);
        assert_eq!(found("./app"), ["/srv/./app"]);
        assert_eq!(found("/app"), ["/app"]);
        assert_eq!(found(""), [""; 0]);
        assert_eq!(candidates("app", &Settings::default()).count(), 6);
    }
}
