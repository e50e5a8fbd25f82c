//! A repository's archive, unpacked in memory within limits.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::{self, Read};

use flate2::read::GzDecoder;
use ratchet_domain::limits::{REPO_BYTES_MAX, SOURCE_FILE_BYTES_MAX};
use tar::EntryType;
use thiserror::Error;

/// Longest path that is read, in bytes.
const PATH_BYTES_MAX: usize = 1024;

/// How much of an archive is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArchiveLimits {
    /// Bytes as sent.
    pub packed_bytes_max: usize,
    /// Bytes after unpacking, of everything in it.
    pub unpacked_bytes_max: u64,
    /// Bytes of one file; larger ones are skipped.
    pub file_bytes_max: u64,
    /// Files that are kept.
    pub files_max: usize,
}

impl Default for ArchiveLimits {
    fn default() -> Self {
        Self {
            packed_bytes_max: REPO_BYTES_MAX,
            unpacked_bytes_max: REPO_BYTES_MAX as u64,
            file_bytes_max: SOURCE_FILE_BYTES_MAX as u64,
            files_max: 50_000,
        }
    }
}

/// A text file of the repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// From the repository's root, with `/`; no part of it is empty, `.` or `..`.
    pub path: String,
    /// Git mode: `100644` or `100755`.
    pub mode: &'static str,
    /// UTF-8.
    pub text: String,
}

/// What was left out of an [`Archive`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Skipped {
    /// Symlinks, devices, and paths that leave the root.
    pub irregular: usize,
    /// Files over the limit of one file.
    pub oversized: usize,
    /// Files that are not UTF-8 text.
    pub binary: usize,
}

/// The text files of a repository at one commit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Archive {
    /// In order of their paths; each path once.
    pub files: Vec<SourceFile>,
    /// What is not among them.
    pub skipped: Skipped,
}

/// Why an archive was not unpacked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ArchiveError {
    /// More of something than the limits allow.
    #[error("archive is over the limit what=`{what}` limit=`{limit}`")]
    TooLarge {
        /// `unpacked bytes` or `files`.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
    /// Not a gzipped tar, or cut off.
    #[error("archive does not unpack")]
    Damaged,
}

/// Unpacks a gzipped tar whose entries stand under one top folder, which is dropped.
/// Nothing is written anywhere, and no more than the limits is ever held.
///
/// # Errors
/// [`ArchiveError`]; an archive over the limits is refused whole, never cut.
pub fn unpack(packed: &[u8], limits: &ArchiveLimits) -> Result<Archive, ArchiveError> {
    let is_over = Cell::new(false);
    let stream = Bounded {
        inner: GzDecoder::new(packed),
        left: limits.unpacked_bytes_max,
        is_over: &is_over,
    };
    let read = unpack_stream(stream, limits);
    if is_over.get() {
        return Err(ArchiveError::TooLarge {
            what: "unpacked bytes",
            limit: limits.unpacked_bytes_max,
        });
    }
    read
}

fn unpack_stream(stream: impl Read, limits: &ArchiveLimits) -> Result<Archive, ArchiveError> {
    let damaged = |_: io::Error| ArchiveError::Damaged;
    let mut files: BTreeMap<String, SourceFile> = BTreeMap::new();
    let mut skipped = Skipped::default();
    let mut archive = tar::Archive::new(stream);
    for entry in archive.entries().map_err(damaged)? {
        let mut entry = entry.map_err(damaged)?;
        let kind = entry.header().entry_type();
        if matches!(
            kind,
            EntryType::Directory | EntryType::XGlobalHeader | EntryType::XHeader
        ) {
            continue;
        }
        if kind != EntryType::Regular {
            skipped.irregular += 1;
            continue;
        }
        let Some(path) = path_below_top(&entry.path_bytes()) else {
            skipped.irregular += 1;
            continue;
        };
        if entry.size() > limits.file_bytes_max {
            skipped.oversized += 1;
            continue;
        }
        let is_executable = entry.header().mode().is_ok_and(|mode| mode & 0o111 != 0);
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).map_err(damaged)?;
        let Some(text) = String::from_utf8(bytes).ok().filter(|text| !text.contains('\0')) else {
            skipped.binary += 1;
            continue;
        };
        let mode = if is_executable { "100755" } else { "100644" };
        files.insert(path.clone(), SourceFile { path, mode, text });
        if files.len() > limits.files_max {
            return Err(ArchiveError::TooLarge {
                what: "files",
                limit: limits.files_max as u64,
            });
        }
    }
    // The checksum stands at the very end, after what tar itself reads.
    io::copy(&mut archive.into_inner(), &mut io::sink()).map_err(damaged)?;
    Ok(Archive {
        files: files.into_values().collect(),
        skipped,
    })
}

fn path_below_top(bytes: &[u8]) -> Option<String> {
    let path = std::str::from_utf8(bytes)
        .ok()
        .filter(|path| path.len() <= PATH_BYTES_MAX)?;
    let (_, below) = path.split_once('/')?;
    let is_plain = |part: &str| !matches!(part, "" | "." | "..") && !part.contains(['\\', '\0']);
    (!path.starts_with('/') && below.split('/').all(is_plain)).then(|| below.to_owned())
}

/// Fails one byte after its limit, and remembers that it did.
struct Bounded<'a, R> {
    inner: R,
    left: u64,
    is_over: &'a Cell<bool>,
}

impl<R: Read> Read for Bounded<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        match self.left.checked_sub(count as u64) {
            Some(left) => {
                self.left = left;
                Ok(count)
            }
            None => {
                self.is_over.set(true);
                Err(io::Error::other("over the limit"))
            }
        }
    }
}

#[cfg(test)]
mod tests;
