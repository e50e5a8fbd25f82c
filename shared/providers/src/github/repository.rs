//! Reading a repository: what it is, where its branch stands, its files.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ratchet_domain::ids::RepoName;
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::{Archive, ArchiveError, ArchiveLimits, Github, addressed, call, failure, unpack};
use crate::error::{Call, ProviderError};
use crate::wire::{Draft, Reply};

/// A repository as GitHub describes it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Repo {
    /// Survives a renaming.
    pub id: u64,
    /// Base of pull requests.
    pub default_branch: String,
    /// Nothing can be written to it.
    #[serde(default)]
    pub archived: bool,
    /// Switched off by GitHub.
    #[serde(default)]
    pub disabled: bool,
    /// On GitHub's disks, with all history, updated hourly; in KB. Zero does not prove that it is empty: reading its
    /// head does ([`ProviderError::EmptyRepository`]).
    #[serde(rename = "size", default)]
    pub size_kb: u64,
}

/// Where a branch stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Commit SHA.
    pub commit: String,
    /// Tree SHA of that commit.
    pub tree: String,
}

/// A text file at one commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileText {
    /// Blob SHA.
    pub sha: String,
    /// UTF-8.
    pub text: String,
}

#[derive(Deserialize)]
pub(super) struct ShaWire {
    pub(super) sha: String,
}

#[derive(Deserialize)]
struct RefWire {
    object: ShaWire,
}

#[derive(Deserialize)]
struct CommitWire {
    tree: ShaWire,
}

impl Github<'_> {
    /// What the repository is.
    ///
    /// # Errors
    /// [`ProviderError::NotFound`] where it is absent or hidden from the token.
    pub async fn repo(&self, repo: &RepoName) -> Result<Repo, ProviderError> {
        self.get(call("read repository"), repo, &[], &[]).await
    }

    /// The head of a branch that must be there.
    ///
    /// # Errors
    /// [`ProviderError::EmptyRepository`] before the first commit; [`ProviderError::NotFound`] without the branch.
    pub async fn head(&self, repo: &RepoName, branch: &str) -> Result<Head, ProviderError> {
        let commit = self.read_ref(repo, branch).await?;
        let tree = self.tree_of(repo, &commit).await?;
        Ok(Head { commit, tree })
    }

    /// The tree SHA of a commit.
    ///
    /// # Errors
    /// [`ProviderError::NotFound`] where the repository has no such commit.
    pub async fn tree_of(&self, repo: &RepoName, commit: &str) -> Result<String, ProviderError> {
        let read: CommitWire = self
            .get(call("read commit"), repo, &["git", "commits", commit], &[])
            .await?;
        Ok(read.tree.sha)
    }

    /// The commit that a branch points to, or none where there is no such branch.
    ///
    /// # Errors
    /// A repository that the token no longer sees is an error, not an absent branch.
    pub async fn find_branch(&self, repo: &RepoName, branch: &str) -> Result<Option<String>, ProviderError> {
        match self.read_ref(repo, branch).await {
            Ok(commit) => Ok(Some(commit)),
            Err(ProviderError::NotFound { .. }) => self.repo(repo).await.map(|_| None),
            Err(error) => Err(error),
        }
    }

    async fn read_ref(&self, repo: &RepoName, branch: &str) -> Result<String, ProviderError> {
        let segments: Vec<&str> = ["git", "ref", "heads"]
            .into_iter()
            .chain(branch.split('/'))
            .collect();
        let read: RefWire = self.get(call("read branch"), repo, &segments, &[]).await?;
        Ok(read.object.sha)
    }

    /// One text file of at most 1 MB at a commit or branch.
    ///
    /// # Errors
    /// [`ProviderError::Rejected`] with code `not_a_file` for a folder, a link or a submodule, with `not_text` for a
    /// file that is not UTF-8; [`ProviderError::TooLarge`] beyond what GitHub sends this way.
    pub async fn file(&self, repo: &RepoName, path: &str, at: &str) -> Result<FileText, ProviderError> {
        let call = call("read file");
        let segments: Vec<&str> = ["contents"].into_iter().chain(path.split('/')).collect();
        let url = self.url(call, repo, &segments, &[("ref", at)])?;
        let reply = self.send(Draft::get(call, &url)).await?;
        read_contents(&reply)
    }

    /// All text files at a commit: one archive, read through the one redirect that GitHub answers with.
    /// The token goes to GitHub's own host only.
    ///
    /// # Errors
    /// [`ProviderError::TooLarge`] for a repository over the limits.
    pub async fn tarball(
        &self,
        repo: &RepoName,
        commit: &str,
        limits: &ArchiveLimits,
    ) -> Result<Archive, ProviderError> {
        let call = call("read archive");
        let url = self.url(call, repo, &["tarball", commit], &[])?;
        let draft = Draft::get(call, &url)
            .bearer(self.token)
            .bytes_max(limits.packed_bytes_max);
        let first = self.wire.send(addressed(draft)).await?;
        let reply = match first.status {
            200 => first,
            302 => self.follow(call, &url, &first, limits).await?,
            _ => return Err(failure(self.wire, &first)),
        };
        unpack(&reply.body, limits).map_err(|error| match error {
            ArchiveError::TooLarge { what, limit } => ProviderError::TooLarge { call, what, limit },
            ArchiveError::Damaged => reply.malformed("expected a gzipped tar"),
        })
    }

    async fn follow(
        &self,
        call: Call,
        from: &Url,
        redirect: &Reply,
        limits: &ArchiveLimits,
    ) -> Result<Reply, ProviderError> {
        let to = redirect
            .header("location")
            .and_then(|location| from.join(location).ok());
        let is_allowed =
            |to: &Url| to.scheme() == "https" || (to.scheme() == "http" && from.scheme() == "http");
        let to = to
            .filter(is_allowed)
            .ok_or_else(|| redirect.malformed("expected an address at `location`"))?;
        let draft = Draft::get(call, &to).bytes_max(limits.packed_bytes_max);
        let draft = if to.origin() == from.origin() {
            draft.bearer(self.token)
        } else {
            draft
        };
        let reply = self.wire.send(draft).await?;
        if reply.status == 200 {
            Ok(reply)
        } else {
            Err(failure(self.wire, &reply))
        }
    }
}

fn read_contents(reply: &Reply) -> Result<FileText, ProviderError> {
    let call = reply.call;
    let refused = |code: &str| ProviderError::Rejected {
        call,
        status: reply.status,
        code: code.to_owned(),
    };
    let contents: Value = reply.json()?;
    let text = |name: &str| contents.get(name).and_then(Value::as_str);
    if text("type") != Some("file") {
        return Err(refused("not_a_file"));
    }
    let (Some(sha), Some(encoding), Some(content)) = (text("sha"), text("encoding"), text("content")) else {
        return Err(reply.malformed("expected `sha`, `encoding` and `content`"));
    };
    if encoding != "base64" {
        return Err(ProviderError::TooLarge {
            call,
            what: "bytes",
            limit: 1024 * 1024,
        });
    }
    let packed: String = content.split_ascii_whitespace().collect();
    let bytes = STANDARD
        .decode(packed)
        .map_err(|_| reply.malformed("expected base64 at `content`"))?;
    let text = String::from_utf8(bytes).map_err(|_| refused("not_text"))?;
    Ok(FileText {
        sha: sha.to_owned(),
        text,
    })
}
