//! The effect: tree, commit and branch, which are named by their content, and the one draft pull request.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, SecondsFormat, Utc};
use ratchet_domain::edits::apply;
use ratchet_domain::patch::{Patch, PullRequest};
use ratchet_guard::clock::Millis;
use ratchet_guard::effect::{Act, Effect, Probe};
use ratchet_guard::{Finding, Outcome, Why};
use ratchet_providers::error::ProviderError;
use ratchet_providers::github::{NewCommit, NewPull, Person, Pull, TreeContent, TreeEntry};
use ratchet_runtime::connect::GithubAccess;
use ratchet_runtime::outcome::{failed, failed_probe, failed_read};

use crate::Asked;
use crate::text::PullText;

/// Opens the draft.
pub(crate) struct OpenDraft<'a> {
    github: &'a GithubAccess,
    patch: Patch,
    executables: BTreeSet<String>,
    branch: String,
    committed_at: String,
}

impl<'a> OpenDraft<'a> {
    /// `patched_at` dates the commit: when the patch was first claimed, so that every attempt makes the same commit.
    pub(crate) fn of(github: &'a GithubAccess, asked: &Asked, patch: Patch, patched_at: Millis) -> Self {
        let at = i64::try_from(patched_at)
            .ok()
            .and_then(DateTime::<Utc>::from_timestamp_millis)
            .unwrap_or_default();
        let executables = asked.locations.iter().filter(|place| place.executable);
        Self {
            github,
            patch,
            executables: executables.map(|place| place.file.clone()).collect(),
            branch: asked.at.ticket.bug().branch(),
            committed_at: at.to_rfc3339_opts(SecondsFormat::Secs, true),
        }
    }

    /// The commit. Repeating any part of it changes nothing: equal content, equal name.
    async fn commit(&self, text: &PullText) -> Result<String, Outcome<PullRequest>> {
        let client = self.github.client();
        let Patch {
            repo,
            base_commit,
            base_tree,
            edits,
            ..
        } = &self.patch;
        let mut files = BTreeMap::new();
        for edit in edits {
            if !files.contains_key(&edit.path) {
                let file = client
                    .file(repo, &edit.path, base_commit)
                    .await
                    .map_err(|error| failed_read(&error))?;
                files.insert(edit.path.clone(), file.text);
            }
        }
        let patched = apply(&files, edits)
            .map_err(|error| Outcome::Refused(Why::new("patch_does_not_apply", error.to_string())))?;
        let entries: Vec<TreeEntry> = patched
            .into_iter()
            .map(|(path, text)| TreeEntry {
                mode: self.mode(&path).to_owned(),
                path,
                content: TreeContent::Text(text),
            })
            .collect();
        let tree = client
            .create_tree(repo, base_tree, &entries)
            .await
            .map_err(|error| failed_read(&error))?;
        let person = Person {
            name: "ratchet".to_owned(),
            email: "ratchet@users.noreply.github.com".to_owned(),
            date: self.committed_at.clone(),
        };
        let commit = NewCommit {
            message: text.commit_message.clone(),
            tree,
            parent: base_commit.clone(),
            author: person,
        };
        client
            .create_commit(repo, &commit)
            .await
            .map_err(|error| failed_read(&error))
    }

    /// A tree's entry replaces the file whole, its mode too: a script stays executable.
    fn mode(&self, path: &str) -> &'static str {
        if self.executables.contains(path) {
            "100755"
        } else {
            "100644"
        }
    }

    /// The branch at that commit. It is never moved: another commit under its name is somebody else's work.
    async fn branch(&self, commit: &str) -> Result<(), Outcome<PullRequest>> {
        let client = self.github.client();
        match client.create_branch(&self.patch.repo, &self.branch, commit).await {
            Ok(()) => Ok(()),
            Err(ProviderError::AlreadyExists { .. }) => {
                let found = client.find_branch(&self.patch.repo, &self.branch).await;
                match found.map_err(|error| failed_read(&error))? {
                    Some(head) if head == commit => Ok(()),
                    Some(_) => Err(Outcome::Refused(Why::new(
                        "branch_taken",
                        format!(
                            "branch points to a commit that is not ours branch=`{}`",
                            self.branch
                        ),
                    ))),
                    None => Err(Outcome::NotDone(Why::new(
                        "branch_vanished",
                        "branch exists and cannot be found",
                    ))),
                }
            }
            Err(error) => Err(failed_read(&error)),
        }
    }

    /// The pull request of our branch, in whatever state a person left it.
    async fn look(&self) -> Result<Option<Pull>, ProviderError> {
        let pulls = self
            .github
            .client()
            .find_pulls(&self.patch.repo, &self.branch)
            .await?;
        Ok(pulls.into_iter().min_by_key(|pull| pull.number))
    }

    fn on_record(&self, pull: Pull) -> PullRequest {
        PullRequest {
            repo: self.patch.repo.clone(),
            number: pull.number,
            url: pull.url,
            head: pull.head_sha,
        }
    }

    async fn open(&self, act: &Act) -> Result<PullRequest, Outcome<PullRequest>> {
        let Some(text) = PullText::of_json(act.intent()) else {
            return Err(Outcome::Refused(Why::new(
                "unreadable_record",
                "the intent holds no text of a pull request",
            )));
        };
        let commit = self.commit(&text).await?;
        self.branch(&commit).await?;
        let pull = NewPull {
            title: text.title,
            head: self.branch.clone(),
            base: self.patch.base_branch.clone(),
            body: text.body,
        };
        match self.github.client().create_pull(&self.patch.repo, &pull).await {
            Ok(pull) => Ok(self.on_record(pull)),
            Err(ProviderError::AlreadyExists { .. }) => match self.look().await {
                Ok(Some(pull)) => Ok(self.on_record(pull)),
                Ok(None) => Err(Outcome::Unknown(Why::new(
                    "pull_vanished",
                    "pull request exists and cannot be found",
                ))),
                // The provider has it; only its number is missing, which the next attempt's probe reads.
                Err(error) => Err(Outcome::Unknown(ratchet_runtime::outcome::why(&error))),
            },
            Err(error) => Err(failed(&error)),
        }
    }
}

impl Effect for OpenDraft<'_> {
    type Receipt = PullRequest;

    async fn send(&self, act: &Act) -> Outcome<PullRequest> {
        self.open(act).await.map_or_else(|outcome| outcome, Outcome::Done)
    }
}

impl Probe for OpenDraft<'_> {
    async fn probe(&self, _act: &Act) -> Finding<PullRequest> {
        match self.look().await {
            Ok(Some(pull)) => Finding::Found(self.on_record(pull)),
            Ok(None) => Finding::Absent,
            Err(error) => failed_probe(&error),
        }
    }
}
