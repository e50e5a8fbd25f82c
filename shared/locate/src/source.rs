//! Which files are source that somebody wrote, and how their definitions look.

/// Languages whose definitions look alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    Rust,
    Python,
    Script,
    Go,
    Ruby,
    /// Java, Kotlin, C#, Swift, Scala, PHP, C and C++: braces, and a type before the name or a keyword.
    Braces,
    /// Indexed by windows alone.
    Plain,
}

const FAMILIES: [(&str, Family); 47] = [
    ("rs", Family::Rust),
    ("py", Family::Python),
    ("pyi", Family::Python),
    ("js", Family::Script),
    ("mjs", Family::Script),
    ("cjs", Family::Script),
    ("jsx", Family::Script),
    ("ts", Family::Script),
    ("mts", Family::Script),
    ("cts", Family::Script),
    ("tsx", Family::Script),
    ("vue", Family::Script),
    ("svelte", Family::Script),
    ("go", Family::Go),
    ("rb", Family::Ruby),
    ("rake", Family::Ruby),
    ("java", Family::Braces),
    ("kt", Family::Braces),
    ("kts", Family::Braces),
    ("cs", Family::Braces),
    ("swift", Family::Braces),
    ("scala", Family::Braces),
    ("php", Family::Braces),
    ("dart", Family::Braces),
    ("c", Family::Braces),
    ("h", Family::Braces),
    ("cc", Family::Braces),
    ("hh", Family::Braces),
    ("cpp", Family::Braces),
    ("hpp", Family::Braces),
    ("cxx", Family::Braces),
    ("m", Family::Braces),
    ("mm", Family::Braces),
    ("ex", Family::Plain),
    ("exs", Family::Plain),
    ("erl", Family::Plain),
    ("clj", Family::Plain),
    ("hs", Family::Plain),
    ("lua", Family::Plain),
    ("sql", Family::Plain),
    ("sh", Family::Plain),
    ("html", Family::Plain),
    ("css", Family::Plain),
    ("scss", Family::Plain),
    ("erb", Family::Plain),
    ("graphql", Family::Plain),
    ("proto", Family::Plain),
];

/// Folders whose content somebody else wrote, or a tool did.
const FOREIGN_FOLDERS: [&str; 17] = [
    "target",
    "node_modules",
    "bower_components",
    "vendor",
    "vendored",
    "third_party",
    "third-party",
    "dist",
    "build",
    "out",
    "venv",
    "__pycache__",
    "site-packages",
    "coverage",
    "generated",
    "__generated__",
    "pods",
];

/// Endings of file names that tools write.
const GENERATED_ENDINGS: [&str; 12] = [
    ".min.js",
    ".min.css",
    ".bundle.js",
    ".d.ts",
    ".pb.go",
    ".pb.cc",
    ".pb.h",
    "_pb2.py",
    "_pb2_grpc.py",
    ".g.dart",
    ".g.cs",
    ".designer.cs",
];

/// Whether the file at this path, relative to its repository's root, is worth indexing: source by its extension, and
/// neither vendored, generated, minified, hidden nor outside the repository.
///
/// Lock files, data and binaries fall out because their extensions are not of source.
#[must_use]
pub fn is_source(path: &str) -> bool {
    let Some((folders, name)) = split(path) else {
        return false;
    };
    let name = name.to_ascii_lowercase();
    family(path).is_some()
        && !folders.split('/').any(is_foreign)
        && !name.starts_with('.')
        && !GENERATED_ENDINGS.iter().any(|ending| name.ends_with(ending))
        && !name.contains(".generated.")
        && !name.contains("_generated.")
}

/// The folders and the name; none for a path that no archive of a repository should hold.
fn split(path: &str) -> Option<(&str, &str)> {
    let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
    let sound = !path.starts_with('/') && !path.contains(['\\', '\0']) && !name.is_empty();
    sound.then_some((folders, name))
}

fn is_foreign(folder: &str) -> bool {
    // A leading dot covers `.git`, `.venv`, `.next` and also `..`, which leaves the repository.
    folder.starts_with('.')
        || FOREIGN_FOLDERS
            .iter()
            .any(|foreign| folder.eq_ignore_ascii_case(foreign))
}

/// The family of the path's extension; none where it is no source.
pub(crate) fn family(path: &str) -> Option<Family> {
    let name = path.rsplit_once('/').map_or(path, |(_, name)| name);
    let (stem, extension) = name.rsplit_once('.')?;
    if stem.is_empty() {
        return None;
    }
    FAMILIES
        .iter()
        .find(|(known, _)| extension.eq_ignore_ascii_case(known))
        .map(|(_, family)| *family)
}

/// Whether the path is of a test: a fix is rarely there, and a test's words are the bug's own.
pub(crate) fn is_test(path: &str) -> bool {
    let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let in_tests = folders.split('/').any(|folder| {
        matches!(
            folder,
            "test" | "tests" | "spec" | "specs" | "__tests__" | "testdata" | "fixtures"
        )
    });
    in_tests
        || matches!(stem, "tests" | "test" | "conftest")
        || stem.starts_with("test_")
        || ["_test", "_tests", "_spec", ".test", ".spec"]
            .iter()
            .any(|ending| stem.ends_with(ending))
}

/// Whether the text says of itself that a tool wrote it, or has the lines that only tools write.
pub(crate) fn is_generated(text: &str) -> bool {
    const HEAD_LINES: usize = 5;
    const LINE_BYTES_MEAN_MAX: usize = 500;
    let marked = text.lines().take(HEAD_LINES).any(|line| {
        line.contains("@generated") || (line.contains("generated") && line.contains("DO NOT EDIT"))
    });
    let lines = text.bytes().filter(|byte| *byte == b'\n').count() + 1;
    marked || text.len() / lines > LINE_BYTES_MEAN_MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_source_is_indexed() {
        for path in [
            "src/cart.rs",
            "web/src/app.JS",
            "main.go",
            "a/b/c.tsx",
            "lib/x.rb",
            "templates/builder/x.html",
        ] {
            assert!(is_source(path), "{path}");
        }
    }

    #[test]
    fn what_nobody_wrote_here_is_not_indexed() {
        for path in [
            "Cargo.lock",
            "package-lock.json",
            "web/app.min.js",
            "target/debug/build/x.rs",
            "web/node_modules/left-pad/index.js",
            "Vendor/x.go",
            "api/v1/service.pb.go",
            "src/schema.generated.ts",
            "logo.png",
            "README",
            ".rs",
            ".github/x.py",
            "../outside.rs",
            "/etc/x.py",
            "a\\b.rs",
            "",
            "src/",
        ] {
            assert!(!is_source(path), "{path}");
        }
    }

    #[test]
    fn tests_are_told_from_what_they_test() {
        for path in [
            "tests/it/cart.rs",
            "web/test/a.js",
            "cart_test.go",
            "web/cart.spec.ts",
            "test_cart.py",
        ] {
            assert!(is_test(path), "{path}");
        }
        for path in ["src/contest.rs", "src/latest/x.js", "src/testimony.py"] {
            assert!(!is_test(path), "{path}");
        }
    }

    #[test]
    fn generated_text_is_told_by_its_head_or_its_lines() {
        assert!(is_generated(
            "// Code generated by protoc. DO NOT EDIT.\npackage x\n"
        ));
        assert!(is_generated(&"var a=1;".repeat(200)));
        assert!(!is_generated("fn main() {}\n// the generated table is in x\n"));
    }
}
