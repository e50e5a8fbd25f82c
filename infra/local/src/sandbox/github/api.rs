//! GitHub's REST interface: the table of calls, and what every call passes first.

use serde_json::{Value, json};

use super::archive::Archives;
use super::auth::Caller;
use super::{Github, Repo};
use crate::sandbox::Provider;
use crate::sandbox::ask::Ask;
use crate::sandbox::effect::{Effect, EffectKind};
use crate::sandbox::reply::{self, Reply};

/// One call: what was asked, by whom, and where effects go.
pub(crate) struct Call<'a> {
    pub(crate) ask: &'a Ask<'a>,
    pub(crate) caller: Caller,
    pub(crate) effects: &'a mut Vec<Effect>,
    pub(crate) archives: &'a Archives,
}

impl Call<'_> {
    /// `owner/name` of the path.
    pub(crate) fn repo_name(&self) -> String {
        format!("{}/{}", self.part(1), self.part(2))
    }

    pub(crate) fn part(&self, index: usize) -> &str {
        self.ask
            .segments
            .get(index)
            .map(String::as_str)
            .unwrap_or_default()
    }

    /// The rest of the path from a part on.
    pub(crate) fn rest(&self, from: usize) -> String {
        self.ask.segments.get(from..).unwrap_or_default().join("/")
    }

    pub(crate) fn body(&self) -> Value {
        self.ask.json().unwrap_or_default()
    }

    pub(crate) fn landed(&mut self, kind: EffectKind, id: String, marker: Option<String>) {
        let target = self.repo_name();
        self.effects.push(Effect {
            at_ms: self.ask.now_ms,
            provider: Provider::Github,
            kind,
            target,
            id,
            marker,
        });
    }
}

