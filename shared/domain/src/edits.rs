//! Applying a patch: every edit exactly, or none.

use std::collections::BTreeMap;

use thiserror::Error;

use crate::limits::PATCH_FILES_MAX;
use crate::patch::Edit;

/// Why a patch is refused. The sentence goes back to the model and into the record; it quotes no code.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EditError {
    /// Nothing to change.
    #[error("`edits` must hold at least one edit")]
    Empty,
    /// More files than a reviewer reads.
    #[error("`edits` must touch at most {PATCH_FILES_MAX} files")]
    TooManyFiles,
    /// A path that no patch may touch.
    #[error("edit {index} touches a path that is never patched: {rule}")]
    Forbidden {
        /// Which edit, from 0.
        index: usize,
        /// Why.
        rule: &'static str,
    },
    /// A file that was not part of the question.
    #[error("edit {index} names a file that is not among the files given")]
    UnknownFile {
        /// Which edit, from 0.
        index: usize,
    },
    /// The text to replace must be found once.
    #[error("`search` of edit {index} occurs {found} times in its file, and must occur exactly once")]
    NotOnce {
        /// Which edit, from 0.
        index: usize,
        /// How often it was found.
        found: usize,
    },
    /// An edit without effect.
    #[error("edit {index} changes nothing")]
    NoChange {
        /// Which edit, from 0.
        index: usize,
    },
}

/// Files after the edits, by path; only those that changed.
///
/// # Errors
/// [`EditError`] for the first edit that cannot be applied exactly; then nothing is.
pub fn apply(
    files: &BTreeMap<String, String>,
    edits: &[Edit],
) -> Result<BTreeMap<String, String>, EditError> {
    if edits.is_empty() {
        return Err(EditError::Empty);
    }
    let mut patched: BTreeMap<String, String> = BTreeMap::new();
    for (index, edit) in edits.iter().enumerate() {
        if let Some(rule) = forbidden(&edit.path) {
            return Err(EditError::Forbidden { index, rule });
        }
        let text = patched
            .get(&edit.path)
            .or_else(|| files.get(&edit.path))
            .ok_or(EditError::UnknownFile { index })?;
        let found = if edit.search.is_empty() {
            0
        } else {
            text.matches(edit.search.as_str()).count()
        };
        if found != 1 {
            return Err(EditError::NotOnce { index, found });
        }
        if edit.search == edit.replace {
            return Err(EditError::NoChange { index });
        }
        let text = text.replacen(&edit.search, &edit.replace, 1);
        patched.insert(edit.path.clone(), text);
    }
    if patched.len() > PATCH_FILES_MAX {
        return Err(EditError::TooManyFiles);
    }
    Ok(patched)
}

/// File names of lock files: a tool writes them, and a changed one runs other people's code.
const LOCK_FILES: [&str; 11] = [
    "cargo.lock",
    "package-lock.json",
    "npm-shrinkwrap.json",
    "yarn.lock",
    "pnpm-lock.yaml",
    "poetry.lock",
    "pipfile.lock",
    "gemfile.lock",
    "composer.lock",
    "go.sum",
    "uv.lock",
];

/// Folders whose files decide what a machine runs on its own.
const WORKFLOW_FOLDERS: [&str; 6] = [
    ".github/",
    ".gitlab/",
    ".circleci/",
    ".buildkite/",
    ".ci/",
    ".git/",
];

/// Files at the root that do the same.
const WORKFLOW_FILES: [&str; 5] = [
    ".gitlab-ci.yml",
    "azure-pipelines.yml",
    "jenkinsfile",
    "bitbucket-pipelines.yml",
    ".travis.yml",
];

