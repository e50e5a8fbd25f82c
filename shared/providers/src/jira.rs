//! Jira Cloud: an issue that is known by its label, and links that are known by their global id.
//!
//! Jira has no key against repeats, and the search that finds a label may lag behind by seconds. So a lookup that finds
//! nothing proves nothing until the index had time: whoever asks waits first, or accepts a duplicate.

use http::Method;
use ratchet_domain::ids::digest_of;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::effect::effect_uuid;
use crate::error::{Call, ProviderError};
use crate::secret::Secret;
use crate::text::{Plain, Text};
use crate::tracker::Issue;
use crate::wire::{Draft, Reply, Wire, endpoint, to_json};

/// Jira Cloud of one site, as one user.
#[derive(Clone, Copy)]
pub struct Jira<'a> {
    wire: Wire<'a>,
    site_url: &'a str,
    email: &'a str,
    api_token: &'a Secret,
}

/// An issue to create.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewIssue {
    /// Project key.
    pub project: String,
    /// Issue type's name.
    pub issue_type: String,
    /// One line.
    pub summary: Text<Plain>,
    /// Plain text; empty lines part its paragraphs.
    pub description: Text<Plain>,
    /// The effect key; a label carries its UUID.
    pub effect: String,
}

/// The label that marks an issue as this effect's. Labels hold no spaces and no separators, so it is the UUID.
#[must_use]
pub fn label(effect: &str) -> String {
    format!("ratchet-{}", effect_uuid(effect))
}

/// The exact body that creates the issue.
#[must_use]
pub fn issue_body(issue: &NewIssue) -> String {
    to_json(&json!({ "fields": {
        "project": { "key": issue.project },
        "issuetype": { "name": issue.issue_type },
        "summary": issue.summary,
        "description": document(issue.description.as_str()),
        "labels": ["ratchet", label(&issue.effect)],
    } }))
}

/// Plain text as Atlassian's document format.
fn document(text: &str) -> Value {
    let paragraphs = text
        .split("\n\n")
        .map(str::trim)
        .filter(|paragraph| !paragraph.is_empty());
    let paragraph =
        |text: &str| json!({ "type": "paragraph", "content": [{ "type": "text", "text": text }] });
    json!({ "type": "doc", "version": 1, "content": paragraphs.map(paragraph).collect::<Vec<_>>() })
}

/// A string literal of Jira's query language.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[derive(Deserialize)]
struct IssueWire {
    id: String,
    key: String,
}

#[derive(Deserialize)]
struct Found {
    issues: Vec<IssueWire>,
}

impl<'a> Jira<'a> {
    /// `site_url` is `https://acme.atlassian.net`; `email` and `api_token` are the user's.
    #[must_use]
    pub fn new(wire: Wire<'a>, site_url: &'a str, email: &'a str, api_token: &'a Secret) -> Self {
        Self {
            wire,
            site_url,
            email,
            api_token,
        }
    }

    /// Creates the issue. Nothing refuses a second one.
    ///
    /// # Errors
    /// As any write.
    pub async fn create_issue(&self, issue: &NewIssue) -> Result<Issue, ProviderError> {
        let created: IssueWire = self
            .post(call("create issue"), &["issue"], issue_body(issue))
            .await?
            .json()?;
        Ok(self.issue(created))
    }

    /// The issue of this effect, if the search index knows it already. Of several, the one with the lowest id.
    ///
    /// # Errors
    /// As any read.
    pub async fn find_issue(&self, project: &str, effect: &str) -> Result<Option<Issue>, ProviderError> {
        Ok(self.find_issues(project, effect).await?.into_iter().next())
    }

    /// All issues of this effect that the search index knows, the lowest id first; 50 at most.
    ///
    /// # Errors
    /// As any read.
    pub async fn find_issues(&self, project: &str, effect: &str) -> Result<Vec<Issue>, ProviderError> {
        let jql = format!(
            "project = {} AND labels = {} ORDER BY created ASC",
            quoted(project),
            quoted(&label(effect))
        );
        let body = json!({ "jql": jql, "fields": ["key"], "maxResults": 50 });
        let found: Found = self
            .read(call("search issues"), &["search", "jql"], to_json(&body))
            .await?;
        let mut issues = found.issues;
        issues.sort_by(|one, two| (one.id.len(), &one.id).cmp(&(two.id.len(), &two.id)));
        Ok(issues.into_iter().map(|issue| self.issue(issue)).collect())
    }

    /// Deletes an issue, by its id or its key; one that has sub-tasks is refused.
    /// Source: <https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issues/#api-rest-api-3-issue-issueidorkey-delete>.
    ///
    /// # Errors
    /// As any write; [`ProviderError::NotFound`] where it is gone already.
    pub async fn delete_issue(&self, id_or_key: &str) -> Result<(), ProviderError> {
        let call = call("delete issue");
        let url = endpoint(
            call,
            self.site_url,
            &["rest", "api", "3", "issue", id_or_key],
            &[],
        )?;
        let draft = Draft::new(call, Method::DELETE, &url).basic(self.email, self.api_token);
        let reply = self.wire.send(draft).await?;
        if reply.status == 204 {
            Ok(())
        } else {
            Err(reply.failure(String::new()))
        }
    }

    /// Puts a link on an issue, or updates the one with that address. Harmless to repeat.
    ///
    /// # Errors
    /// As any write.
    pub async fn link(&self, issue_key: &str, url: &str, title: &str) -> Result<(), ProviderError> {
        // A global id holds 255 characters; an address may be longer.
        let global_id: String = digest_of(&[url]).chars().take(32).collect();
        let body =
            json!({ "globalId": format!("ratchet={global_id}"), "object": { "url": url, "title": title } });
        self.post(
            call("link issue"),
            &["issue", issue_key, "remotelink"],
            to_json(&body),
        )
        .await
        .map(|_| ())
    }

    fn issue(&self, wire: IssueWire) -> Issue {
        let url = format!("{}/browse/{}", self.site_url.trim_end_matches('/'), wire.key);
        Issue {
            id: wire.id,
            key: wire.key,
            url,
        }
    }

    async fn read<T: DeserializeOwned>(
        &self,
        call: Call,
        segments: &[&str],
        body: String,
    ) -> Result<T, ProviderError> {
        self.post(call, segments, body).await?.json()
    }

    async fn post(&self, call: Call, segments: &[&str], body: String) -> Result<Reply, ProviderError> {
        let url = endpoint(
            call,
            self.site_url,
            &[&["rest", "api", "3"], segments].concat(),
            &[],
        )?;
        let draft = Draft::new(call, Method::POST, &url)
            .basic(self.email, self.api_token)
            .json(body);
        let reply = self.wire.send(draft).await?;
        // Jira's errors are prose, or are keyed by the fields of the project: there is no code to keep.
        if matches!(reply.status, 200 | 201) {
            Ok(reply)
        } else {
            Err(reply.failure(String::new()))
        }
    }
}

const fn call(operation: &'static str) -> Call {
    Call {
        provider: "jira",
        operation,
    }
}

#[cfg(test)]
mod tests;
