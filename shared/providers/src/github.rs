//! GitHub: repositories read, draft pull requests opened, webhooks and missed deliveries.
//!
//! What closes the crash windows: blobs, trees and commits are named by their content, once author, committer and date
//! are fixed; a branch is created, never moved; a pull request is looked up by its branch in *every* state before one
//! is opened, so that one that a person closed stays the only one.

mod app;
mod archive;
mod commit;
pub mod event;
mod issue;
mod pull;
mod repository;

pub use app::{App, HookDeliveries, HookDelivery, InstallationToken, app_jwt};
pub use archive::{Archive, ArchiveError, ArchiveLimits, Skipped, SourceFile, unpack};
pub use commit::{NewCommit, Person, TreeContent, TreeEntry, commit_body, tree_body};
pub use event::{Change, Delivery, Event, parse};
pub use issue::{NewIssue, issue_body};
pub use pull::{NewPull, Pull, PullState, pull_body};
pub use repository::{FileText, Head, Repo};

use http::header::{ACCEPT, HeaderName};
use ratchet_domain::ids::RepoName;
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use crate::error::{Call, ProviderError, machine_code};
use crate::secret::Secret;
use crate::wire::{Draft, Reply, Wire, endpoint};

/// The API version that these wire types were read from.
const API_VERSION: &str = "2022-11-28";

/// Code of the refusal that [`Github::create_pull`] answers by leaving out the draft.
const DRAFT_UNSUPPORTED: &str = "draft_unsupported";

/// GitHub, or an Enterprise host, with one token.
#[derive(Clone, Copy)]
pub struct Github<'a> {
    wire: Wire<'a>,
    api_url: &'a str,
    token: &'a Secret,
}

impl<'a> Github<'a> {
    /// `api_url` is `https://api.github.com`, or `https://host/api/v3`; `token` is a personal token or an
    /// [`InstallationToken`]'s.
    #[must_use]
    pub fn new(wire: Wire<'a>, api_url: &'a str, token: &'a Secret) -> Self {
        Self { wire, api_url, token }
    }

    fn url(
        &self,
        call: Call,
        repo: &RepoName,
        segments: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Url, ProviderError> {
        let (owner, name) = repo.as_str().split_once('/').unwrap_or((repo.as_str(), ""));
        endpoint(
            call,
            self.api_url,
            &[&["repos", owner, name], segments].concat(),
            query,
        )
    }

    async fn get<T: DeserializeOwned>(
        &self,
        call: Call,
        repo: &RepoName,
        segments: &[&str],
        query: &[(&str, &str)],
    ) -> Result<T, ProviderError> {
        let url = self.url(call, repo, segments, query)?;
        self.send(Draft::get(call, &url)).await?.json()
    }

    async fn post<T: DeserializeOwned>(
        &self,
        call: Call,
        repo: &RepoName,
        segments: &[&str],
        body: String,
    ) -> Result<T, ProviderError> {
        let url = self.url(call, repo, segments, &[])?;
        self.send(Draft::new(call, http::Method::POST, &url).json(body))
            .await?
            .json()
    }

    /// All pages of a list, 100 a page; `keep` takes a page's items and says whether to go on.
    async fn pages<T: DeserializeOwned>(
        &self,
        call: Call,
        repo: &RepoName,
        segments: &[&str],
        query: &[(&str, &str)],
        (pages_max, mut keep): (u64, impl FnMut(Vec<T>) -> bool),
    ) -> Result<(), ProviderError> {
        for page in 1..=pages_max {
            let page = page.to_string();
            let query = [query, &[("per_page", "100"), ("page", &page)]].concat();
            let items: Vec<T> = self.get(call, repo, segments, &query).await?;
            let is_last = items.len() < 100;
            if !keep(items) || is_last {
                return Ok(());
            }
        }
        Err(ProviderError::TooLarge {
            call,
            what: "pages",
            limit: pages_max,
        })
    }

    async fn send(&self, draft: Draft) -> Result<Reply, ProviderError> {
        send(self.wire, draft.bearer(self.token)).await
    }
}

const fn call(operation: &'static str) -> Call {
    Call {
        provider: "github",
        operation,
    }
}

async fn send(wire: Wire<'_>, draft: Draft) -> Result<Reply, ProviderError> {
    let reply = wire.send(addressed(draft)).await?;
    if reply.is_success() {
        Ok(reply)
    } else {
        Err(failure(wire, &reply))
    }
}

/// With the headers that every request to GitHub's API carries.
fn addressed(draft: Draft) -> Draft {
    draft
        .header(ACCEPT, "application/vnd.github+json")
        .header(HeaderName::from_static("x-github-api-version"), API_VERSION)
}

/// GitHub says in prose what its statuses leave open; the phrases are the vendor's.
fn failure(wire: Wire<'_>, reply: &Reply) -> ProviderError {
    let Reply { call, status, .. } = *reply;
    let body = reply.any_json();
    let prose = prose(&body);
    let says = |phrase: &str| prose.contains(phrase);
    match status {
        403 | 429 if status == 429 || is_rate_limit(reply, &prose) => ProviderError::RateLimited {
            call,
            status,
            retry_after_ms: wait_ms(reply).or_else(|| wire.limit_wait_ms()),
        },
        409 if says("repository is empty") => ProviderError::EmptyRepository { call, status },
        422 if says("reference already exists") || says("a pull request already exists") => {
            ProviderError::AlreadyExists { call, status }
        }
        422 if says("no commits between") => ProviderError::NoCommits { call, status },
        422 if says("draft pull requests are not supported") => ProviderError::Rejected {
            call,
            status,
            code: DRAFT_UNSUPPORTED.to_owned(),
        },
        _ => {
            let code = body
                .pointer("/errors/0/code")
                .and_then(Value::as_str)
                .unwrap_or_default();
            reply.failure(machine_code(code))
        }
    }
}

/// The body's message and those of its errors, in lower case.
fn prose(body: &Value) -> String {
    let message = |value: &Value| {
        value
            .get("message")
            .or(Some(value))
            .and_then(Value::as_str)
            .map(str::to_lowercase)
    };
    let errors = body
        .get("errors")
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default();
    let texts: Vec<String> = message(body)
        .into_iter()
        .chain(errors.iter().filter_map(message))
        .collect();
    texts.join("\n")
}

/// A 403 is a limit where GitHub says so; else it is a permission.
fn is_rate_limit(reply: &Reply, prose: &str) -> bool {
    reply.header("retry-after").is_some()
        || reply.number("x-ratelimit-remaining") == Some(0)
        || prose.contains("rate limit")
        || prose.contains("abuse detection")
}

/// The wait that GitHub names. A secondary limit may name none; its rate limits page then asks for a minute.
fn wait_ms(reply: &Reply) -> Option<u64> {
    let reset_ms = || match reply.number("x-ratelimit-remaining") {
        Some(0) => reply.reset_ms("x-ratelimit-reset"),
        _ => None,
    };
    reply.retry_after_ms().or_else(reset_ms)
}

#[cfg(test)]
mod tests;
