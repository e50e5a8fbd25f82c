//! The git database: blobs, trees, commits.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use chrono::DateTime;
use serde_json::{Map, Value, json};

use super::api::{Answer, Call, error, invalid};
use super::object::{Commit, Mode, Object, Person, Sha};
use super::store::{Files, Objects};
use super::{Github, Repo};
use crate::sandbox::reply::{self, Reply};
use crate::sandbox::time;

impl Github {
    pub(crate) fn blob_create(&mut self, call: &mut Call<'_>) -> Answer {
        let body = call.body();
        let repo = self.repo_of_mut(call)?;
        filled(repo)?;
        let content = body
            .get("content")
            .and_then(Value::as_str)
            .ok_or_else(|| missing("content"))?;
        let bytes = match body.get("encoding").and_then(Value::as_str) {
            Some("base64") => {
                let packed: String = content.chars().filter(|c| !c.is_ascii_whitespace()).collect();
                STANDARD
                    .decode(packed)
                    .map_err(|_| error(422, "content is not valid Base64"))?
            }
            Some("utf-8") | None => content.as_bytes().to_vec(),
            Some(_) => return Err(error(422, "encoding must be utf-8 or base64")),
        };
        let sha = repo.objects.put(Object::Blob(Bytes::from(bytes)));
        Ok(reply::json(
            201,
            &json!({"sha": sha, "url": url(call, "blobs", sha)}),
        ))
    }

    pub(crate) fn blob_get(&mut self, call: &mut Call<'_>) -> Answer {
        let repo = filled(self.repo_of(call)?)?;
        let sha = Sha::parse(call.part(5)).ok_or_else(|| {
            error(
                422,
                "The sha parameter must be exactly 40 characters and contain only [0-9a-f].",
            )
        })?;
        let content = repo.objects.blob(sha).ok_or_else(|| error(404, "Not Found"))?;
        Ok(reply::json(
            200,
            &json!({"sha": sha, "size": content.len(), "content": STANDARD.encode(content),
                "encoding": "base64",
                "url": url(call, "blobs", sha)}),
        ))
    }

    pub(crate) fn tree_create(&mut self, call: &mut Call<'_>) -> Answer {
        let body = call.body();
        let repo = self.repo_of_mut(call)?;
        filled(repo)?;
        let entries = body
            .get("tree")
            .and_then(Value::as_array)
            .ok_or_else(|| missing("tree"))?;
        let mut files = match body.get("base_tree").and_then(Value::as_str) {
            Some(base) => {
                let base = tree_of(&repo.objects, base)
                    .ok_or_else(|| error(422, "base_tree is not a valid tree oid"))?;
                repo.objects.files(base)
            }
            None => Files::new(),
        };
        for entry in entries {
            lay(&mut repo.objects, &mut files, entry)?;
        }
        let sha = repo.objects.put_files(&files);
        Ok(reply::json(
            201,
            &tree_json(&repo.objects, sha, false, &url(call, "trees", sha)),
        ))
    }

    pub(crate) fn tree_get(&mut self, call: &mut Call<'_>) -> Answer {
        let repo = filled(self.repo_of(call)?)?;
        let name = call.rest(5);
        let sha = tree_of(&repo.objects, &name)
            .or_else(|| Some(repo.objects.commit(repo.resolve(&name)?)?.tree))
            .ok_or_else(|| error(404, "Not Found"))?;
        let recursive = call.ask.param("recursive").is_some();
        Ok(reply::json(
            200,
            &tree_json(&repo.objects, sha, recursive, &url(call, "trees", sha)),
        ))
    }

    pub(crate) fn commit_create(&mut self, call: &mut Call<'_>) -> Answer {
        let body = call.body();
        let now = Person::new(
            call.caller.login(),
            "bot@users.noreply.github.test",
            call.ask.now_ms,
        );
        let repo = self.repo_of_mut(call)?;
        filled(repo)?;
        let message = body
            .get("message")
            .and_then(Value::as_str)
            .ok_or_else(|| missing("message"))?
            .to_owned();
        let tree = Sha::parse(text(&body, "tree"))
            .filter(|tree| repo.objects.tree(*tree).is_some())
            .ok_or_else(|| error(422, "Tree SHA does not exist"))?;
        let mut parents = Vec::new();
        for parent in body
            .get("parents")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            let sha = parent
                .as_str()
                .and_then(Sha::parse)
                .filter(|sha| repo.objects.commit(*sha).is_some());
            parents
                .push(sha.ok_or_else(|| error(422, "Parent SHA does not exist or is not a commit object"))?);
        }
        // Without dates of the caller's own, the same request makes another commit every second.
        let author = person(&body, "author", &now)?;
        let committer = person(&body, "committer", &author)?;
        let sha = repo.objects.put(Object::Commit(Commit {
            tree,
            parents,
            author,
            committer,
            message,
        }));
        let commit = repo
            .objects
            .commit(sha)
            .map(|commit| commit_json(commit, sha, &url(call, "commits", sha)));
        Ok(reply::json(201, &json!(commit)))
    }

    pub(crate) fn commit_get(&mut self, call: &mut Call<'_>) -> Answer {
        let repo = filled(self.repo_of(call)?)?;
        let (sha, commit) = Sha::parse(call.part(5))
            .and_then(|sha| repo.objects.commit(sha).map(|commit| (sha, commit)))
            .ok_or_else(|| error(404, "Not Found"))?;
        Ok(reply::json(
            200,
            &commit_json(commit, sha, &url(call, "commits", sha)),
        ))
    }
}

