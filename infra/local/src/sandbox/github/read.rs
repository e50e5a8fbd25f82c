//! Reading code: branches, commits, contents and archives.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};

use super::Github;
use super::api::{Answer, Call, error};
use super::git::filled;
use super::object::{Mode, Sha};
use crate::sandbox::ask::Ask;
use crate::sandbox::reply;

/// Largest file that `contents` gives with its text, in bytes.
const CONTENT_BYTES_MAX: usize = 1024 * 1024;
/// A link to an archive ends after five minutes.
const LINK_LIFE_MS: u64 = 300_000;

impl Github {
    pub(crate) fn branch_get(&mut self, call: &mut Call<'_>) -> Answer {
        let repo = self.repo_of(call)?;
        let name = call.rest(4);
        let sha = repo.head(&name).ok_or_else(|| error(404, "Branch not found"))?;
        let tree = repo.objects.commit(sha).map(|commit| commit.tree);
        Ok(reply::json(
            200,
            &json!({"name": name, "commit": {"sha": sha, "commit": {"tree": {"sha": tree}}},
                "protected": false}),
        ))
    }

    pub(crate) fn repo_commit_get(&mut self, call: &mut Call<'_>) -> Answer {
        let repo = filled(self.repo_of(call)?)?;
        let name = call.rest(4);
        let sha = repo
            .resolve(&name)
            .ok_or_else(|| error(422, &format!("No commit found for SHA: {name}")))?;
        let commit = repo.objects.commit(sha).ok_or_else(|| error(404, "Not Found"))?;
        Ok(reply::json(
            200,
            &json!({"sha": sha, "commit": {"message": commit.message, "tree": {"sha": commit.tree}},
                "parents": commit.parents.iter().map(|parent| json!({"sha": parent})).collect::<Vec<_>>()}),
        ))
    }

    pub(crate) fn tarball(&mut self, call: &mut Call<'_>) -> Answer {
        let name = call.repo_name();
        let repo = self.repo_of(call)?;
        let sha = repo
            .resolve(&call.rest(4))
            .ok_or_else(|| error(404, "Not Found"))?;
        let host = if call.ask.own_host {
            "https://codeload.github.com".to_owned()
        } else {
            format!("{}/_codeload", call.ask.base)
        };
        let until = call.ask.now_ms + LINK_LIFE_MS;
        let link = format!("{host}/{name}/legacy.tar.gz/{sha}?token={until}");
        Ok(reply::with(
            reply::bytes(302, "text/html;charset=utf-8", Bytes::new()),
            "location",
            &link,
        ))
    }

    pub(crate) fn codeload(&mut self, call: &mut Call<'_>) -> Answer {
        let name = call.repo_name();
        let until = call.ask.number("token").unwrap_or_default();
        let repo = self.repos.get(&name).filter(|_| call.ask.now_ms < until);
        let archive = repo.and_then(|repo| {
            let sha = Sha::parse(call.part(4))?;
            call.archives.get(&name, &repo.objects, sha)
        });
        let bytes = archive.ok_or_else(|| reply::text(404, "404: Not Found"))?;
        Ok(reply::bytes(200, "application/x-gzip", bytes))
    }

    pub(crate) fn contents(&mut self, call: &mut Call<'_>) -> Answer {
        let repo = self.repo_of(call)?;
        if repo.is_empty() {
            return Err(error(404, "This repository is empty."));
        }
        let path = call.rest(4);
        let at = call.ask.param("ref").unwrap_or_default();
        let commit = repo
            .resolve(at)
            .ok_or_else(|| error(404, &format!("No commit found for the ref {at}")))?;
        let tree = repo.objects.commit(commit).map(|commit| commit.tree);
        let (mode, sha) = tree
            .and_then(|tree| repo.objects.at(tree, &path))
            .ok_or_else(|| error(404, "Not Found"))?;
        let prefix = if path.is_empty() {
            String::new()
        } else {
            format!("{path}/")
        };
        if mode == Mode::Directory {
            let lines: Vec<Value> = repo
                .objects
                .tree(sha)
                .unwrap_or_default()
                .iter()
                .map(|entry| item(call, &format!("{prefix}{}", entry.name), entry.mode, entry.sha))
                .collect();
            return Ok(reply::json(200, &json!(lines)));
        }
        let content = repo.objects.blob(sha).cloned().unwrap_or_default();
        if wants_raw(call.ask) {
            return Ok(reply::bytes(
                200,
                "application/vnd.github.raw+json; charset=utf-8",
                content,
            ));
        }
        let mut body = item(call, &path, mode, sha);
        if let Some(body) = body.as_object_mut() {
            body.insert("size".to_owned(), json!(content.len()));
            if mode == Mode::Symlink {
                body.insert("target".to_owned(), json!(String::from_utf8_lossy(&content)));
            } else {
                let fits = content.len() <= CONTENT_BYTES_MAX;
                body.insert("encoding".to_owned(), json!(if fits { "base64" } else { "none" }));
                body.insert(
                    "content".to_owned(),
                    json!(if fits { wrapped(&content) } else { String::new() }),
                );
            }
        }
        Ok(reply::json(200, &body))
    }
}

fn wants_raw(ask: &Ask<'_>) -> bool {
    ask.header("accept").is_some_and(|accept| accept.contains("raw"))
}

fn item(call: &Call<'_>, path: &str, mode: Mode, sha: Sha) -> Value {
    let kind = match mode {
        Mode::Directory => "dir",
        Mode::Symlink => "symlink",
        Mode::File | Mode::Executable => "file",
    };
    json!({
        "type": kind,
        "name": path.rsplit('/').next(),
        "path": path,
        "sha": sha,
        "url": format!("{}/repos/{}/contents/{path}", call.ask.base, call.repo_name()),
        "html_url": format!("https://github.com/{}/blob/main/{path}", call.repo_name()),
    })
}

/// Base64 in lines of 60, as the interface gives it.
fn wrapped(content: &[u8]) -> String {
    let mut out = String::new();
    // 45 bytes are 60 characters, and no padding falls inside.
    for chunk in content.chunks(45) {
        STANDARD.encode_string(chunk, &mut out);
        out.push('\n');
    }
    out
}
