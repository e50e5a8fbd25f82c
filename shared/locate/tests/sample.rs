//! Retrieval over real source: the bugs of the demo's tickets against the shop and Ratchet's own tree.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use ratchet_domain::bug::Bug;
use ratchet_domain::ids::RepoName;
use ratchet_locate::{Candidate, Corpus, Query, SourceFile, is_source, search};
use serde_json::Value;

type Outcome<T> = Result<T, Box<dyn Error>>;

const SAMPLE: &str = "infra/local/sample";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read_tree(root: &Path, below: &str, files: &mut Vec<SourceFile>) -> Outcome<()> {
    for entry in fs::read_dir(root.join(below))? {
        let entry = entry?;
        let name = entry
            .file_name()
            .into_string()
            .map_err(|name| format!("name is not UTF-8: {}", name.display()))?;
        let path = if below.is_empty() {
            name
        } else {
            format!("{below}/{name}")
        };
        if entry.file_type()?.is_dir() {
            // The demo's repository of Ratchet's own tree leaves the sample out.
            if path != SAMPLE && is_source(&format!("{path}/x.rs")) {
                read_tree(root, &path, files)?;
            }
        } else if is_source(&path) {
            files.push(SourceFile {
                text: fs::read_to_string(root.join(&path))?,
                path,
            });
        }
    }
    Ok(())
}

fn corpus() -> Outcome<Corpus> {
    let mut corpus = Corpus::new();
    for (repo, root) in [
        ("acme/shop", root().join(SAMPLE).join("shop")),
        ("acme/ratchet", root()),
    ] {
        let mut files = Vec::new();
        read_tree(&root, "", &mut files)?;
        corpus.add_repo(&RepoName::parse(repo)?, &files);
    }
    Ok(corpus)
}

fn answers() -> Outcome<Vec<Value>> {
    Ok(serde_json::from_str(&fs::read_to_string(
        root().join(SAMPLE).join("answers.json"),
    )?)?)
}

fn list<'a>(answer: &'a Value, name: &str) -> &'a [Value] {
    answer
        .get(name)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn is_at(candidate: &Candidate, place: &Value) -> bool {
    candidate.repo.as_str().ends_with(text(place, "repo_suffix"))
        && candidate.file == text(place, "path")
        && candidate.symbol == text(place, "symbol")
}

#[test]
fn the_faulty_symbol_of_every_ticket_is_among_the_first_candidates() {
    const SURE: f64 = 0.7;
    const FIRST: usize = 20;
    let corpus = corpus().unwrap();
    let mut places = 0;
    for answer in answers().unwrap() {
        let sure = list(&answer, "locations")
            .iter()
            .filter(|place| place["confidence"].as_f64() >= Some(SURE));
        for place in sure {
            let bug: Bug = serde_json::from_value(answer["bug"].clone()).unwrap();
            let candidates = search(&corpus, &Query::of_bug(&bug), FIRST);
            assert!(
                candidates.iter().any(|candidate| is_at(candidate, place)),
                "{} {place}",
                bug.title
            );
            places += 1;
        }
    }
    assert!(places >= 14, "only {places} places were looked for");
}

#[test]
fn every_edit_of_the_sample_fits_its_file_exactly_once() {
    let mut edits = 0;
    for answer in answers().unwrap() {
        for edit in list(&answer, "edits") {
            let repo = match text(edit, "repo_suffix") {
                "shop" => root().join(SAMPLE).join("shop"),
                _ => root(),
            };
            let file = fs::read_to_string(repo.join(text(edit, "path"))).unwrap();
            assert_eq!(file.matches(text(edit, "search")).count(), 1, "{edit}");
            edits += 1;
        }
    }
    assert!(edits >= 14, "only {edits} edits were looked at");
}
