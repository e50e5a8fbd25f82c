//! What is searched: the source files of an org's repositories, cut into chunks.

use std::collections::BTreeMap;

use ratchet_domain::ids::RepoName;
use ratchet_domain::limits::{REPO_BYTES_MAX, SNIPPET_BYTES_MAX, SOURCE_FILE_BYTES_MAX};

use crate::chunk::{Chunk, chunks};
use crate::source::{family, is_generated, is_source};

/// One UTF-8 source file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// Path from the repository's root, with `/`.
    pub path: String,
    /// The whole text.
    pub text: String,
}

/// The source of one or several repositories, ready to be searched.
///
/// It keeps the text once and no index of words: a bug is searched for once in a corpus, and reading the words then
/// costs less time and far less memory than an index that nobody reads twice.
#[derive(Debug, Clone, Default)]
pub struct Corpus {
    repos: BTreeMap<RepoName, BTreeMap<String, File>>,
}

/// A file and its chunks.
#[derive(Debug, Clone)]
pub(crate) struct File {
    text: String,
    pub(crate) chunks: Vec<Chunk>,
}

impl File {
    /// The chunk's text, which is its snippet: at most [`SNIPPET_BYTES_MAX`] bytes.
    pub(crate) fn snippet(&self, chunk: &Chunk) -> &str {
        let text = self.text.get(chunk.start..chunk.end).unwrap_or_default();
        text.get(..text.floor_char_boundary(SNIPPET_BYTES_MAX))
            .unwrap_or_default()
    }
}

impl Corpus {
    /// A corpus without a file.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in the files of a repository, in place of those that it had.
    ///
    /// Skipped without a word: what [`is_source`] refuses, what says that a tool wrote it, files over
    /// [`SOURCE_FILE_BYTES_MAX`], and, in the order of their paths, what exceeds [`REPO_BYTES_MAX`] together.
    pub fn add_repo(&mut self, repo: &RepoName, files: &[SourceFile]) {
        let mut sorted: Vec<&SourceFile> = files.iter().filter(|file| is_indexed(file)).collect();
        sorted.sort_by(|one, other| (&one.path, &one.text).cmp(&(&other.path, &other.text)));
        let mut room = REPO_BYTES_MAX;
        let mut kept = BTreeMap::new();
        for file in sorted {
            let Some(family) = family(&file.path) else {
                continue;
            };
            let Some(left) = room.checked_sub(file.text.len()) else {
                continue;
            };
            room = left;
            let chunks = chunks(&file.path, family, &file.text);
            kept.insert(
                file.path.clone(),
                File {
                    text: file.text.clone(),
                    chunks,
                },
            );
        }
        self.repos.insert(repo.clone(), kept);
    }

    /// Every file with its repository and its path, in that order.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&RepoName, &str, &File)> {
        self.repos
            .iter()
            .flat_map(|(repo, files)| files.iter().map(move |(path, file)| (repo, path.as_str(), file)))
    }
}

fn is_indexed(file: &SourceFile) -> bool {
    is_source(&file.path) && file.text.len() <= SOURCE_FILE_BYTES_MAX && !is_generated(&file.text)
}