/// Why no patch may touch the path; none where it may.
#[must_use]
pub fn forbidden(path: &str) -> Option<&'static str> {
    let lower = path.to_ascii_lowercase();
    let name = lower.rsplit('/').next().unwrap_or(&lower);
    let part_is_bad = |part: &str| part.is_empty() || part == "." || part == "..";
    if path.starts_with('/') || path.contains('\\') || path.contains('\0') || path.split('/').any(part_is_bad)
    {
        return Some("it leaves the repository");
    }
    let in_folder = |folder: &str| lower.starts_with(folder) || lower.contains(&format!("/{folder}"));
    if WORKFLOW_FOLDERS.iter().any(|folder| in_folder(folder)) || WORKFLOW_FILES.contains(&name) {
        return Some("it is a workflow file");
    }
    if LOCK_FILES.contains(&name) {
        return Some("it is a lock file");
    }
    let secret_endings = [".pem", ".key", ".p12", ".pfx", ".jks", ".keystore"];
    let is_secret = name == ".env"
        || name.starts_with(".env.")
        || name.starts_with("id_rsa")
        || name.starts_with("id_ed25519")
        || [
            ".npmrc",
            ".pypirc",
            ".netrc",
            "credentials",
            "credentials.json",
            "secrets.yml",
            "secrets.yaml",
            "secrets.json",
        ]
        .contains(&name)
        || secret_endings.iter().any(|ending| name.ends_with(ending));
    is_secret.then_some("it may hold secrets")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files() -> BTreeMap<String, String> {
        BTreeMap::from([("src/a.rs".to_owned(), "let a = 1;\nlet b = 1;\n".to_owned())])
    }

    fn edit(path: &str, search: &str, replace: &str) -> Edit {
        Edit {
            path: path.to_owned(),
            search: search.to_owned(),
            replace: replace.to_owned(),
        }
    }

    #[test]
    fn edits_apply_in_order_to_the_text_that_the_one_before_left() {
        let edits = [
            edit("src/a.rs", "let a = 1;", "let a = 2;"),
            edit("src/a.rs", "let a = 2;\n", "let a = 3;\n"),
        ];
        assert_eq!(
            apply(&files(), &edits).unwrap()["src/a.rs"],
            "let a = 3;\nlet b = 1;\n"
        );
    }

    #[test]
    fn a_search_that_is_not_found_exactly_once_refuses_the_whole_patch() {
        let twice = [edit("src/a.rs", "let a = 1;", "x"), edit("src/a.rs", "= ", "== ")];
        assert_eq!(
            apply(&files(), &[edit("src/a.rs", " = 1;", "x")]),
            Err(EditError::NotOnce { index: 0, found: 2 })
        );
        assert_eq!(
            apply(&files(), &[edit("src/a.rs", "absent", "x")]),
            Err(EditError::NotOnce { index: 0, found: 0 })
        );
        assert_eq!(
            apply(&files(), &[edit("src/a.rs", "", "x")]),
            Err(EditError::NotOnce { index: 0, found: 0 })
        );
        assert!(apply(&files(), &twice).is_ok());
        assert_eq!(apply(&files(), &[]), Err(EditError::Empty));
        assert_eq!(
            apply(&files(), &[edit("src/b.rs", "a", "x")]),
            Err(EditError::UnknownFile { index: 0 })
        );
        assert_eq!(
            apply(&files(), &[edit("src/a.rs", "let b", "let b")]),
            Err(EditError::NoChange { index: 0 })
        );
    }

    #[test]
    fn what_a_machine_runs_by_itself_and_what_hides_secrets_is_never_patched() {
        for path in [
            "/etc/passwd",
            "../a",
            "a/../b",
            "a//b",
            "a\\b",
            ".github/workflows/ci.yml",
            "sub/.github/workflows/x.yml",
            ".gitlab-ci.yml",
            "Cargo.lock",
            "web/package-lock.json",
            ".env",
            ".env.local",
            "deploy/prod.pem",
            "id_rsa",
            ".git/config",
            ".ci/run",
            "a/credentials",
            "",
        ] {
            assert!(forbidden(path).is_some(), "{path}");
        }
        for path in [
            "src/lock.rs",
            "src/env.rs",
            "docs/secrets.md",
            "a/.gitignore",
            "src/key.rs",
        ] {
            assert_eq!(forbidden(path), None, "{path}");
        }
    }
}
