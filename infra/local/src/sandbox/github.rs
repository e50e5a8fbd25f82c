//! GitHub: repositories with real git objects, pull requests, issues and the webhooks that tell of them.

pub(crate) mod api;
pub(crate) mod archive;
mod auth;
mod git;
pub mod hooks;
mod issues;
mod merge;
pub mod object;
mod pulls;
mod read;
mod refs;
mod search;
mod store;

use std::collections::BTreeMap;

use bytes::Bytes;
use ratchet_guard::clock::Millis;
use serde::{Deserialize, Serialize};

use super::source::SourceFile;
pub use auth::Access;
pub use hooks::Hook;
pub use issues::Issue;
use object::{Commit, Object, Person, Sha};
pub use pulls::Pull;
use store::{Files, Objects};

/// One repository.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Repo {
    pub(crate) id: u64,
    pub(crate) default_branch: String,
    pub(crate) archived: bool,
    pub(crate) drafts: bool,
    pub(crate) issues_enabled: bool,
    /// What `size` says: like the vendor's, it does not follow every push.
    pub(crate) size_kb: u64,
    pub(crate) objects: Objects,
    /// Full names, as `refs/heads/main`.
    pub(crate) refs: BTreeMap<String, Sha>,
    pub(crate) pulls: BTreeMap<u64, Pull>,
    pub(crate) issues: BTreeMap<u64, Issue>,
    pub(crate) comments: BTreeMap<u64, issues::Note>,
    next_number: u64,
}

impl Repo {
    pub(crate) fn head(&self, branch: &str) -> Option<Sha> {
        self.refs.get(&format!("refs/heads/{branch}")).copied()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.refs.is_empty()
    }

    /// The commit that a branch, tag, full ref or SHA means; the default branch where it is empty.
    pub(crate) fn resolve(&self, name: &str) -> Option<Sha> {
        let name = if name.is_empty() {
            self.default_branch.as_str()
        } else {
            name
        };
        let named = ["refs/heads/", "refs/tags/", "refs/", ""]
            .iter()
            .find_map(|prefix| self.refs.get(&format!("{prefix}{name}")).copied());
        named.or_else(|| Sha::parse(name).filter(|sha| self.objects.commit(*sha).is_some()))
    }

    pub(crate) fn fresh_number(&mut self) -> u64 {
        let number = self.next_number;
        self.next_number += 1;
        number
    }

    pub(crate) fn commit_files(
        &mut self,
        branch: &str,
        files: &Files,
        person: &Person,
        message: &str,
    ) -> Sha {
        let parents = self.head(branch).into_iter().collect();
        let tree = self.objects.put_files(files);
        let commit = Commit {
            tree,
            parents,
            author: person.clone(),
            committer: person.clone(),
            message: message.to_owned(),
        };
        let sha = self.objects.put(Object::Commit(commit));
        self.move_branch(branch, sha);
        sha
    }

    /// Moves a branch; the head of an open pull request moves with it.
    pub(crate) fn move_branch(&mut self, branch: &str, to: Sha) {
        self.refs.insert(format!("refs/heads/{branch}"), to);
        for pull in self.pulls.values_mut() {
            if pull.open && pull.head == branch {
                pull.head_sha = to;
            }
        }
    }
}

/// All repositories, and what opens them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Github {
    /// Credentials and the webhook's secret.
    pub access: Access,
    /// How long after it was made a pull request or issue appears in the search, in milliseconds. Lists never
    /// lag.
    pub search_lag_ms: Millis,
    pub(crate) seed: u64,
    pub(crate) repos: BTreeMap<String, Repo>,
    pub(crate) hooks: Vec<Hook>,
    /// Installation tokens, and when they end.
    pub(crate) tokens: BTreeMap<String, Millis>,
    next_id: u64,
}

