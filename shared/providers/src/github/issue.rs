//! Issues of a repository as a tracker: marked in their body, looked up in the list, which is no search index.

use ratchet_domain::ids::RepoName;
use serde::{Deserialize, Serialize};

use super::{Github, call};
use crate::effect::html_marker;
use crate::error::ProviderError;
use crate::text::{Markdown, Plain, Text};
use crate::tracker::Issue;
use crate::wire::to_json;

/// Most pages of issues that a lookup reads.
const ISSUE_PAGES_MAX: u64 = 20;

/// An issue to create.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewIssue {
    /// One line.
    pub title: Text<Plain>,
    /// The body; the marker is added below it.
    pub body: Text<Markdown>,
    /// The effect key.
    pub effect: String,
}

#[derive(Serialize)]
struct IssueBody<'a> {
    title: &'a str,
    body: &'a str,
}

/// The exact body that creates it.
#[must_use]
pub fn issue_body(issue: &NewIssue) -> String {
    let body = issue.body.clone().ours("\n\n").marker(&issue.effect);
    to_json(&IssueBody {
        title: issue.title.as_str(),
        body: body.as_str(),
    })
}

#[derive(Deserialize)]
struct IssueWire {
    number: u64,
    html_url: String,
    #[serde(default)]
    body: Option<String>,
    /// Pull requests stand in the list of issues too.
    #[serde(default)]
    pull_request: Option<serde_json::Value>,
}

impl IssueWire {
    fn into_issue(self, repo: &RepoName) -> Issue {
        Issue {
            id: self.number.to_string(),
            key: format!("{repo}#{}", self.number),
            url: self.html_url,
        }
    }
}

impl Github<'_> {
    /// Creates an issue. There is no key that makes a repeat harmless: look with [`find_issue`](Self::find_issue) first.
    ///
    /// # Errors
    /// [`ProviderError::NotFound`] (status 410) where the repository has no issues.
    pub async fn create_issue(&self, repo: &RepoName, issue: &NewIssue) -> Result<Issue, ProviderError> {
        let created: IssueWire = self
            .post(call("create issue"), repo, &["issues"], issue_body(issue))
            .await?;
        Ok(created.into_issue(repo))
    }

    /// The issue with this effect's marker among those touched since `since` (RFC 3339), the moment before the first
    /// attempt. Labels are not asked for: GitHub drops them silently where the token may not set them.
    ///
    /// # Errors
    /// Any failed page is an error: none is only said after all was read.
    pub async fn find_issue(
        &self,
        repo: &RepoName,
        effect: &str,
        since: &str,
    ) -> Result<Option<Issue>, ProviderError> {
        let marker = html_marker(effect);
        let is_marked = |issue: &IssueWire| {
            issue.pull_request.is_none() && issue.body.as_ref().is_some_and(|body| body.contains(&marker))
        };
        let query = [
            ("state", "all"),
            ("since", since),
            ("sort", "created"),
            ("direction", "desc"),
        ];
        let mut found = None;
        let keep = |page: Vec<IssueWire>| {
            found = page.into_iter().find(is_marked);
            found.is_none()
        };
        self.pages(
            call("list issues"),
            repo,
            &["issues"],
            &query,
            (ISSUE_PAGES_MAX, keep),
        )
        .await?;
        Ok(found.map(|issue| issue.into_issue(repo)))
    }
}
