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
        let mut kept = BTreeMap::new();
        for file in fitting(&sorted, REPO_BYTES_MAX) {
            if let Some(family) = family(&file.path) {
                let chunks = chunks(&file.path, family, &file.text);
                kept.insert(
                    file.path.clone(),
                    File {
                        text: file.text.clone(),
                        chunks,
                    },
                );
            }
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

/// The files that together stay within so many bytes: each in turn, unless it alone would exceed what is left.
fn fitting<'a>(files: &[&'a SourceFile], bytes_max: usize) -> Vec<&'a SourceFile> {
    let mut room = bytes_max;
    let mut kept = Vec::with_capacity(files.len());
    for file in files {
        if let Some(left) = room.checked_sub(file.text.len()) {
            room = left;
            kept.push(*file);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: String) -> SourceFile {
        SourceFile {
            path: path.to_owned(),
            text,
        }
    }

    fn paths(corpus: &Corpus) -> Vec<&str> {
        corpus.files().map(|(_, path, _)| path).collect()
    }

    #[test]
    fn what_is_too_large_generated_or_no_source_is_skipped() {
        let line = "let total = 1;\n";
        let mut corpus = Corpus::new();
        corpus.add_repo(
            &RepoName::parse("acme/shop").unwrap(),
            &[
                file("a.rs", line.repeat(SOURCE_FILE_BYTES_MAX / line.len())),
                file("b.rs", line.repeat(SOURCE_FILE_BYTES_MAX / line.len() + 1)),
                file("c.rs", format!("// @generated\n{line}")),
                file("d.lock", line.to_owned()),
                file("e.rs", line.to_owned()),
            ],
        );
        assert_eq!(paths(&corpus), ["a.rs", "e.rs"]);
    }

    #[test]
    fn files_are_kept_while_they_fit_together() {
        let all: Vec<SourceFile> = [("a", 4), ("b", 7), ("c", 6)]
            .map(|(path, bytes)| file(path, "x".repeat(bytes)))
            .to_vec();
        let kept: Vec<&str> = fitting(&all.iter().collect::<Vec<_>>(), 10)
            .iter()
            .map(|file| file.path.as_str())
            .collect();
        assert_eq!(kept, ["a", "c"]);
    }

    #[test]
    fn a_line_beyond_a_snippet_is_cut_at_a_letter() {
        let mut corpus = Corpus::new();
        let text = format!("{}\n{}", "\n".repeat(20), "ä".repeat(SNIPPET_BYTES_MAX));
        corpus.add_repo(&RepoName::parse("acme/shop").unwrap(), &[file("a.rs", text)]);
        let lengths: Vec<usize> = corpus
            .files()
            .flat_map(|(_, _, file)| file.chunks.iter().map(|chunk| file.snippet(chunk).len()))
            .collect();
        assert_eq!(lengths, [SNIPPET_BYTES_MAX]);
    }
}
