//! Branches and tags.

use bytes::Bytes;
use serde_json::{Value, json};

use super::api::{Answer, Call, error};
use super::git::{filled, text, url};
use super::object::Sha;
use super::{Github, Repo};
use crate::sandbox::effect::EffectKind;
use crate::sandbox::reply::{self, Reply};

impl Github {
    pub(crate) fn ref_get(&mut self, call: &mut Call<'_>) -> Answer {
        let repo = filled(self.repo_of(call)?)?;
        let name = format!("refs/{}", call.rest(5));
        let sha = repo.refs.get(&name).ok_or_else(|| error(404, "Not Found"))?;
        Ok(reply::json(200, &ref_json(call, &name, *sha)))
    }

    pub(crate) fn refs_matching(&mut self, call: &mut Call<'_>) -> Answer {
        let repo = filled(self.repo_of(call)?)?;
        let prefix = format!("refs/{}", call.rest(5));
        let found: Vec<Value> = repo
            .refs
            .iter()
            .filter(|(name, _)| name.starts_with(&prefix))
            .map(|(name, sha)| ref_json(call, name, *sha))
            .collect();
        Ok(reply::json(200, &json!(found)))
    }

    pub(crate) fn ref_create(&mut self, call: &mut Call<'_>) -> Answer {
        let body = call.body();
        let name = text(&body, "ref").to_owned();
        let repo = self.repo_of_mut(call)?;
        filled(repo)?;
        if !name.starts_with("refs/") || name.split('/').count() < 3 || !is_ref_name(&name) {
            return Err(error(
                422,
                "Reference name must start with 'refs/' and have at least two slashes.",
            ));
        }
        let sha = existing_commit(repo, text(&body, "sha"))?;
        if repo.refs.contains_key(&name) {
            return Err(error(422, "Reference already exists"));
        }
        repo.refs.insert(name.clone(), sha);
        if let Some(branch) = name.strip_prefix("refs/heads/") {
            call.landed(EffectKind::Branch, branch.to_owned(), None);
        }
        Ok(reply::json(201, &ref_json(call, &name, sha)))
    }

    pub(crate) fn ref_update(&mut self, call: &mut Call<'_>) -> Answer {
        let body = call.body();
        let name = format!("refs/{}", call.rest(5));
        let force = body.get("force").and_then(Value::as_bool).unwrap_or(false);
        let repo = self.repo_of_mut(call)?;
        let current = *repo
            .refs
            .get(&name)
            .ok_or_else(|| error(422, "Reference does not exist"))?;
        let sha = existing_commit(repo, text(&body, "sha"))?;
        if !force && !repo.objects.history(sha).contains(&current) {
            return Err(error(422, "Update is not a fast forward"));
        }
        match name.strip_prefix("refs/heads/") {
            Some(branch) => {
                repo.move_branch(branch, sha);
                call.landed(EffectKind::BranchMove, branch.to_owned(), None);
            }
            None => {
                repo.refs.insert(name.clone(), sha);
            }
        }
        Ok(reply::json(200, &ref_json(call, &name, sha)))
    }

    pub(crate) fn ref_delete(&mut self, call: &mut Call<'_>) -> Answer {
        let name = format!("refs/{}", call.rest(5));
        let repo = self.repo_of_mut(call)?;
        repo.refs
            .remove(&name)
            .ok_or_else(|| error(422, "Reference does not exist"))?;
        repo.close_pulls_from(&name, call.ask.now_ms);
        if let Some(branch) = name.strip_prefix("refs/heads/") {
            call.landed(EffectKind::BranchDelete, branch.to_owned(), None);
        }
        Ok(reply::bytes(204, "application/json", Bytes::new()))
    }
}

fn existing_commit(repo: &Repo, sha: &str) -> Result<Sha, Reply> {
    Sha::parse(sha)
        .filter(|sha| repo.objects.commit(*sha).is_some())
        .ok_or_else(|| error(422, "Object does not exist"))
}

/// Git's rules for names, as far as a caller may break them.
fn is_ref_name(name: &str) -> bool {
    let bad = |c: char| c.is_ascii_control() || matches!(c, ' ' | '~' | '^' | ':' | '?' | '*' | '[' | '\\');
    !name.contains(bad)
        && !name.contains("..")
        && !name.contains("@{")
        && !name.ends_with('.')
        && name
            .split('/')
            .all(|part| !part.is_empty() && !part.starts_with('.') && !part.ends_with(".lock"))
}

fn ref_json(call: &Call<'_>, name: &str, sha: Sha) -> Value {
    json!({
        "ref": name,
        "node_id": "REF_sandbox",
        "url": format!("{}/repos/{}/git/{name}", call.ask.base, call.repo_name()),
        "object": {"type": "commit", "sha": sha, "url": url(call, "commits", sha)},
    })
}
