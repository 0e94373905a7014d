//! Which package a function belongs to, by its name.

use std::borrow::Cow;

/// What the compiler makes for types, and what follows is a type: `type:.eq.` from Go 1.20 on, `type..eq.` before.
const GENERATED: [&str; 4] = ["type:.eq.", "type:.hash.", "type..eq.", "type..hash."];

/// The top folders of the standard library (`GOROOT/src`), Go 1.18 to 1.27, but for `cmd`, which has programs.
const STANDARD: &[&str] = &[
    "archive",
    "arena",
    "bufio",
    "builtin",
    "bytes",
    "cmp",
    "compress",
    "container",
    "context",
    "crypto",
    "database",
    "debug",
    "embed",
    "encoding",
    "errors",
    "expvar",
    "flag",
    "fmt",
    "go",
    "hash",
    "html",
    "image",
    "index",
    "internal",
    "io",
    "iter",
    "log",
    "maps",
    "math",
    "mime",
    "net",
    "os",
    "path",
    "plugin",
    "reflect",
    "regexp",
    "runtime",
    "simd",
    "slices",
    "sort",
    "strconv",
    "strings",
    "structs",
    "sync",
    "syscall",
    "testing",
    "text",
    "time",
    "unicode",
    "unique",
    "unsafe",
    "uuid",
    "vendor",
    "weak",
];

/// The import path of the package that a function is of: `github.com/a/b.v2` of `github.com/a/b%2ev2.(*T).Method`.
/// Empty where the name has none: assembly, what the linker adds, and what the compiler makes for a type without a
/// name.
///
/// Source: `funcpkgpath`, `src/runtime/symtab.go`, and `PathToPrefix`, `src/cmd/internal/objabi/path.go`, Go 1.27.
pub fn package_of(name: &str) -> Cow<'_, str> {
    let name = GENERATED.into_iter().find_map(|prefix| name.strip_prefix(prefix)).unwrap_or(name);
    // A type or its arguments follow, which have paths of their own.
    let name = &name[..name.find(['[', '(', '{', ' ']).unwrap_or(name.len())];
    let folder = name.rfind('/').map_or(0, |slash| slash + 1);
    let package = name[folder..].find('.').map_or("", |dot| &name[..folder + dot]);
    // `go:` and `type:` are the linker's. So were `go.` and `type.` before Go 1.20: no package has these paths. `_` is
    // what the compiler writes where a closure's function has no name.
    if package.contains(':') || matches!(package, "go" | "type" | "_") {
        Cow::Borrowed("")
    } else {
        unescape(package)
    }
}

/// Whether a package is the standard library's. So is none: functions without one are the runtime's, or wrappers that
/// say nothing of who called.
///
/// A list, because a dot in the first element of the path tells nothing of modules that are named without one.
pub fn is_standard_library(package: &str) -> bool {
    let top = package.split('/').next().unwrap_or_default();
    top.is_empty() || STANDARD.binary_search(&top).is_ok()
}

/// A function's name as Go's own stack traces show it, with `[...]` in place of type arguments. Up to Go 1.20 that is
/// how names are stored.
///
/// Source: `funcNameForPrint`, `src/runtime/symtab.go`, Go 1.21 to 1.27.
pub fn name_for_print(name: &str) -> Cow<'_, str> {
    match (name.find('['), name.rfind(']')) {
        (Some(start), Some(end)) if start < end => {
            Cow::Owned(format!("{}[...]{}", &name[..start], &name[end + 1..]))
        }
        _ => Cow::Borrowed(name),
    }
}

/// The linker writes dots of the last element, and what is not plain, as `%` and two hexadecimal digits.
fn unescape(path: &str) -> Cow<'_, str> {
    if !path.contains('%') {
        return Cow::Borrowed(path);
    }
    let mut parts = path.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        match part.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => bytes.extend([&[byte], &part.as_bytes()[2..]].concat()),
            None => bytes.extend([b"%", part.as_bytes()].concat()),
        }
    }
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Check that the package is found in every kind of name that the compiler and the linker write.
    #[test]
    fn packages_are_found() {
        for (name, package) in [
            ("main.main", "main"),
            ("net/http.(*conn).serve", "net/http"),
            ("net/http.HandlerFunc.ServeHTTP", "net/http"),
            ("github.com/a/b.init.0.func1", "github.com/a/b"),
            ("gopkg.in/yaml%2ev3.(*Decoder).Decode", "gopkg.in/yaml.v3"),
            ("github.com/a/b%2ev2.(*T).Method", "github.com/a/b.v2"),
            ("example%2ecom.Run", "example.com"),
            ("slices.SortFunc[...]", "slices"),
            ("sync/atomic.(*Pointer[go.shape.struct { net/http.x int }]).Load", "sync/atomic"),
            ("main.apply[github.com/a/b.T]", "main"),
            ("type:.eq.github.com/a/b.T", "github.com/a/b"),
            ("type..hash.net/http.connectMethodKey", "net/http"),
            ("type:.eq.[2]interface {}", ""),
            ("type..eq.struct { runtime.gList; runtime.n int32 }", ""),
            ("go:buildid", ""),
            ("go.buildid", ""),
            ("go/ast.Walk", "go/ast"),
            ("go.(*struct { sync.Mutex }).Lock", ""),
            ("vendor/golang.org/x/net/http2/hpack.(*Decoder).Write", "vendor/golang.org/x/net/http2/hpack"),
            ("_rt0_amd64_linux", ""),
            ("_.goready.func1", ""),
            ("odd%zz.F", "odd%zz"),
            ("%", ""),
            ("", ""),
        ] {
            assert_eq!(package_of(name), package, "{name}");
        }
    }

    /// Check that type arguments are cut, nested ones with those around them.
    #[test]
    fn type_arguments_are_not_printed() {
        assert_eq!(name_for_print("main.F[go.shape.[]int].func1"), "main.F[...].func1");
        assert_eq!(name_for_print("main.F[...]"), "main.F[...]");
        assert_eq!(name_for_print("main.odd]["), "main.odd][");
        assert_eq!(name_for_print("main.main"), "main.main");
    }

    /// Check that modules without a dot in their names are not taken for the standard library.
    #[test]
    fn the_standard_library_is_told_apart() {
        for package in
            ["", "runtime", "net/http", "go/ast", "vendor/golang.org/x/sys/cpu", "internal/abi", "uuid"]
        {
            assert!(is_standard_library(package), "{package}");
        }
        for package in
            ["main", "command-line-arguments", "github.com/a/b", "websvc/routes", "cmd/go/internal/work"]
        {
            assert!(!is_standard_library(package), "{package}");
        }
    }

    /// Check that the list can be searched.
    #[test]
    fn the_list_is_sorted() {
        assert!(STANDARD.is_sorted());
    }
}
