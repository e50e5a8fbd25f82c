//! The repository as files: what the tests that read it share.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// The text of a file, by its path from the root.
pub(crate) fn read(path: &str) -> Result<String> {
    fs::read_to_string(root().join(path)).with_context(|| format!("reading path=`{path}`"))
}

/// All files below a folder, as paths from the root with `/` between, sorted; build output and hidden folders of tools
/// are left out.
pub(crate) fn files_below(folder: &str) -> Result<Vec<String>> {
    const SKIPPED: [&str; 3] = ["target", ".git", ".aws-sam"];
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        let entries =
            fs::read_dir(root().join(&folder)).with_context(|| format!("listing folder=`{folder}`"))?;
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            // In a linked working tree `.git` is a file.
            if SKIPPED.contains(&name.as_str()) {
                continue;
            }
            let path = if folder.is_empty() {
                name.clone()
            } else {
                format!("{folder}/{name}")
            };
            // In a linked work tree, `.git` is a file.
            if SKIPPED.contains(&name.as_str()) {
                continue;
            }
            if entry.file_type()?.is_file() {
                found.push(path);
            } else if entry.file_type()?.is_dir() {
                open.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}