impl Github {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            access: Access::default(),
            search_lag_ms: 30_000,
            seed,
            repos: BTreeMap::new(),
            hooks: Vec::new(),
            tokens: BTreeMap::new(),
            next_id: 1_000_001,
        }
    }

    pub(crate) fn fresh_id(&mut self) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        id
    }

    /// Adds a repository `owner/name` whose branch `main` holds the files in one commit dated `now_ms`; an
    /// empty one where there are no files. The head commit's SHA.
    pub fn add_repo(&mut self, now_ms: Millis, name: &str, files: &[SourceFile]) -> Option<String> {
        let id = self.fresh_id();
        let mut repo = Repo {
            id,
            default_branch: "main".to_owned(),
            archived: false,
            drafts: true,
            issues_enabled: true,
            size_kb: files
                .iter()
                .map(|file| file.content.len() as u64)
                .sum::<u64>()
                .div_ceil(1024),
            objects: Objects::default(),
            refs: BTreeMap::new(),
            pulls: BTreeMap::new(),
            issues: BTreeMap::new(),
            comments: BTreeMap::new(),
            next_number: 1,
        };
        let head = (!files.is_empty()).then(|| {
            let files = put_source(&mut repo.objects, files);
            repo.commit_files("main", &files, &self.access.person(now_ms), "Import\n")
                .to_string()
        });
        self.repos.insert(name.to_owned(), repo);
        head
    }

    /// A colleague pushes a commit that lays the files over a branch; its SHA. None where there is no such
    /// branch.
    pub fn push(&mut self, now_ms: Millis, name: &str, branch: &str, files: &[SourceFile]) -> Option<String> {
        let person = self.access.person(now_ms);
        let repo = self.repos.get_mut(name)?;
        let tree = repo.objects.commit(repo.head(branch)?)?.tree;
        let mut all = repo.objects.files(tree);
        all.extend(put_source(&mut repo.objects, files));
        Some(repo.commit_files(branch, &all, &person, "Update\n").to_string())
    }

    /// A colleague makes the branch `main` of a repository hold exactly these files, and makes the repository where there is
    /// none; a branch that holds them already stays as it is.
    pub fn lay(&mut self, now_ms: Millis, name: &str, files: &[SourceFile]) {
        let person = self.access.person(now_ms);
        let Some(repo) = self.repos.get_mut(name) else {
            self.add_repo(now_ms, name, files);
            return;
        };
        let wanted = put_source(&mut repo.objects, files);
        let head = repo.head("main").and_then(|head| repo.objects.commit(head));
        if head.is_none_or(|head| repo.objects.files(head.tree) != wanted) {
            repo.commit_files("main", &wanted, &person, "Update\n");
        }
    }

    /// Archives a repository, or opens it again; whether it exists.
    pub fn set_archived(&mut self, name: &str, archived: bool) -> bool {
        self.change(name, |repo| repo.archived = archived)
    }

    /// Says that a repository is this big, in kilobytes, whatever it holds; whether it exists.
    pub fn set_size_kb(&mut self, name: &str, size_kb: u64) -> bool {
        self.change(name, |repo| repo.size_kb = size_kb)
    }

    /// Turns the plan's draft pull requests off or on; whether the repository exists.
    pub fn set_drafts(&mut self, name: &str, drafts: bool) -> bool {
        self.change(name, |repo| repo.drafts = drafts)
    }

    /// Deletes a repository; whether it existed.
    pub fn remove_repo(&mut self, name: &str) -> bool {
        self.repos.remove(name).is_some()
    }

    /// Text of a file at the head of a branch; none where repository, branch or file is missing or not UTF-8.
    #[must_use]
    pub fn file(&self, name: &str, branch: &str, path: &str) -> Option<String> {
        let repo = self.repos.get(name)?;
        let tree = repo.objects.commit(repo.resolve(branch)?)?.tree;
        let (_, sha) = repo.objects.at(tree, path)?;
        String::from_utf8(repo.objects.blob(sha)?.to_vec()).ok()
    }

    /// What an entry at the head of a branch is; none where repository, branch or entry is missing.
    #[must_use]
    pub fn mode(&self, name: &str, branch: &str, path: &str) -> Option<object::Mode> {
        let repo = self.repos.get(name)?;
        let tree = repo.objects.commit(repo.resolve(branch)?)?.tree;
        repo.objects.at(tree, path).map(|(mode, _)| mode)
    }

    /// The branches of a repository and their heads.
    #[must_use]
    pub fn branches(&self, name: &str) -> BTreeMap<String, String> {
        let refs = self.repos.get(name).map(|repo| &repo.refs);
        refs.into_iter()
            .flatten()
            .filter_map(|(full, sha)| Some((full.strip_prefix("refs/heads/")?.to_owned(), sha.to_string())))
            .collect()
    }

    /// The pull requests of a repository, open and closed, by number.
    #[must_use]
    pub fn pulls(&self, name: &str) -> Vec<Pull> {
        self.repos
            .get(name)
            .map(|repo| repo.pulls.values().cloned().collect())
            .unwrap_or_default()
    }

    /// The issues of a repository, by number.
    #[must_use]
    pub fn issues(&self, name: &str) -> Vec<Issue> {
        self.repos
            .get(name)
            .map(|repo| repo.issues.values().cloned().collect())
            .unwrap_or_default()
    }

    /// The state without the objects, which are named by hashes anyway.
    #[must_use]
    pub fn without_objects(&self) -> Self {
        let mut outline = self.clone();
        for repo in outline.repos.values_mut() {
            repo.objects = Objects::default();
        }
        outline
    }

    /// The state without the objects, and their names.
    pub(crate) fn outline(&self) -> (Self, BTreeMap<String, Vec<Sha>>) {
        let names = self
            .repos
            .iter()
            .map(|(name, repo)| (name.clone(), repo.objects.names().copied().collect()));
        (self.without_objects(), names.collect())
    }

    fn change(&mut self, name: &str, change: impl FnOnce(&mut Repo)) -> bool {
        self.repos.get_mut(name).map(change).is_some()
    }
}

fn put_source(objects: &mut Objects, files: &[SourceFile]) -> Files {
    files
        .iter()
        .map(|file| {
            let sha = objects.put(Object::Blob(Bytes::from(file.content.clone())));
            (file.path.clone(), (file.mode, sha))
        })
        .collect()
}
