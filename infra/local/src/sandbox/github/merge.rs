//! What people do with pull requests.

use ratchet_guard::clock::Millis;

use super::object::{Commit, Object, Sha};
use super::{Github, Repo};

impl Github {
    /// A person closes a pull request without merging it; whether it was open. The webhook is recorded.
    pub fn close_pr(&mut self, now_ms: Millis, repo: &str, number: u64) -> bool {
        let found = self
            .repos
            .get_mut(repo)
            .and_then(|repo| repo.pulls.get_mut(&number));
        let Some(pull) = found.filter(|pull| pull.open) else {
            return false;
        };
        pull.open = false;
        pull.closed_ms = Some(now_ms);
        pull.updated_ms = now_ms;
        let colleague = self.access.colleague.clone();
        self.record_pull(repo, number, "closed", &colleague, now_ms);
        true
    }

    /// A person merges a pull request with a merge commit; its SHA. None where it is not open or does not
    /// merge. The webhook is recorded.
    pub fn merge_pr(&mut self, now_ms: Millis, repo: &str, number: u64) -> Option<String> {
        let person = self.access.person(now_ms);
        let colleague = self.access.colleague.clone();
        let found = self.repos.get_mut(repo)?;
        let pull = found.pulls.get(&number).filter(|pull| pull.open)?.clone();
        let onto = found.head(&pull.base)?;
        let tree = merged_tree(found, onto, pull.head_sha)?;
        let owner = repo.split_once('/').map_or(repo, |(owner, _)| owner);
        let message = format!(
            "Merge pull request #{number} from {owner}/{}\n\n{}\n",
            pull.head, pull.title
        );
        let commit = Commit {
            tree,
            parents: vec![onto, pull.head_sha],
            author: person.clone(),
            committer: person,
            message,
        };
        let sha = found.objects.put(Object::Commit(commit));
        found.move_branch(&pull.base, sha);
        let merged = found.pulls.get_mut(&number)?;
        merged.open = false;
        merged.draft = false;
        merged.merge_sha = Some(sha);
        merged.closed_ms = Some(now_ms);
        merged.updated_ms = now_ms;
        self.record_pull(repo, number, "closed", &colleague, now_ms);
        Some(sha.to_string())
    }
}

/// The tree of a merge, file by file; none where both sides changed the same file in different ways.
fn merged_tree(repo: &mut Repo, ours: Sha, theirs: Sha) -> Option<Sha> {
    let base = repo.objects.merge_base(ours, theirs)?;
    let tree = |sha| repo.objects.commit(sha).map(|commit| commit.tree);
    let (base, ours, theirs) = (tree(base)?, tree(ours)?, tree(theirs)?);
    let ours_changed = repo.objects.changes(base, ours);
    let mut files = repo.objects.files(ours);
    for (path, now) in repo.objects.changes(base, theirs) {
        if ours_changed.get(&path).is_some_and(|other| *other != now) {
            return None;
        }
        match now {
            Some(file) => {
                files.insert(path, file);
            }
            None => {
                files.remove(&path);
            }
        }
    }
    Some(repo.objects.put_files(&files))
}
