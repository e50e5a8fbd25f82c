//! Pull requests: one a branch, for ever.

use ratchet_domain::ids::RepoName;
use serde::{Deserialize, Serialize};

use super::{DRAFT_UNSUPPORTED, Github, call};
use crate::error::ProviderError;
use crate::text::{Markdown, Plain, Text};
use crate::wire::to_json;

/// Most pages of pull requests that one branch may have.
const PULL_PAGES_MAX: u64 = 5;

/// Most pages of changed files. Source: GitHub lists 3,000 files of a pull request at most, 100 a page: a thirtieth
/// page that is full may not be the last.
const FILE_PAGES_MAX: u64 = 30;

/// A pull request to open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewPull {
    /// One line.
    pub title: Text<Plain>,
    /// Branch with the change.
    pub head: String,
    /// Branch it goes to.
    pub base: String,
    /// The body, with the hidden marker.
    pub body: Text<Markdown>,
}

#[derive(Serialize)]
struct PullBody<'a> {
    title: &'a str,
    head: &'a str,
    base: &'a str,
    body: &'a str,
    draft: bool,
}

/// The exact body that opens it: as a draft, or, where a repository has no drafts, with `[WIP]` before its title.
#[must_use]
pub fn pull_body(pull: &NewPull, draft: bool) -> String {
    let title = if draft {
        pull.title.clone()
    } else {
        Text::from("[WIP] ").then(&pull.title)
    };
    to_json(&PullBody {
        title: title.as_str(),
        head: &pull.head,
        base: &pull.base,
        body: pull.body.as_str(),
        draft,
    })
}

/// Where a pull request's life stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PullState {
    /// Open, as a draft or not.
    Open,
    /// Closed without a merge.
    Closed,
    /// Merged.
    Merged,
}

/// A pull request as GitHub has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pull {
    /// Its number in the repository.
    pub number: u64,
    /// For people.
    pub url: String,
    /// Open, closed or merged.
    pub state: PullState,
    /// Whether it is a draft.
    pub draft: bool,
    /// Branch with the change.
    pub head_branch: String,
    /// Head commit.
    pub head_sha: String,
    /// Branch it goes to.
    pub base_branch: String,
    /// Markdown; empty where there is none.
    pub body: String,
}

#[derive(Deserialize)]
struct PullWire {
    number: u64,
    html_url: String,
    state: String,
    #[serde(default)]
    draft: bool,
    #[serde(default)]
    merged: bool,
    #[serde(default)]
    merged_at: Option<String>,
    head: EndWire,
    base: EndWire,
    #[serde(default)]
    body: Option<String>,
}

#[derive(Deserialize)]
struct EndWire {
    #[serde(rename = "ref")]
    branch: String,
    sha: String,
}

impl From<PullWire> for Pull {
    fn from(wire: PullWire) -> Self {
        let state = if wire.merged || wire.merged_at.is_some() {
            PullState::Merged
        } else if wire.state == "open" {
            PullState::Open
        } else {
            PullState::Closed
        };
        Self {
            number: wire.number,
            url: wire.html_url,
            state,
            draft: wire.draft,
            head_branch: wire.head.branch,
            head_sha: wire.head.sha,
            base_branch: wire.base.branch,
            body: wire.body.unwrap_or_default(),
        }
    }
}

#[derive(Deserialize)]
struct FileWire {
    filename: String,
    #[serde(default)]
    previous_filename: Option<String>,
}

impl Github<'_> {
    /// Opens a draft pull request. Where the repository has no drafts, which GitHub says before doing anything, it is
    /// opened as a plain one whose title begins with `[WIP]`.
    ///
    /// # Errors
    /// [`ProviderError::AlreadyExists`]: an open one has this branch; [`ProviderError::NoCommits`]: nothing changes.
    pub async fn create_pull(&self, repo: &RepoName, pull: &NewPull) -> Result<Pull, ProviderError> {
        let call = call("create pull");
        let created: Result<PullWire, ProviderError> =
            self.post(call, repo, &["pulls"], pull_body(pull, true)).await;
        let created = match created {
            Err(ProviderError::Rejected { code, .. }) if code == DRAFT_UNSUPPORTED => {
                self.post(call, repo, &["pulls"], pull_body(pull, false)).await
            }
            answered => answered,
        };
        created.map(Pull::from)
    }

    /// Every pull request that ever had this branch of this repository as its head, whatever its state and whatever
    /// its base is now: a person may have closed it or sent it elsewhere, and it is still the one.
    ///
    /// # Errors
    /// Any failed page is an error: an empty list is only returned after all was read.
    pub async fn find_pulls(&self, repo: &RepoName, branch: &str) -> Result<Vec<Pull>, ProviderError> {
        let head = format!("{}:{branch}", repo.owner());
        let query = [("head", head.as_str()), ("state", "all")];
        let mut found: Vec<Pull> = Vec::new();
        let keep = |page: Vec<PullWire>| {
            found.extend(
                page.into_iter()
                    .map(Pull::from)
                    .filter(|pull| pull.head_branch == branch),
            );
            true
        };
        self.pages(
            call("list pulls"),
            repo,
            &["pulls"],
            &query,
            (PULL_PAGES_MAX, keep),
        )
        .await?;
        Ok(found)
    }

    /// One pull request by its number.
    ///
    /// # Errors
    /// [`ProviderError::NotFound`] without it.
    pub async fn pull(&self, repo: &RepoName, number: u64) -> Result<Pull, ProviderError> {
        let number = number.to_string();
        let wire: PullWire = self
            .get(call("read pull"), repo, &["pulls", &number], &[])
            .await?;
        Ok(wire.into())
    }

    /// Paths that a pull request touches, old names of renamed files included.
    ///
    /// # Errors
    /// [`ProviderError::TooLarge`] from 3,000 files on, since GitHub lists no more.
    pub async fn changed_files(&self, repo: &RepoName, number: u64) -> Result<Vec<String>, ProviderError> {
        let number = number.to_string();
        let mut files = Vec::new();
        let keep = |page: Vec<FileWire>| {
            files.extend(
                page.into_iter()
                    .flat_map(|file| [Some(file.filename), file.previous_filename])
                    .flatten(),
            );
            true
        };
        let segments = ["pulls", number.as_str(), "files"];
        self.pages(
            call("list changed files"),
            repo,
            &segments,
            &[],
            (FILE_PAGES_MAX, keep),
        )
        .await?;
        Ok(files)
    }
}