/// An answer, or an early one.
pub(crate) type Answer = Result<Reply, Reply>;
type Handler = fn(&mut Github, &mut Call<'_>) -> Answer;

fn find(ask: &Ask<'_>) -> (&'static str, Handler) {
    let parts = ask.parts();
    match parts.as_slice() {
        ["repos", _, _, "git", rest @ ..] => find_git(ask.method, rest),
        ["repos", _, _, rest @ ..] => find_repo(ask.method, rest),
        rest => find_other(ask.method, rest),
    }
}

fn find_git(method: &str, rest: &[&str]) -> (&'static str, Handler) {
    match (method, rest) {
        ("GET", ["ref", ..]) => ("git.ref.get", Github::ref_get),
        ("GET", ["matching-refs", ..]) => ("git.refs.matching", Github::refs_matching),
        ("POST", ["refs"]) => ("git.refs.create", Github::ref_create),
        ("PATCH", ["refs", ..]) => ("git.refs.update", Github::ref_update),
        ("DELETE", ["refs", ..]) => ("git.refs.delete", Github::ref_delete),
        ("POST", ["blobs"]) => ("git.blobs.create", Github::blob_create),
        ("GET", ["blobs", _]) => ("git.blobs.get", Github::blob_get),
        ("POST", ["trees"]) => ("git.trees.create", Github::tree_create),
        ("GET", ["trees", ..]) => ("git.trees.get", Github::tree_get),
        ("POST", ["commits"]) => ("git.commits.create", Github::commit_create),
        ("GET", ["commits", _]) => ("git.commits.get", Github::commit_get),
        _ => ("unknown", Github::unknown),
    }
}

fn find_repo(method: &str, rest: &[&str]) -> (&'static str, Handler) {
    match (method, rest) {
        ("GET", []) => ("repos.get", Github::repo_get),
        ("GET", ["branches", ..]) => ("branches.get", Github::branch_get),
        ("GET", ["commits", ..]) => ("commits.get", Github::repo_commit_get),
        ("GET", ["tarball", ..]) => ("tarball", Github::tarball),
        ("GET", ["contents", ..]) => ("contents.get", Github::contents),
        ("POST", ["pulls"]) => ("pulls.create", Github::pull_create),
        ("GET", ["pulls"]) => ("pulls.list", Github::pull_list),
        ("GET", ["pulls", _]) => ("pulls.get", Github::pull_get),
        ("PATCH", ["pulls", _]) => ("pulls.update", Github::pull_update),
        ("GET", ["pulls", _, "files"]) => ("pulls.files", Github::pull_files),
        ("POST", ["issues"]) => ("issues.create", Github::issue_create),
        ("GET", ["issues"]) => ("issues.list", Github::issue_list),
        ("GET", ["issues", _]) => ("issues.get", Github::issue_get),
        ("PATCH", ["issues", _]) => ("issues.update", Github::issue_update),
        ("POST", ["issues", _, "comments"]) => ("comments.create", Github::comment_create),
        ("GET", ["issues", _, "comments"]) => ("comments.list", Github::comment_list),
        _ => ("unknown", Github::unknown),
    }
}

fn find_other(method: &str, rest: &[&str]) -> (&'static str, Handler) {
    match (method, rest) {
        ("POST", ["app", "installations", _, "access_tokens"]) => ("app.token", Github::create_token),
        ("GET", ["app", "hook", "deliveries"]) => ("hooks.list", Github::hook_list),
        ("POST", ["app", "hook", "deliveries", _, "attempts"]) => ("hooks.redeliver", Github::hook_redeliver),
        ("GET", ["search", "issues"]) => ("search.issues", Github::search_issues),
        ("GET", ["_codeload", ..]) => ("codeload", Github::codeload),
        _ => ("unknown", Github::unknown),
    }
}

/// The name that counts and fault plans use.
pub(crate) fn operation(ask: &Ask<'_>) -> &'static str {
    find(ask).0
}

/// The body of an error that is planned, not earned.
pub(crate) fn failure(status: u16) -> Value {
    let message = match status {
        401 => "Bad credentials",
        403 | 429 => {
            "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
        }
        404 => "Not Found",
        502 => "Server Error",
        503 => "Service unavailable",
        _ => "Internal Server Error",
    };
    error_body(status, message)
}

pub(crate) fn error(status: u16, message: &str) -> Reply {
    reply::json(status, &error_body(status, message))
}

fn error_body(status: u16, message: &str) -> Value {
    json!({"message": message, "documentation_url": "https://docs.github.com/rest",
        "status": status.to_string()})
}

/// 422 with one entry in `errors`.
pub(crate) fn invalid(details: &Value) -> Reply {
    reply::json(
        422,
        &json!({"message": "Validation Failed", "errors": [details],
            "documentation_url": "https://docs.github.com/rest", "status": "422"}),
    )
}

impl Github {
    pub(crate) fn answer(&mut self, ask: &Ask<'_>, effects: &mut Vec<Effect>, archives: &Archives) -> Reply {
        let (name, handler) = find(ask);
        let reply = self.admit(ask, name).and_then(|caller| {
            let mut call = Call {
                ask,
                caller,
                effects,
                archives,
            };
            handler(self, &mut call)
        });
        let reply = match reply {
            Ok(reply) | Err(reply) => reply,
        };
        let reply = reply::with(reply, "x-ratelimit-limit", "5000");
        let reply = reply::with(reply, "x-ratelimit-remaining", "4999");
        let reset = (ask.now_ms / 1000 + 3600).to_string();
        reply::with(reply, "x-ratelimit-reset", &reset)
    }

    /// Who is asking, and whether the repository lets them.
    fn admit(&self, ask: &Ask<'_>, operation: &str) -> Result<Caller, Reply> {
        if operation == "codeload" {
            // The link itself is the permission.
            return Ok(Caller::Nobody);
        }
        if ask.header("user-agent").is_none_or(str::is_empty) {
            return Err(error(
                403,
                "Request forbidden by administrative rules: a User-Agent header is required.",
            ));
        }
        let caller = self.caller(ask)?;
        let parts = ask.parts();
        if let ["repos", owner, name, ..] = parts.as_slice() {
            let repo = self
                .repos
                .get(&format!("{owner}/{name}"))
                .ok_or_else(|| error(404, "Not Found"))?;
            if repo.archived && ask.method != "GET" {
                return Err(error(403, "Repository was archived so is read-only."));
            }
        }
        Ok(caller)
    }

    pub(crate) fn repo_of(&self, call: &Call<'_>) -> Result<&Repo, Reply> {
        self.repos
            .get(&call.repo_name())
            .ok_or_else(|| error(404, "Not Found"))
    }

    pub(crate) fn repo_of_mut(&mut self, call: &Call<'_>) -> Result<&mut Repo, Reply> {
        self.repos
            .get_mut(&call.repo_name())
            .ok_or_else(|| error(404, "Not Found"))
    }

    fn unknown(&mut self, _: &mut Call<'_>) -> Answer {
        Err(error(404, "Not Found"))
    }

    fn repo_get(&mut self, call: &mut Call<'_>) -> Answer {
        let repo = self.repo_of(call)?;
        Ok(reply::json(
            200,
            &repo_json(repo, &call.repo_name(), &call.ask.base),
        ))
    }
}

/// A repository as other objects embed it.
pub(crate) fn repo_json(repo: &Repo, full_name: &str, base: &str) -> Value {
    let (owner, name) = full_name.split_once('/').unwrap_or(("", full_name));
    json!({
        "id": repo.id,
        "node_id": format!("R_{}", repo.id),
        "name": name,
        "full_name": full_name,
        "private": true,
        "owner": {"login": owner, "id": 1, "type": "Organization"},
        "html_url": format!("https://github.com/{full_name}"),
        "url": format!("{base}/repos/{full_name}"),
        "description": null,
        "fork": false,
        "size": repo.size_kb,
        "default_branch": repo.default_branch,
        "archived": repo.archived,
        "disabled": false,
        "has_issues": repo.issues_enabled,
        "visibility": "private",
        "permissions": {"admin": false, "push": !repo.archived, "pull": true},
    })
}
