//! Writing a commit: content that is named by its hash, so that a second write of the same is the first one.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ratchet_domain::ids::RepoName;
use serde::{Deserialize, Serialize};

use super::repository::ShaWire;
use super::{Github, call};
use crate::error::ProviderError;
use crate::text::{Plain, Text};
use crate::wire::to_json;

/// Author and committer of a commit. All three fields are part of the commit's SHA.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// Name.
    pub name: String,
    /// Address.
    pub email: String,
    /// RFC 3339, to the second; fixed once, or every attempt makes another commit.
    pub date: String,
}

/// A commit to create.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewCommit {
    /// Subject, blank line, body.
    pub message: Text<Plain>,
    /// Tree SHA.
    pub tree: String,
    /// Commit SHA of its only parent.
    pub parent: String,
    /// Author and committer.
    pub author: Person,
}

#[derive(Serialize)]
struct CommitBody<'a> {
    message: &'a str,
    tree: &'a str,
    parents: [&'a str; 1],
    author: &'a Person,
    committer: &'a Person,
}

/// The exact body that creates the commit.
#[must_use]
pub fn commit_body(commit: &NewCommit) -> String {
    to_json(&CommitBody {
        message: commit.message.as_str(),
        tree: &commit.tree,
        parents: [&commit.parent],
        author: &commit.author,
        committer: &commit.author,
    })
}

/// What a path holds in a new tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TreeContent {
    /// A blob that is there already, by SHA.
    Blob(String),
    /// Text; GitHub makes the blob.
    Text(String),
    /// Nothing: the path is deleted.
    Deleted,
}

/// One path of a new tree that differs from the tree below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeEntry {
    /// From the repository's root.
    pub path: String,
    /// Git mode: `100644` or `100755`.
    pub mode: String,
    /// What it holds.
    pub content: TreeContent,
}

#[derive(Serialize)]
struct TreeBody<'a> {
    base_tree: &'a str,
    tree: Vec<EntryBody<'a>>,
}

#[derive(Serialize)]
struct EntryBody<'a> {
    path: &'a str,
    mode: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(flatten)]
    content: ContentBody<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum ContentBody<'a> {
    Sha(Option<&'a str>),
    Content(&'a str),
}

/// The exact body that creates the tree.
#[must_use]
pub fn tree_body(base_tree: &str, entries: &[TreeEntry]) -> String {
    to_json(&TreeBody {
        base_tree,
        tree: entries.iter().map(entry_body).collect(),
    })
}

fn entry_body(entry: &TreeEntry) -> EntryBody<'_> {
    let content = match &entry.content {
        TreeContent::Blob(sha) => ContentBody::Sha(Some(sha)),
        TreeContent::Text(text) => ContentBody::Content(text),
        TreeContent::Deleted => ContentBody::Sha(None),
    };
    EntryBody {
        path: &entry.path,
        mode: &entry.mode,
        kind: "blob",
        content,
    }
}

#[derive(Serialize)]
struct BlobBody<'a> {
    content: &'a str,
    encoding: &'static str,
}

#[derive(Serialize)]
struct RefBody<'a> {
    #[serde(rename = "ref")]
    name: &'a str,
    sha: &'a str,
}

impl Github<'_> {
    /// Stores a file's bytes and returns the blob's SHA. Harmless to repeat.
    ///
    /// # Errors
    /// As any write; [`ProviderError::EmptyRepository`] before the first commit.
    pub async fn create_blob(&self, repo: &RepoName, bytes: &[u8]) -> Result<String, ProviderError> {
        let content = STANDARD.encode(bytes);
        let body = to_json(&BlobBody {
            content: &content,
            encoding: "base64",
        });
        let created: ShaWire = self
            .post(call("create blob"), repo, &["git", "blobs"], body)
            .await?;
        Ok(created.sha)
    }

    /// Lays files over a tree and returns the new tree's SHA. Harmless to repeat.
    ///
    /// # Errors
    /// As any write; [`ProviderError::Rejected`] for a path or a blob that GitHub refuses.
    pub async fn create_tree(
        &self,
        repo: &RepoName,
        base_tree: &str,
        entries: &[TreeEntry],
    ) -> Result<String, ProviderError> {
        let body = tree_body(base_tree, entries);
        let created: ShaWire = self
            .post(call("create tree"), repo, &["git", "trees"], body)
            .await?;
        Ok(created.sha)
    }

    /// Creates a commit on no branch and returns its SHA. Harmless to repeat: equal input, equal SHA.
    ///
    /// # Errors
    /// As any write.
    pub async fn create_commit(&self, repo: &RepoName, commit: &NewCommit) -> Result<String, ProviderError> {
        let created: ShaWire = self
            .post(
                call("create commit"),
                repo,
                &["git", "commits"],
                commit_body(commit),
            )
            .await?;
        Ok(created.sha)
    }

    /// Creates a branch at a commit. It is never moved.
    ///
    /// # Errors
    /// [`ProviderError::AlreadyExists`]: compare what [`find_branch`](Self::find_branch) says with the commit; if they
    /// are equal it is ours, else somebody moved it.
    pub async fn create_branch(
        &self,
        repo: &RepoName,
        branch: &str,
        commit: &str,
    ) -> Result<(), ProviderError> {
        let name = format!("refs/heads/{branch}");
        let body = to_json(&RefBody {
            name: &name,
            sha: commit,
        });
        let _: serde_json::Value = self
            .post(call("create branch"), repo, &["git", "refs"], body)
            .await?;
        Ok(())
    }
}
