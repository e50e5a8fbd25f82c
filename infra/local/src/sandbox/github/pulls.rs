//! Pull requests.

use ratchet_guard::clock::Millis;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::api::{Answer, Call, error, invalid, repo_json};
use super::git::text;
use super::object::Sha;
use super::{Github, Repo};
use crate::sandbox::effect::EffectKind;
use crate::sandbox::reply::{self, Reply};
use crate::sandbox::{marker, time};

/// One pull request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pull {
    /// Its number, from the repository's one sequence for pull requests and issues.
    pub number: u64,
    /// One line.
    pub title: String,
    /// Markdown.
    pub body: String,
    /// Branch it comes from.
    pub head: String,
    /// Head commit; it follows the branch while the pull request is open.
    pub head_sha: Sha,
    /// Branch it goes to.
    pub base: String,
    /// That branch's head when it was opened.
    pub base_sha: Sha,
    /// Not ready for review.
    pub draft: bool,
    /// Neither closed nor merged.
    pub open: bool,
    /// The merge commit, once merged.
    pub merge_sha: Option<Sha>,
    /// Who opened it.
    pub author: String,
    pub(crate) author_kind: String,
    pub(crate) id: u64,
    pub(crate) created_ms: Millis,
    pub(crate) updated_ms: Millis,
    pub(crate) closed_ms: Option<Millis>,
}

impl Github {
    pub(crate) fn pull_create(&mut self, call: &mut Call<'_>) -> Answer {
        let body = call.body();
        let id = self.fresh_id();
        let name = call.repo_name();
        let repo = self.repo_of_mut(call)?;
        let wanted = Wanted::read(repo, call.part(1), &body)?;
        let number = repo.fresh_number();
        let pull = Pull {
            number,
            title: wanted.title,
            body: text(&body, "body").to_owned(),
            head: wanted.head,
            head_sha: wanted.head_sha,
            base: wanted.base,
            base_sha: wanted.base_sha,
            draft: wanted.draft,
            open: true,
            merge_sha: None,
            author: call.caller.login().to_owned(),
            author_kind: call.caller.kind().to_owned(),
            id,
            created_ms: call.ask.now_ms,
            updated_ms: call.ask.now_ms,
            closed_ms: None,
        };
        call.landed(
            EffectKind::PullRequest,
            number.to_string(),
            marker::in_body(&pull.body),
        );
        let reply = reply::json(201, &pull_json(repo, &name, &pull, &call.ask.base));
        repo.pulls.insert(number, pull);
        self.record_pull(&name, number, "opened", call.caller.login(), call.ask.now_ms);
        Ok(reply)
    }

    pub(crate) fn pull_list(&mut self, call: &mut Call<'_>) -> Answer {
        let repo = self.repo_of(call)?;
        let (owner, name) = (call.part(1), call.repo_name());
        let state = call.ask.param("state").unwrap_or("open");
        // Without the owner in front, the head is no filter at all.
        let head = call.ask.param("head").and_then(|head| head.split_once(':'));
        let base = call.ask.param("base");
        let mut found: Vec<&Pull> = repo
            .pulls
            .values()
            .filter(|pull| state == "all" || pull.open == (state == "open"))
            .filter(|pull| head.is_none_or(|(of, branch)| of == owner && pull.head == branch))
            .filter(|pull| base.is_none_or(|base| pull.base == base))
            .collect();
        if call.ask.param("direction") != Some("asc") {
            found.reverse();
        }
        let items = found
            .into_iter()
            .map(|pull| pull_json(repo, &name, pull, &call.ask.base))
            .collect();
        Ok(numbered_page(call, items))
    }

    pub(crate) fn pull_get(&mut self, call: &mut Call<'_>) -> Answer {
        let repo = self.repo_of(call)?;
        let pull = number_of(call, 4)
            .and_then(|number| repo.pulls.get(&number))
            .ok_or_else(|| error(404, "Not Found"))?;
        Ok(reply::json(
            200,
            &pull_json(repo, &call.repo_name(), pull, &call.ask.base),
        ))
    }

