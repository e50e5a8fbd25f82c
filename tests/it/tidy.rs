//! Rules about the repository itself: each is a test, so CI needs no other checker for it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;

use crate::repository::{files_below, read};

/// Longest source file.
const LINES_MAX: usize = 400;

/// How often each folder lifts a ban of `clippy.toml`; the code says the reason at each place.
const LIFTED_BANS: [(&str, usize); 4] = [
    ("infra/ctl", 1),
    ("infra/local", 1),
    ("shared/guard", 4),
    ("shared/runtime", 1),
];

/// Words that no file has, and what stands for them. Split here, so that this file has none of them either.
const BANNED_ANYWHERE: [(&str, &str); 7] = [
    (concat!("/ro", "ot/"), "a path of one machine"),
    (concat!("/ho", "me/"), "a path of one machine"),
    (concat!("/wo", "rk/"), "a path of one machine"),
    (
        concat!("crates", ".io"),
        "a package registry's host; name the package",
    ),
    (
        concat!("pypi", ".org"),
        "a package registry's host; name the package",
    ),
    (
        concat!("python", "hosted"),
        "a package registry's host; name the package",
    ),
    (
        concat!("npm", "js."),
        "a package registry's host; name the package",
    ),
];

/// Words that no source file has.
const BANNED_IN_SOURCES: [(&str, &str); 8] = [
    (concat!("to", "do!("), "finished code"),
    (concat!("unimple", "mented!("), "finished code"),
    (concat!("FIX", "ME"), "a mended fault"),
    (concat!("X", "XX"), "a mended fault"),
    (concat!("#[ig", "nore"), "a test that runs"),
    (concat!("should_", "panic"), "an assertion on the error"),
    (concat!("mod", "_path"), "a file named as its module"),
    (concat!("allow(cl", "ippy"), "#[expect(.., reason = \"..\")]"),
];

/// The folders that hold source code.
const SOURCE_FOLDERS: [&str; 4] = ["functions", "shared", "infra", "tests"];

fn sources() -> Result<Vec<String>> {
    let mut found = Vec::new();
    for folder in SOURCE_FOLDERS {
        found.extend(
            files_below(folder)?
                .into_iter()
                .filter(|path| path.ends_with(".rs")),
        );
    }
    Ok(found)
}

fn manifests() -> Result<Vec<String>> {
    let mut found = Vec::new();
    for folder in SOURCE_FOLDERS {
        found.extend(
            files_below(folder)?
                .into_iter()
                .filter(|path| path.ends_with("/Cargo.toml")),
        );
    }
    // The crates that stand beside the workspace say so themselves.
    let mut members = Vec::new();
    for path in found {
        if !read(&path)?.contains("\n[workspace]") {
            members.push(path);
        }
    }
    Ok(members)
}

/// Every line of `paths` that has one of `words`, as `path:line: word, instead: ..`.
fn lines_with(paths: &[String], words: &[(&str, &str)]) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for path in paths {
        // What is not text has no words.
        let Ok(text) = read(path) else { continue };
        for (index, line) in text.lines().enumerate() {
            for (word, instead) in words.iter().filter(|(word, _)| line.contains(word)) {
                found.push(format!("{path}:{}: `{word}`, instead: {instead}", index + 1));
            }
        }
    }
    Ok(found)
}

#[test]
fn no_file_has_a_banned_word() -> Result<()> {
    let mut paths = files_below("")?;
    paths.retain(|path| !path.ends_with(".lock") && path != "out.json");
    let found = lines_with(&paths, &BANNED_ANYWHERE)?;
    assert!(found.is_empty(), "{}", found.join("\n"));
    let found = lines_with(&sources()?, &BANNED_IN_SOURCES)?;
    assert!(found.is_empty(), "{}", found.join("\n"));
    Ok(())
}

#[test]
fn banned_words_are_found_where_they_stand() -> Result<()> {
    let here = ["tests/it/tidy.rs".to_owned()];
    let found = lines_with(&here, &[("fn banned_words_are", "nothing")])?;
    assert_eq!(found.len(), 2, "{found:?}");
    Ok(())
}

#[test]
fn no_source_file_is_too_long() -> Result<()> {
    let mut long = BTreeSet::new();
    for path in sources()? {
        if read(&path)?.lines().count() > LINES_MAX {
            long.insert(path);
        }
    }
    assert_eq!(long, BTreeSet::new(), "files over {LINES_MAX} lines");
    Ok(())
}

