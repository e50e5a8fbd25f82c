//! What people do at the vendors' own pages, for whoever drives the sandbox over HTTP: no vendor has these addresses.
//!
//! `POST /people/tickets {"subject", "text"}`, `/people/tickets/<id>/comments {"text"}`,
//! `/people/pulls/<owner>/<name>/<number>/merge` or `/close`.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use super::reply::{self, Reply};
use super::zendesk::NewTicket;
use super::{Sandbox, World};

#[derive(Deserialize)]
struct Written {
    #[serde(default)]
    subject: String,
    text: String,
}

/// Answers a request to `/people/..`; none for any other address.
pub(crate) fn answer(sandbox: &Sandbox, request: &http::Request<Bytes>) -> Option<Reply> {
    let path = request.uri().path().strip_prefix("/people/")?;
    let parts: Vec<&str> = path.split('/').collect();
    if request.method() != http::Method::POST {
        return Some(reply::text(405, "people only POST"));
    }
    Some(sandbox.edit(|world, now_ms| match parts.as_slice() {
        ["tickets"] => written(request, |words| {
            let ticket = NewTicket {
                subject: &words.subject,
                text: &words.text,
                ..NewTicket::default()
            };
            Some(json!({ "ticket": world.zendesk.add_ticket(now_ms, &ticket) }))
        }),
        ["tickets", id, "comments"] => written(request, |words| {
            let id = id.parse().ok()?;
            let comment = world.zendesk.customer_comment(now_ms, id, &words.text)?;
            Some(json!({ "comment": comment }))
        }),
        ["pulls", owner, name, number, hand @ ("merge" | "close")] => {
            let repo = format!("{owner}/{name}");
            let number = number.parse().unwrap_or(0);
            pull(world, now_ms, (&repo, number), *hand == "merge")
        }
        _ => reply::text(404, "people do not do that here"),
    }))
}

fn written(request: &http::Request<Bytes>, write: impl FnOnce(&Written) -> Option<Value>) -> Reply {
    match serde_json::from_slice(request.body()) {
        Err(error) => reply::json(400, &json!({ "error": error.to_string() })),
        Ok(words) => match write(&words) {
            Some(made) => reply::json(201, &made),
            None => reply::text(404, "there is no such ticket"),
        },
    }
}

fn pull(world: &mut World, now_ms: u64, (repo, number): (&str, u64), merges: bool) -> Reply {
    let github = &mut world.github;
    if !github.pulls(repo).iter().any(|pull| pull.number == number) {
        return reply::text(404, "there is no such pull request");
    }
    let done = if merges {
        github
            .merge_pr(now_ms, repo, number)
            .map(|sha| json!({ "merged": sha }))
    } else {
        github
            .close_pr(now_ms, repo, number)
            .then(|| json!({ "closed": number }))
    };
    match done {
        Some(done) => reply::json(200, &done),
        None => reply::text(409, "the pull request is not open, or does not merge"),
    }
}
