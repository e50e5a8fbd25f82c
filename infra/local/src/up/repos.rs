//! Working trees as the sandbox's repositories: which one is which, by the org's settings.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::sandbox::Sandbox;
use crate::sandbox::source::read_dir;

/// Where the sandbox's GitHub is for an org whose other providers are real. No host outside has this name (RFC 2606).
pub(super) const GITHUB: &str = "https://sandbox.invalid/github";

/// A working tree, and the repository that it stands for where that is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    /// `owner/name`; by the folder's name otherwise.
    pub name: Option<String>,
    /// Its root.
    pub root: PathBuf,
}

impl FromStr for Tree {
    type Err = std::convert::Infallible;

    /// `owner/name=DIR`, or a directory alone.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let named = text.split_once('=').filter(|(name, _)| {
            let mut parts = name.split('/');
            parts.all(|part| !part.is_empty() && part != "." && part != "..")
                && name.matches('/').count() == 1
        });
        Ok(match named {
            Some((name, root)) => Self {
                name: Some(name.to_owned()),
                root: PathBuf::from(root),
            },
            None => Self {
                name: None,
                root: PathBuf::from(text),
            },
        })
    }
}

/// Puts the trees into the sandbox and names them in the settings. With `is_real` the providers of the settings are the real
/// ones, and their `github` becomes the sandbox's: nothing of a tree goes to GitHub, and every repository needs its tree.
///
/// # Errors
/// When a tree cannot be read, or it is not clear which repository a tree or which tree a repository is.
pub(super) fn serve(document: &mut Value, trees: &[Tree], sandbox: &Sandbox, is_real: bool) -> Result<()> {
    if trees.is_empty() {
        return Ok(());
    }
    let org = document.get("org").and_then(Value::as_str).unwrap_or_default();
    let org = org.to_owned();
    let declared = document.pointer("/github/repos").and_then(Value::as_array);
    let mut repos: Vec<String> = declared
        .into_iter()
        .flatten()
        .filter_map(|name| name.as_str().map(str::to_owned))
        .collect();
    let mut served = BTreeSet::new();
    for tree in trees {
        let (name, root) = placed(tree, &org, &repos, is_real && !repos.is_empty(), trees.len() == 1)?;
        let files = read_dir(&root).with_context(|| format!("working tree {}", root.display()))?;
        sandbox.edit(|outside, now_ms| outside.github.lay(now_ms, &name, &files));
        if !served.insert(name.clone()) {
            bail!("two working trees stand for repository `{name}`");
        }
        if !repos.contains(&name) {
            repos.push(name);
        }
    }
    if is_real {
        let kept = sandbox.read(|outside| {
            let missing = repos.iter().find(|name| outside.github.branches(name).is_empty());
            missing.cloned()
        });
        if let Some(name) = kept {
            bail!(
                "repository `{name}` has no working tree, say --repo {name}=DIR: with --repo no repository is read at GitHub"
            );
        }
        let github = json!({
            "api_url": GITHUB,
            "token": "env:SANDBOX_GITHUB_TOKEN",
            "webhook_secret": "env:SANDBOX_GITHUB_WEBHOOK",
            "repos": repos,
        });
        if let Some(fields) = document.as_object_mut() {
            fields.insert("github".to_owned(), github);
        }
    } else if let Some(field) = document.pointer_mut("/github/repos") {
        *field = json!(repos);
    }
    Ok(())
}

/// The repository that a tree stands for, and the tree's full path.
fn placed(
    tree: &Tree,
    org: &str,
    repos: &[String],
    must_be_declared: bool,
    is_alone: bool,
) -> Result<(String, PathBuf)> {
    let root = tree
        .root
        .canonicalize()
        .with_context(|| format!("working tree {}", tree.root.display()))?;
    if let Some(name) = &tree.name {
        return Ok((name.clone(), root));
    }
    let folder = folder(&root)?;
    let mut same = repos
        .iter()
        .filter(|name| name.rsplit('/').next() == Some(folder.as_str()));
    let name = match (same.next(), same.next(), repos) {
        (Some(name), None, _) => name.clone(),
        (None, _, [only]) if must_be_declared && is_alone => only.clone(),
        (None, _, _) if !must_be_declared => format!("{org}/{folder}"),
        _ => bail!(
            "working tree {} may stand for any of {}, say --repo OWNER/NAME={}",
            root.display(),
            repos.join(", "),
            root.display()
        ),
    };
    Ok((name, root))
}

fn folder(root: &Path) -> Result<String> {
    let name = root.file_name().and_then(|name| name.to_str());
    Ok(name.context("working tree has no name")?.to_owned())
}