#[test]
fn bans_are_lifted_only_where_listed() -> Result<()> {
    let mut lifted: BTreeMap<String, usize> = BTreeMap::new();
    for path in sources()? {
        let count = read(&path)?.matches(concat!("clippy::", "disallowed_")).count();
        if count > 0 && !path.starts_with("tests/it/") {
            let folder: Vec<&str> = path.split('/').take(2).collect();
            *lifted.entry(folder.join("/")).or_default() += count;
        }
    }
    let listed = LIFTED_BANS
        .iter()
        .map(|(folder, count)| ((*folder).to_owned(), *count));
    assert_eq!(lifted, listed.collect(), "lifted bans against LIFTED_BANS");
    Ok(())
}

#[test]
fn every_crate_takes_the_workspaces_lints_and_facts() -> Result<()> {
    let manifests = manifests()?;
    assert!(manifests.len() >= 16, "{manifests:?}");
    for path in manifests {
        let text = read(&path)?;
        assert!(text.contains("\n[lints]\nworkspace = true\n"), "{path}: lints");
        for fact in ["version", "edition", "rust-version", "license", "publish"] {
            assert!(
                text.contains(&format!("\n{fact}.workspace = true\n")),
                "{path}: {fact}"
            );
        }
        let versioned = text.lines().find(|line| line.contains("version = \""));
        assert_eq!(
            versioned, None,
            "{path}: versions belong into the workspace's table"
        );
    }
    Ok(())
}

#[test]
fn a_module_is_named_by_its_file() -> Result<()> {
    let found: Vec<String> = sources()?
        .into_iter()
        .filter(|path| path.ends_with("/mod.rs"))
        .collect();
    assert!(found.is_empty(), "{found:?}");
    Ok(())
}

/// The layer of a package; each may use lower layers only.
fn layer(package: &str) -> u8 {
    match package {
        "ratchet-domain" | "ratchet-guard" => 0,
        "ratchet-locate" | "ratchet-providers" => 1,
        "ratchet-runtime" => 2,
        "ctl" | "local" => 4,
        "ratchet-tests" | "ratchet-bytes" | "ratchet-processes" => 5,
        _ => 3, // a function
    }
}

#[test]
fn a_package_uses_lower_layers_only() -> Result<()> {
    let mut packages = BTreeMap::new();
    for path in manifests()? {
        let text = read(&path)?;
        let name = text
            .lines()
            .find_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'));
        packages.insert(name.unwrap_or_default().to_owned(), text);
    }
    for (package, text) in &packages {
        let sections = text
            .split("\n[")
            .filter(|section| section.starts_with("dependencies]"));
        for line in sections.flat_map(str::lines) {
            let used = line.split([' ', '.']).next().unwrap_or_default();
            if packages.contains_key(used) {
                assert!(layer(used) < layer(package), "{package} uses {used}");
            }
        }
    }
    Ok(())
}

/// The clock that runs and true randomness are made in one place, and handed in everywhere else.
#[test]
fn a_step_makes_no_clock_no_randomness_and_no_process() -> Result<()> {
    let handed_in = [
        "functions/",
        "shared/domain/",
        "shared/providers/",
        "shared/locate/",
    ];
    let mut paths = sources()?;
    paths.retain(|path| handed_in.iter().any(|folder| path.starts_with(folder)) && !path.contains("/tests"));
    let found = lines_with(
        &paths,
        &[
            ("SystemClock", "the clock of the Deployment"),
            ("RandomAttemptIds", "the attempt ids of the Deployment"),
            ("Command::new", "a function is one process"),
        ],
    )?;
    assert!(found.is_empty(), "{}", found.join("\n"));
    Ok(())
}

#[test]
fn nothing_in_production_deletes_a_row() -> Result<()> {
    let production = ["functions/", "shared/"];
    let mut paths = sources()?;
    paths.retain(|path| production.iter().any(|folder| path.starts_with(folder)) && !path.contains("/tests"));
    let found = lines_with(
        &paths,
        &[(".delete_item(", "a conditional update; time to live cleans")],
    )?;
    assert!(found.is_empty(), "{}", found.join("\n"));
    Ok(())
}
