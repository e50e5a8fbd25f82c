//! Issues, and comments on issues and pull requests.

use std::collections::BTreeSet;

use ratchet_guard::clock::Millis;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Github;
use super::api::{Answer, Call, error, invalid};
use super::pulls::{number_of, numbered_page};
use crate::sandbox::effect::EffectKind;
use crate::sandbox::{marker, reply, time};

/// One issue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issue {
    /// Its number.
    pub number: u64,
    /// One line.
    pub title: String,
    /// Markdown.
    pub body: String,
    /// Names of its labels.
    pub labels: BTreeSet<String>,
    /// Not closed.
    pub open: bool,
    /// Who opened it.
    pub author: String,
    pub(crate) id: u64,
    pub(crate) created_ms: Millis,
    pub(crate) updated_ms: Millis,
}

/// A comment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Note {
    pub(crate) on: u64,
    pub(crate) body: String,
    pub(crate) author: String,
    pub(crate) created_ms: Millis,
}

impl Github {
    pub(crate) fn issue_create(&mut self, call: &mut Call<'_>) -> Answer {
        let body = call.body();
        let id = self.fresh_id();
        let name = call.repo_name();
        let repo = self.repo_of_mut(call)?;
        if !repo.issues_enabled {
            return Err(error(410, "Issues are disabled for this repo"));
        }
        let text = |name: &str| {
            body.get(name)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let title = text("title");
        if title.is_empty() {
            return Err(invalid(
                &json!({"resource": "Issue", "field": "title", "code": "missing_field"}),
            ));
        }
        let number = repo.fresh_number();
        let issue = Issue {
            number,
            title,
            body: text("body"),
            labels: labels(&body).unwrap_or_default(),
            open: true,
            author: call.caller.login().to_owned(),
            id,
            created_ms: call.ask.now_ms,
            updated_ms: call.ask.now_ms,
        };
        call.landed(
            EffectKind::Issue,
            number.to_string(),
            marker::in_body(&issue.body),
        );
        let reply = reply::json(201, &issue_json(&name, &issue, &call.ask.base));
        repo.issues.insert(number, issue);
        Ok(reply)
    }

    /// As at the vendor, a pull request is an issue too, and the list holds both.
    pub(crate) fn issue_list(&mut self, call: &mut Call<'_>) -> Answer {
        let repo = self.repo_of(call)?;
        let name = call.repo_name();
        let mut items = Vec::new();
        items.extend(
            repo.issues
                .values()
                .map(|issue| (issue.number, issue_json(&name, issue, &call.ask.base))),
        );
        items.extend(repo.pulls.values().map(|pull| {
            let issue = Issue {
                number: pull.number,
                title: pull.title.clone(),
                body: pull.body.clone(),
                labels: BTreeSet::new(),
                open: pull.open,
                author: pull.author.clone(),
                id: pull.id,
                created_ms: pull.created_ms,
                updated_ms: pull.updated_ms,
            };
            let mut item = issue_json(&name, &issue, &call.ask.base);
            if let Some(item) = item.as_object_mut() {
                item.insert(
                    "pull_request".to_owned(),
                    json!({"url": format!("{}/repos/{name}/pulls/{}", call.ask.base, pull.number)}),
                );
            }
            (pull.number, item)
        }));
        items.sort_by_key(|(number, _)| std::cmp::Reverse(*number));
        let items = items
            .into_iter()
            .map(|(_, item)| item)
            .filter(|item| wanted(call, item))
            .collect();
        Ok(numbered_page(call, items))
    }

    pub(crate) fn issue_get(&mut self, call: &mut Call<'_>) -> Answer {
        let repo = self.repo_of(call)?;
        let issue = number_of(call, 4)
            .and_then(|number| repo.issues.get(&number))
            .ok_or_else(|| error(404, "Not Found"))?;
        Ok(reply::json(
            200,
            &issue_json(&call.repo_name(), issue, &call.ask.base),
        ))
    }

    pub(crate) fn issue_update(&mut self, call: &mut Call<'_>) -> Answer {
        let body = call.body();
        let name = call.repo_name();
        let number = number_of(call, 4).unwrap_or_default();
        let repo = self.repo_of_mut(call)?;
        let issue = repo
            .issues
            .get_mut(&number)
            .ok_or_else(|| error(404, "Not Found"))?;
        let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
        issue.title = text("title").unwrap_or_else(|| issue.title.clone());
        issue.body = text("body").unwrap_or_else(|| issue.body.clone());
        issue.labels = labels(&body).unwrap_or_else(|| issue.labels.clone());
        issue.open = text("state").map_or(issue.open, |state| state == "open");
        issue.updated_ms = call.ask.now_ms;
        Ok(reply::json(200, &issue_json(&name, issue, &call.ask.base)))
    }

    pub(crate) fn comment_create(&mut self, call: &mut Call<'_>) -> Answer {
        let body = call.body();
        let id = self.fresh_id();
        let on = number_of(call, 4).unwrap_or_default();
        let repo = self.repo_of_mut(call)?;
        if !repo.issues.contains_key(&on) && !repo.pulls.contains_key(&on) {
            return Err(error(404, "Not Found"));
        }
        let words = body
            .get("body")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        if words.is_empty() {
            return Err(invalid(
                &json!({"resource": "IssueComment", "field": "body", "code": "missing_field"}),
            ));
        }
        let note = Note {
            on,
            body: words,
            author: call.caller.login().to_owned(),
            created_ms: call.ask.now_ms,
        };
        call.landed(
            EffectKind::IssueComment,
            id.to_string(),
            marker::in_body(&note.body),
        );
        let reply = reply::json(201, &note_json(id, &note));
        repo.comments.insert(id, note);
        Ok(reply)
    }

    pub(crate) fn comment_list(&mut self, call: &mut Call<'_>) -> Answer {
        let repo = self.repo_of(call)?;
        let on = number_of(call, 4).unwrap_or_default();
        let notes = repo.comments.iter().filter(|(_, note)| note.on == on);
        let items = notes.map(|(id, note)| note_json(*id, note)).collect();
        Ok(numbered_page(call, items))
    }
}

/// The filters of the list: `state`, `creator`, `labels`, `since`.
fn wanted(call: &Call<'_>, item: &Value) -> bool {
    let state = call.ask.param("state").unwrap_or("open");
    let field = |pointer: &str| item.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let names: BTreeSet<&str> = item
        .get("labels")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|label| label.get("name")?.as_str())
        .collect();
    (state == "all" || field("/state") == state)
        && call
            .ask
            .param("creator")
            .is_none_or(|creator| field("/user/login") == creator.replace("app/", ""))
        && call
            .ask
            .param("labels")
            .is_none_or(|labels| labels.split(',').all(|label| names.contains(label.trim())))
        && call
            .ask
            .param("since")
            .and_then(time::parse)
            .is_none_or(|since| time::parse(field("/updated_at")) >= Some(since))
}

fn labels(body: &Value) -> Option<BTreeSet<String>> {
    let labels = body.get("labels")?.as_array()?;
    Some(
        labels
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
    )
}

fn issue_json(repo: &str, issue: &Issue, base: &str) -> Value {
    json!({
        "id": issue.id,
        "node_id": format!("I_{}", issue.id),
        "url": format!("{base}/repos/{repo}/issues/{}", issue.number),
        "html_url": format!("https://github.com/{repo}/issues/{}", issue.number),
        "number": issue.number,
        "state": if issue.open { "open" } else { "closed" },
        "title": issue.title,
        "body": issue.body,
        "user": {"login": issue.author},
        "labels": issue.labels.iter().map(|name| json!({"name": name})).collect::<Vec<_>>(),
        "created_at": time::seconds(issue.created_ms),
        "updated_at": time::seconds(issue.updated_ms),
    })
}

fn note_json(id: u64, note: &Note) -> Value {
    json!({
        "id": id,
        "body": note.body,
        "user": {"login": note.author},
        "created_at": time::seconds(note.created_ms),
        "updated_at": time::seconds(note.created_ms),
    })
}
