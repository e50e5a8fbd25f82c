//! Files for a repository of the sandbox.

use std::fs;
use std::io;
use std::path::Path;

use super::github::object::Mode;

/// One file of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// Path from the repository's root, with `/`.
    pub path: String,
    /// What it is; never a directory.
    pub mode: Mode,
    /// Its content, or the target of a symbolic link.
    pub content: Vec<u8>,
}

impl SourceFile {
    /// A plain text file.
    #[must_use]
    pub fn text(path: &str, text: &str) -> Self {
        Self {
            path: path.to_owned(),
            mode: Mode::File,
            content: text.as_bytes().to_vec(),
        }
    }

    /// A symbolic link.
    #[must_use]
    pub fn symlink(path: &str, target: &str) -> Self {
        Self {
            path: path.to_owned(),
            mode: Mode::Symlink,
            content: target.as_bytes().to_vec(),
        }
    }
}

/// Directories that no working tree commits.
const SKIPPED: [&str; 5] = [".git", "target", "node_modules", ".aws-sam", "__pycache__"];

/// Files over this size are left out, in bytes: they are artefacts, not source.
const FILE_BYTES_MAX: u64 = 2 * 1024 * 1024;

/// Reads a working tree, sorted by path. Build output, dependencies, git's own directory and very large files
/// are left out; a link is read as a link and never followed.
///
/// # Errors
/// Whatever reading a directory or a file fails with.
pub fn read_dir(root: &Path) -> io::Result<Vec<SourceFile>> {
    let mut files = Vec::new();
    collect(root, "", &mut files)?;
    files.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(files)
}

fn collect(dir: &Path, prefix: &str, files: &mut Vec<SourceFile>) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        // A name that is not UTF-8 has no place in an interface that speaks JSON.
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        let path = format!("{prefix}{name}");
        let metadata = fs::symlink_metadata(entry.path())?;
        if metadata.is_symlink() {
            let target = fs::read_link(entry.path())?;
            files.push(SourceFile::symlink(&path, &target.to_string_lossy()));
        } else if metadata.is_dir() {
            if !SKIPPED.contains(&name.as_str()) {
                collect(&entry.path(), &format!("{path}/"), files)?;
            }
        } else if metadata.is_file() && metadata.len() <= FILE_BYTES_MAX {
            files.push(SourceFile {
                path,
                mode: mode(&metadata),
                content: fs::read(entry.path())?,
            });
        }
    }
    Ok(())
}

#[cfg(unix)]
fn mode(metadata: &fs::Metadata) -> Mode {
    use std::os::unix::fs::PermissionsExt as _;
    if metadata.permissions().mode() & 0o100 == 0 {
        Mode::File
    } else {
        Mode::Executable
    }
}

#[cfg(not(unix))]
fn mode(_: &fs::Metadata) -> Mode {
    Mode::File
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_working_tree_is_read_without_its_build_output() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let files = read_dir(root).unwrap();
        assert!(files.iter().any(|file| file.path == "src/sandbox/source.rs"));
        assert!(files.is_sorted_by(|one, other| one.path < other.path));
        assert!(!files.iter().any(|file| file.path.starts_with("target/")));
    }
}
