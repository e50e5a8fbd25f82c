//! The inputs that are kept.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::Target;

/// Where a target's inputs are.
#[must_use]
pub fn folder(target: &Target) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../fuzz/corpus")
        .join(target.name)
}

/// Every input of a target, by its file's name.
///
/// # Errors
/// When the folder is missing or a file is not readable.
pub fn of(target: &Target) -> Result<BTreeMap<String, Vec<u8>>> {
    let folder = folder(target);
    let mut found = BTreeMap::new();
    let entries = fs::read_dir(&folder).with_context(|| format!("corpus folder=`{}`", folder.display()))?;
    for entry in entries {
        let entry = entry?;
        let bytes = fs::read(entry.path()).with_context(|| format!("input {}", entry.path().display()))?;
        found.insert(entry.file_name().to_string_lossy().into_owned(), bytes);
    }
    Ok(found)
}

/// Keeps an input that the search found.
///
/// # Errors
/// When it cannot be written.
pub fn keep(target: &Target, number: usize, input: &[u8]) -> Result<PathBuf> {
    let folder = folder(target);
    fs::create_dir_all(&folder)?;
    let path = folder.join(format!("found-{number:03}"));
    fs::write(&path, input).with_context(|| format!("input {}", path.display()))?;
    Ok(path)
}
