//! The search, whose index lags behind: right for people, wrong for recovery.

use serde_json::{Value, json};

use super::Github;
use super::api::{Answer, Call};
use crate::sandbox::{reply, time};

/// One thing that a search can find.
struct Hit<'a> {
    repo: &'a str,
    number: u64,
    title: &'a str,
    body: &'a str,
    head: Option<&'a str>,
    open: bool,
    created_ms: u64,
}

impl Github {
    pub(crate) fn search_issues(&mut self, call: &mut Call<'_>) -> Answer {
        let query = call.ask.param("q").unwrap_or_default().to_lowercase();
        let indexed_ms = call.ask.now_ms.saturating_sub(self.search_lag_ms);
        let items: Vec<Value> = self
            .hits()
            .filter(|hit| hit.created_ms <= indexed_ms)
            .filter(|hit| query.split_whitespace().all(|term| matches(hit, term)))
            .map(|hit| to_json(&hit))
            .collect();
        Ok(reply::json(
            200,
            &json!({"total_count": items.len(), "incomplete_results": false, "items": items}),
        ))
    }

    fn hits(&self) -> impl Iterator<Item = Hit<'_>> {
        self.repos.iter().flat_map(|(name, repo)| {
            let pulls = repo.pulls.values().map(move |pull| Hit {
                repo: name,
                number: pull.number,
                title: &pull.title,
                body: &pull.body,
                head: Some(&pull.head),
                open: pull.open,
                created_ms: pull.created_ms,
            });
            let issues = repo.issues.values().map(move |issue| Hit {
                repo: name,
                number: issue.number,
                title: &issue.title,
                body: &issue.body,
                head: None,
                open: issue.open,
                created_ms: issue.created_ms,
            });
            pulls.chain(issues)
        })
    }
}

fn matches(hit: &Hit<'_>, term: &str) -> bool {
    match term.split_once(':') {
        Some(("repo", name)) => hit.repo.to_lowercase() == name,
        Some(("is" | "type", "pr" | "pull-request")) => hit.head.is_some(),
        Some(("is" | "type", "issue")) => hit.head.is_none(),
        Some(("is" | "state", "open")) => hit.open,
        Some(("is" | "state", "closed")) => !hit.open,
        Some(("head", branch)) => hit.head.is_some_and(|head| head.to_lowercase() == branch),
        Some(("in", _)) => true,
        Some(_) | None => {
            let word = term.trim_matches('"');
            hit.title.to_lowercase().contains(word) || hit.body.to_lowercase().contains(word)
        }
    }
}

fn to_json(hit: &Hit<'_>) -> Value {
    let kind = if hit.head.is_some() { "pull" } else { "issues" };
    let mut item = json!({
        "number": hit.number,
        "title": hit.title,
        "body": hit.body,
        "state": if hit.open { "open" } else { "closed" },
        "html_url": format!("https://github.com/{}/{kind}/{}", hit.repo, hit.number),
        "repository_url": format!("https://api.github.com/repos/{}", hit.repo),
        "created_at": time::seconds(hit.created_ms),
        "score": 1.0,
    });
    if let (Some(item), Some(_)) = (item.as_object_mut(), hit.head) {
        item.insert(
            "pull_request".to_owned(),
            json!({"html_url": format!("https://github.com/{}/pull/{}", hit.repo, hit.number)}),
        );
    }
    item
}
