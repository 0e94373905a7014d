//! Whose a package is: the program's own, or of which module it depends on.

use crate::model::GoBuild;

/// Hosts on which a module has an owner's name before its own, as `github.com/a/b`.
const WITH_OWNER: [&str; 8] = [
    "bitbucket.org",
    "codeberg.org",
    "git.sr.ht",
    "gitea.com",
    "gitee.com",
    "github.com",
    "gitlab.com",
    "golang.org",
];

/// What is the program's own.
#[derive(Debug)]
pub(super) struct Owner {
    /// The import path of the main package, which its functions are not named by.
    main: String,
    module: String,
}

impl Owner {
    /// By the build information. Where it has no module (GOPATH builds have none), that of the main package's path.
    pub(super) fn new(go: Option<&GoBuild>) -> Self {
        let main = go.and_then(|go| go.path.clone()).unwrap_or_else(|| "main".to_owned());
        let module = go.and_then(|go| go.module.as_ref()).map(|(path, _)| path.clone());
        let module = module.unwrap_or_else(|| module_of(&main).to_owned());
        Self { main, module }
    }

    /// The import path of a package, as others write it.
    pub(super) fn path<'a>(&'a self, package: &'a str) -> &'a str {
        if package == "main" { &self.main } else { package }
    }

    /// Whether the package at this path is the program's own.
    pub(super) fn owns(&self, path: &str) -> bool {
        let rest = path.strip_prefix(self.module.as_str());
        path == self.main || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// An own path without what all of them have in common, but for the module's last element.
    pub(super) fn short<'a>(&self, path: &'a str) -> &'a str {
        let last = module_of(&self.module).rfind('/').map_or(0, |slash| slash + 1);
        if path.starts_with(&self.module[..last]) { &path[last..] } else { path }
    }
}

/// The module of a package, by the habits of the host in its path: the repository that it lies in. Executables do not
/// say of a package which module it is of.
pub(super) fn module_of(path: &str) -> &str {
    let mut elements = path.split('/');
    let host = elements.next().unwrap_or_default();
    let second = elements.next().unwrap_or_default();
    let count = match host {
        // gopkg.in/yaml.v3, gopkg.in/square/go-jose.v2
        "gopkg.in" if !second.contains(".v") => 3,
        host if WITH_OWNER.contains(&host) => 3,
        host if host.contains('.') => 2,
        _ => 1,
    };
    let end = path.match_indices('/').nth(count - 1).map_or(path.len(), |(slash, _)| slash);
    &path[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Check that modules are cut where their hosts begin folders.
    #[test]
    fn modules_are_repositories() {
        for (path, module) in [
            ("github.com/a/b", "github.com/a/b"),
            ("github.com/a/b/v2/c", "github.com/a/b"),
            ("golang.org/x/net/internal/socket", "golang.org/x/net"),
            ("gopkg.in/yaml.v3", "gopkg.in/yaml.v3"),
            ("gopkg.in/square/go-jose.v2/json", "gopkg.in/square/go-jose.v2"),
            ("go.uber.org/zap/zapcore", "go.uber.org/zap"),
            ("k8s.io/klog/v2", "k8s.io/klog"),
            ("websvc/routes", "websvc"),
            ("main", "main"),
            ("github.com", "github.com"),
            ("github.com//", "github.com//"),
            ("", ""),
        ] {
            assert_eq!(module_of(path), module, "{path}");
        }
    }

    fn owner(path: &str, module: Option<&str>) -> Owner {
        let module = module.map(|module| (module.to_owned(), "v1".to_owned()));
        Owner::new(Some(&GoBuild {
            toolchain: "go1.27".into(),
            path: Some(path.into()),
            module,
            cgo: None,
            goroutine_below: None,
        }))
    }

    /// Check that own packages are told from others, with and without a module in the build information.
    #[test]
    fn own_packages_are_known() {
        for owner in [
            owner("github.com/a/b/v2/cmd/b", None),
            owner("github.com/a/b/v2/cmd/b", Some("github.com/a/b/v2")),
        ] {
            assert!(owner.owns(owner.path("main")), "{owner:?}");
            assert!(owner.owns("github.com/a/b/v2/x"), "{owner:?}");
            assert!(!owner.owns("github.com/a/bee"), "{owner:?}");
            assert_eq!(owner.short("github.com/a/b/v2/cmd/b"), "b/v2/cmd/b");
        }
        let plain = owner("websvc", Some("websvc"));
        assert!(plain.owns("websvc/routes") && !plain.owns("websvcs"));
        assert_eq!(plain.short("websvc/routes"), "websvc/routes");
        assert!(Owner::new(None).owns("main"));
    }
}