    pub(crate) fn pull_update(&mut self, call: &mut Call<'_>) -> Answer {
        let body = call.body();
        let name = call.repo_name();
        let repo = self.repo_of_mut(call)?;
        let number = number_of(call, 4).unwrap_or_default();
        let pull = repo
            .pulls
            .get_mut(&number)
            .ok_or_else(|| error(404, "Not Found"))?;
        let text = |name: &str| body.get(name).and_then(Value::as_str);
        if let Some(title) = text("title") {
            title.clone_into(&mut pull.title);
        }
        if let Some(words) = text("body") {
            words.clone_into(&mut pull.body);
        }
        let closes = pull.open && text("state") == Some("closed");
        let reopens = !pull.open && pull.merge_sha.is_none() && text("state") == Some("open");
        if closes || reopens {
            pull.open = reopens;
            pull.closed_ms = closes.then_some(call.ask.now_ms);
        }
        pull.updated_ms = call.ask.now_ms;
        let pull = pull.clone();
        call.landed(
            EffectKind::PullRequestChange,
            number.to_string(),
            marker::in_body(&pull.body),
        );
        let reply = reply::json(200, &pull_json(repo, &name, &pull, &call.ask.base));
        if closes {
            self.record_pull(&name, number, "closed", call.caller.login(), call.ask.now_ms);
        }
        Ok(reply)
    }

    pub(crate) fn pull_files(&mut self, call: &mut Call<'_>) -> Answer {
        let repo = self.repo_of(call)?;
        let pull = number_of(call, 4)
            .and_then(|number| repo.pulls.get(&number))
            .ok_or_else(|| error(404, "Not Found"))?;
        let tree = |sha| repo.objects.commit(sha).map(|commit| commit.tree);
        let from = repo
            .objects
            .merge_base(pull.base_sha, pull.head_sha)
            .and_then(tree);
        let changes = match (from, tree(pull.head_sha)) {
            (Some(from), Some(to)) => repo.objects.changes(from, to),
            (None, _) | (_, None) => return Err(error(404, "Not Found")),
        };
        let items = changes
            .into_iter()
            .map(|(path, now)| {
                let before = from.and_then(|from| repo.objects.at(from, &path));
                let status = match (before, now) {
                    (None, _) => "added",
                    (Some(_), None) => "removed",
                    (Some(_), Some(_)) => "modified",
                };
                json!({"filename": path, "status": status, "sha": now.map(|(_, sha)| sha)})
            })
            .collect();
        Ok(numbered_page(call, items))
    }
}

/// What a new pull request asks for, found possible.
struct Wanted {
    title: String,
    head: String,
    head_sha: Sha,
    base: String,
    base_sha: Sha,
    draft: bool,
}

impl Wanted {
    fn read(repo: &Repo, owner: &str, body: &Value) -> Result<Self, Reply> {
        let wrong = |field: &str, code: &str| {
            invalid(&json!({"resource": "PullRequest", "field": field, "code": code}))
        };
        let refused = |message: String| {
            invalid(&json!({"resource": "PullRequest", "code": "custom", "message": message}))
        };
        let (title, base) = (text(body, "title").to_owned(), text(body, "base").to_owned());
        if title.is_empty() {
            return Err(wrong("title", "missing_field"));
        }
        let head = match text(body, "head").split_once(':') {
            Some((other, branch)) if other == owner => branch.to_owned(),
            // A fork's branch: the sandbox has no forks.
            Some(_) => return Err(wrong("head", "invalid")),
            None => text(body, "head").to_owned(),
        };
        let head_sha = repo.head(&head).ok_or_else(|| wrong("head", "invalid"))?;
        let base_sha = repo.head(&base).ok_or_else(|| wrong("base", "invalid"))?;
        // Only open ones stand in the way: after a person closed the first, a second can be made.
        if repo
            .pulls
            .values()
            .any(|pull| pull.open && pull.head == head && pull.base == base)
        {
            return Err(refused(format!(
                "A pull request already exists for {owner}:{head}."
            )));
        }
        if repo.objects.history(base_sha).contains(&head_sha) {
            return Err(refused(format!("No commits between {base} and {head}")));
        }
        let draft = body.get("draft").and_then(Value::as_bool).unwrap_or(false);
        if draft && !repo.drafts {
            return Err(error(
                422,
                "Draft pull requests are not supported in this repository.",
            ));
        }
        Ok(Self {
            title,
            head,
            head_sha,
            base,
            base_sha,
            draft,
        })
    }
}