/// Refuses an empty repository, as every call to the git database does.
pub(crate) fn filled(repo: &Repo) -> Result<&Repo, Reply> {
    if repo.is_empty() {
        Err(error(409, "Git Repository is empty."))
    } else {
        Ok(repo)
    }
}

/// Lays one entry of a `tree` array over the files.
fn lay(objects: &mut Objects, files: &mut Files, entry: &Value) -> Result<(), Reply> {
    let path = text(entry, "path").to_owned();
    let bad_part =
        |part: &str| part.is_empty() || part == "." || part == ".." || part.eq_ignore_ascii_case(".git");
    if path.split('/').any(bad_part) {
        return Err(error(422, "tree.path contains a malformed path component"));
    }
    if entry.get("sha").is_some_and(Value::is_null) {
        let below = format!("{path}/");
        let before = files.len();
        files.retain(|name, _| *name != path && !name.starts_with(&below));
        return if files.len() < before {
            Ok(())
        } else {
            Err(error(422, "GitRPC::BadObjectState"))
        };
    }
    let mode = Mode::parse(text(entry, "mode")).ok_or_else(|| error(422, "Must supply a valid tree.mode"))?;
    let sha = match (
        entry.get("sha").and_then(Value::as_str),
        entry.get("content").and_then(Value::as_str),
    ) {
        (Some(sha), None) => Sha::parse(sha).ok_or_else(|| error(422, "tree.sha is not a valid oid"))?,
        (None, Some(content)) => objects.put(Object::Blob(Bytes::from(content.to_owned()))),
        (Some(_), Some(_)) => {
            return Err(error(
                422,
                "Must supply either tree.sha or tree.content, not both",
            ));
        }
        (None, None) => return Err(error(422, "Must supply either tree.sha or tree.content")),
    };
    if mode == Mode::Directory {
        objects
            .tree(sha)
            .ok_or_else(|| error(422, "tree.sha is not a valid tree"))?;
        let below = objects.files(sha);
        files.extend(
            below
                .into_iter()
                .map(|(name, file)| (format!("{path}/{name}"), file)),
        );
    } else {
        objects
            .blob(sha)
            .ok_or_else(|| error(422, "tree.sha is not a valid blob"))?;
        files.insert(path, (mode, sha));
    }
    Ok(())
}

/// A tree by its own name or by that of a commit.
fn tree_of(objects: &Objects, name: &str) -> Option<Sha> {
    let sha = Sha::parse(name)?;
    objects
        .commit(sha)
        .map(|commit| commit.tree)
        .or_else(|| objects.tree(sha).map(|_| sha))
}

fn person(body: &Value, name: &str, default: &Person) -> Result<Person, Reply> {
    let Some(given) = body.get(name).and_then(Value::as_object) else {
        return Ok(default.clone());
    };
    let field = |name: &str| given.get(name).and_then(Value::as_str).unwrap_or_default();
    let (who, email) = (field("name"), field("email"));
    if who.is_empty() || email.is_empty() {
        return Err(invalid(
            &json!({"resource": "Commit", "field": name, "code": "missing_field"}),
        ));
    }
    let at = match given.get("date").and_then(Value::as_str) {
        None => default.at,
        Some(date) => DateTime::parse_from_rfc3339(date)
            .map_err(|_| error(422, "date is not a valid ISO 8601 timestamp"))?,
    };
    Ok(Person {
        name: who.to_owned(),
        email: email.to_owned(),
        at,
    })
}

pub(crate) fn text<'a>(body: &'a Value, name: &str) -> &'a str {
    body.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn missing(field: &str) -> Reply {
    error(422, &format!("Invalid request.\n\n\"{field}\" wasn't supplied."))
}

pub(crate) fn url(call: &Call<'_>, kind: &str, sha: Sha) -> String {
    format!("{}/repos/{}/git/{kind}/{sha}", call.ask.base, call.repo_name())
}

fn tree_json(objects: &Objects, sha: Sha, recursive: bool, url: &str) -> Value {
    let line = |path: &str, mode: Mode, sha: Sha| {
        let kind = if mode == Mode::Directory { "tree" } else { "blob" };
        let mut line = Map::new();
        line.insert("path".to_owned(), json!(path));
        line.insert("mode".to_owned(), json!(mode.as_str()));
        line.insert("type".to_owned(), json!(kind));
        line.insert("sha".to_owned(), json!(sha));
        if let Some(blob) = objects.blob(sha) {
            line.insert("size".to_owned(), json!(blob.len()));
        }
        Value::Object(line)
    };
    let lines: Vec<Value> = if recursive {
        objects
            .walk(sha)
            .iter()
            .map(|(path, mode, sha)| line(path, *mode, *sha))
            .collect()
    } else {
        objects
            .tree(sha)
            .unwrap_or_default()
            .iter()
            .map(|entry| line(&entry.name, entry.mode, entry.sha))
            .collect()
    };
    json!({"sha": sha, "url": url, "tree": lines, "truncated": false})
}

fn commit_json(commit: &Commit, sha: Sha, url: &str) -> Value {
    let person = |person: &Person| {
        json!({"name": person.name, "email": person.email,
        "date": time::seconds(person.at_ms())})
    };
    json!({
        "sha": sha,
        "node_id": format!("C_{sha}"),
        "url": url,
        "html_url": url,
        "author": person(&commit.author),
        "committer": person(&commit.committer),
        "message": commit.message,
        "tree": {"sha": commit.tree, "url": url},
        "parents": commit.parents.iter().map(|parent| json!({"sha": parent})).collect::<Vec<_>>(),
        "verification": {"verified": false, "reason": "unsigned", "signature": null, "payload": null},
    })
}
