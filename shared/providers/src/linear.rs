//! Linear: an issue whose id we choose, so that a second creation is refused and the first one read back.

use http::Method;
use http::header::AUTHORIZATION;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::effect::effect_uuid;
use crate::error::{Call, ProviderError, machine_code};
use crate::secret::Secret;
use crate::text::{Markdown, Plain, Text};
use crate::tracker::Issue;
use crate::wire::{Draft, Reply, Wire, endpoint, to_json};

/// Linear with one API key.
#[derive(Clone, Copy)]
pub struct Linear<'a> {
    wire: Wire<'a>,
    api_url: &'a str,
    api_key: &'a Secret,
}

/// An issue to create.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewIssue {
    /// Team id.
    pub team_id: String,
    /// One line.
    pub title: Text<Plain>,
    /// The description.
    pub description: Text<Markdown>,
    /// The effect key; the issue's id is its UUID.
    pub effect: String,
}

const CREATE: &str = "mutation IssueCreate($input: IssueCreateInput!) { issueCreate(input: $input) { success issue { id identifier url } } }";
const READ: &str = "query Issue($id: String!) { issue(id: $id) { id identifier url } }";
const ATTACH: &str = "mutation AttachmentCreate($input: AttachmentCreateInput!) { attachmentCreate(input: $input) { success } }";

/// The exact body that creates the issue.
#[must_use]
pub fn issue_body(issue: &NewIssue) -> String {
    let input = json!({
        "id": effect_uuid(&issue.effect),
        "teamId": issue.team_id,
        "title": issue.title,
        "description": issue.description,
    });
    to_json(&json!({ "query": CREATE, "variables": { "input": input } }))
}

#[derive(Deserialize)]
struct Envelope<T> {
    data: T,
}

#[derive(Deserialize)]
struct Created {
    #[serde(rename = "issueCreate")]
    create: CreatedIssue,
}

#[derive(Deserialize)]
struct CreatedIssue {
    success: bool,
    #[serde(default)]
    issue: Option<IssueWire>,
}

#[derive(Deserialize)]
struct Read {
    issue: IssueWire,
}

#[derive(Deserialize)]
struct IssueWire {
    id: String,
    identifier: String,
    url: String,
}

#[derive(Deserialize)]
struct Attached {
    #[serde(rename = "attachmentCreate")]
    create: Success,
}

#[derive(Deserialize)]
struct Success {
    success: bool,
}

impl From<IssueWire> for Issue {
    fn from(wire: IssueWire) -> Self {
        Self {
            id: wire.id,
            key: wire.identifier,
            url: wire.url,
        }
    }
}

impl<'a> Linear<'a> {
    /// `api_url` is `https://api.linear.app/graphql`.
    #[must_use]
    pub fn new(wire: Wire<'a>, api_url: &'a str, api_key: &'a Secret) -> Self {
        Self {
            wire,
            api_url,
            api_key,
        }
    }

    /// Creates the issue, or returns the one that an earlier attempt created: Linear refuses a second one of its id.
    ///
    /// # Errors
    /// [`ProviderError::AlreadyExists`] where the id is taken by an issue that cannot be read, such as a deleted one.
    pub async fn create_issue(&self, issue: &NewIssue) -> Result<Issue, ProviderError> {
        let call = call("create issue");
        match self.ask::<Created>(call, issue_body(issue)).await {
            Ok(Created {
                create:
                    CreatedIssue {
                        success: true,
                        issue: Some(created),
                    },
            }) => Ok(created.into()),
            Ok(_) => Err(ProviderError::Malformed {
                call,
                what: "expected `success` and `issue`".to_owned(),
            }),
            Err(ProviderError::AlreadyExists { call, status }) => {
                let found = self.find_issue(&issue.effect).await?;
                found.ok_or(ProviderError::AlreadyExists { call, status })
            }
            Err(error) => Err(error),
        }
    }

    /// The issue of this effect, by its id.
    ///
    /// # Errors
    /// As any read.
    pub async fn find_issue(&self, effect: &str) -> Result<Option<Issue>, ProviderError> {
        let body = json!({ "query": READ, "variables": { "id": effect_uuid(effect) } });
        match self.ask::<Read>(call("read issue"), to_json(&body)).await {
            Ok(read) => Ok(Some(read.issue.into())),
            Err(ProviderError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Puts a link on an issue, or updates the one with that address. Harmless to repeat.
    ///
    /// # Errors
    /// As any write.
    pub async fn link(&self, issue_id: &str, url: &str, title: &str) -> Result<(), ProviderError> {
        let call = call("link issue");
        let input = json!({ "issueId": issue_id, "url": url, "title": title });
        let body = json!({ "query": ATTACH, "variables": { "input": input } });
        let attached: Attached = self.ask(call, to_json(&body)).await?;
        if attached.create.success {
            Ok(())
        } else {
            Err(ProviderError::Malformed {
                call,
                what: "expected `success`".to_owned(),
            })
        }
    }

    async fn ask<T: DeserializeOwned>(&self, call: Call, body: String) -> Result<T, ProviderError> {
        let url = endpoint(call, self.api_url, &[], &[])?;
        let draft = Draft::new(call, Method::POST, &url)
            .secret_header(AUTHORIZATION, self.api_key.expose())
            .json(body);
        let reply = self.wire.send(draft).await?;
        let answer = reply.any_json();
        // A refusal may come with any status, 200 among them, so the body is asked first.
        if let Some(first) = answer.pointer("/errors/0") {
            return Err(refusal(&reply, first));
        }
        if reply.status != 200 {
            return Err(reply.failure(String::new()));
        }
        reply.json::<Envelope<T>>().map(|envelope| envelope.data)
    }
}

const fn call(operation: &'static str) -> Call {
    Call {
        provider: "linear",
        operation,
    }
}

fn refusal(reply: &Reply, error: &Value) -> ProviderError {
    let Reply { call, status, .. } = *reply;
    let text = |pointer: &str| error.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let prose = format!(
        "{}\n{}",
        text("/message"),
        text("/extensions/userPresentableMessage")
    )
    .to_lowercase();
    let code = machine_code(text("/extensions/code"));
    match code.as_str() {
        "INPUT_ERROR" if prose.contains("conflict on insert") || prose.contains("already exists") => {
            ProviderError::AlreadyExists { call, status }
        }
        "INPUT_ERROR" if prose.contains("entity not found") => ProviderError::NotFound { call, status },
        "RATELIMITED" => {
            // Milliseconds since 1970.
            let reset_ms = reply
                .number("x-ratelimit-requests-reset")
                .map(|at_ms| reply.wait_until_ms(at_ms));
            ProviderError::RateLimited {
                call,
                status,
                retry_after_ms: reply.retry_after_ms().or(reset_ms),
            }
        }
        "AUTHENTICATION_ERROR" => ProviderError::Unauthorized { call, status },
        "FORBIDDEN" | "FEATURE_NOT_ACCESSIBLE" => ProviderError::Forbidden { call, status },
        "INPUT_ERROR" | "INVALID_INPUT" | "GRAPHQL_VALIDATION_FAILED" | "BAD_USER_INPUT" => {
            ProviderError::Rejected { call, status, code }
        }
        "INTERNAL_SERVER_ERROR" => ProviderError::Unavailable {
            call,
            status,
            retry_after_ms: reply.retry_after_ms(),
        },
        _ if status == 200 => ProviderError::Unexpected { call, status, code },
        _ => reply.failure(code),
    }
}

#[cfg(test)]
mod tests;
