//! Applying a patch: every edit exactly, or none.

mod forbidden;

use std::collections::BTreeMap;

use thiserror::Error;

pub use forbidden::forbidden;

use crate::limits::PATCH_FILES_MAX;
use crate::patch::Edit;
use crate::redact::{Private, added};

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
    /// Text that came from a ticket or a model, and belongs into no repository.
    #[error("edit {index} adds {what}, and its file held none such: use a stand-in")]
    AddsPrivate {
        /// Which edit, from 0.
        index: usize,
        /// What.
        what: Private,
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
        let after = text.replacen(&edit.search, &edit.replace, 1);
        let held = files.get(&edit.path).map_or("", String::as_str);
        if let Some(what) = added(held, touched(text, &after, edit)) {
            return Err(EditError::AddsPrivate { index, what });
        }
        patched.insert(edit.path.clone(), after);
    }
    if patched.len() > PATCH_FILES_MAX {
        return Err(EditError::TooManyFiles);
    }
    Ok(patched)
}

/// The lines of `after` that the edit of `text` changes, whole: what it adds may be complete only with what stands there.
fn touched<'a>(text: &str, after: &'a str, edit: &Edit) -> &'a str {
    let start = text.find(&edit.search).unwrap_or_default();
    let end = start.saturating_add(edit.replace.len());
    let (head, tail) = (after.get(..start), after.get(end..));
    let line_start = head.and_then(|head| head.rfind('\n')).map_or(0, |at| at + 1);
    let line_end = tail
        .and_then(|tail| tail.find('\n'))
        .map_or(after.len(), |at| end + at);
    after.get(line_start..line_end).unwrap_or(after)
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
    fn an_edit_that_adds_an_address_or_a_credential_is_refused_and_one_that_keeps_it_is_not() {
        let files = BTreeMap::from([(
            "src/a.rs".to_owned(),
            "// owner: team@acme.test\nlet key = \"AKIA\";\nlet b = 1;\n".to_owned(),
        )]);
        let with = |search: &str, replace: &str| apply(&files, &[edit("src/a.rs", search, replace)]);
        let address = EditError::AddsPrivate {
            index: 0,
            what: Private::Address,
        };
        let credential = EditError::AddsPrivate {
            index: 0,
            what: Private::Credential,
        };
        assert_eq!(
            with("let b = 1;", "let b = 2; // jo@acme.test said so"),
            Err(address.clone())
        );
        assert_eq!(with("team@", "jo@"), Err(address));
        assert_eq!(
            with("let b = 1;", "fetch(\"https://u:hunter2pw@host.test/x\");"),
            Err(credential.clone())
        );
        assert_eq!(with("AKIA\"", "AKIAIOSFODNN7EXAMPLE\""), Err(credential));
        assert!(with("let b = 1;", "let b = 2; // ask team@acme.test").is_ok());
        assert!(with("// owner: team@acme.test", "// the owner: team@acme.test").is_ok());
        assert!(with("let b = 1;", "let token = read_token(input)?;").is_ok());
    }
}