impl Repo {
    /// A branch that vanishes closes what was open from it.
    pub(crate) fn close_pulls_from(&mut self, reference: &str, now_ms: Millis) {
        let branch = reference.strip_prefix("refs/heads/").unwrap_or_default();
        for pull in self
            .pulls
            .values_mut()
            .filter(|pull| pull.open && pull.head == branch)
        {
            pull.open = false;
            pull.closed_ms = Some(now_ms);
        }
    }
}

/// A number in the path.
pub(crate) fn number_of(call: &Call<'_>, index: usize) -> Option<u64> {
    call.part(index).parse().ok()
}

/// `per_page` (30, at most 100) and `page`, with the `Link` header where more follows.
pub(crate) fn numbered_page(call: &Call<'_>, items: Vec<Value>) -> Reply {
    let size = usize::try_from(call.ask.number("per_page").unwrap_or(30))
        .unwrap_or(30)
        .clamp(1, 100);
    let page = usize::try_from(call.ask.number("page").unwrap_or(1))
        .unwrap_or(1)
        .max(1);
    let start = (page - 1).saturating_mul(size);
    let more = start.saturating_add(size) < items.len();
    let shown: Vec<Value> = items.into_iter().skip(start).take(size).collect();
    let reply = reply::json(200, &json!(shown));
    if !more {
        return reply;
    }
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in call.ask.query.iter().filter(|(name, _)| name.as_str() != "page") {
        query.append_pair(name, value);
    }
    let query = query.append_pair("page", &(page + 1).to_string()).finish();
    let link = format!("<{}/{}?{query}>; rel=\"next\"", call.ask.base, call.rest(0));
    reply::with(reply, "link", &link)
}

/// A pull request on the wire.
pub(crate) fn pull_json(repo: &Repo, name: &str, pull: &Pull, base: &str) -> Value {
    let owner = name.split_once('/').map_or(name, |(owner, _)| owner);
    let side = |branch: &str, sha: Sha| {
        json!({"label": format!("{owner}:{branch}"), "ref": branch, "sha": sha,
            "user": {"login": owner}, "repo": repo_json(repo, name, base)})
    };
    let merged_ms = pull.closed_ms.filter(|_| pull.merge_sha.is_some());
    json!({
        "id": pull.id,
        "node_id": format!("PR_{}", pull.id),
        "url": format!("{base}/repos/{name}/pulls/{}", pull.number),
        "html_url": format!("https://github.com/{name}/pull/{}", pull.number),
        "number": pull.number,
        "state": if pull.open { "open" } else { "closed" },
        "locked": false,
        "title": pull.title,
        "user": {"login": pull.author, "type": pull.author_kind},
        "body": pull.body,
        "labels": [],
        "draft": pull.draft,
        "created_at": time::seconds(pull.created_ms),
        "updated_at": time::seconds(pull.updated_ms),
        "closed_at": pull.closed_ms.map(time::seconds),
        "merged_at": merged_ms.map(time::seconds),
        "merge_commit_sha": pull.merge_sha,
        "merged": pull.merge_sha.is_some(),
        "head": side(&pull.head, pull.head_sha),
        "base": side(&pull.base, pull.base_sha),
    })
}
