//! The bugs of the sample shop are bugs: each test of `BUGS.md` fails until the sandbox's model mends what it is about, and
//! no other test ever does.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::Command;

use super::{tickets, working_tree};
use crate::sandbox::model::answers::{Answer, for_text, sample};
use crate::sandbox::source::read_dir;

/// Which toolchain runs a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Half {
    Rust,
    Web,
}

/// A seeded bug: its ticket, and the test that fails until it is mended.
struct Bug {
    ticket: String,
    half: Half,
    test: String,
}

/// The table of the seeded bugs.
fn bugs() -> Vec<Bug> {
    let table = include_str!("../../sample/BUGS.md");
    // The tables after it are about another tree, and have no tests.
    let (seeded, _) = table.split_once("## In Ratchet").unwrap();
    let rows = seeded.lines().filter_map(|line| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, ticket, _, file, _, test, _] = cells.as_slice() else {
            return None;
        };
        ticket.parse::<u64>().ok()?;
        let half = if file.ends_with(".rs`") {
            Half::Rust
        } else {
            Half::Web
        };
        Some(Bug {
            ticket: (*ticket).to_owned(),
            half,
            test: test.trim_matches('`').to_owned(),
        })
    });
    rows.collect()
}

/// A copy of the shop that may be changed.
fn copy() -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for file in read_dir(&working_tree().unwrap().join("infra/local/sample/shop")).unwrap() {
        let path = copy.path().join(&file.path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, file.content).unwrap();
    }
    copy
}

/// What the model says to a ticket.
fn answer<'a>(answers: &'a [Answer], ticket: &str) -> &'a Answer {
    let tickets = tickets().unwrap();
    let ticket = tickets.iter().find(|found| found.id == ticket).unwrap();
    let words = ticket.comments.iter().map(|comment| comment.text.as_str());
    let text: Vec<&str> = std::iter::once(ticket.subject.as_str()).chain(words).collect();
    for_text(answers, &text.join("\n")).unwrap()
}

/// Lays the model's edits of the shop over the copy; how many there were.
fn mend(shop: &Path, answer: &Answer) -> usize {
    let edits = answer.edits.iter().filter(|edit| edit.repo_suffix == "shop");
    for edit in edits.clone() {
        let path = shop.join(&edit.path);
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text.matches(&edit.search).count(), 1, "{}", edit.search);
        fs::write(path, text.replacen(&edit.search, &edit.replace, 1)).unwrap();
    }
    edits.count()
}

/// Names of the tests that fail, and how many pass.
fn failing(half: Half, shop: &Path) -> (BTreeSet<String>, usize) {
    let mut command = match half {
        Half::Rust => Command::new(env!("CARGO")),
        Half::Web => Command::new("node"),
    };
    match half {
        Half::Rust => command
            .args([
                "test",
                "--offline",
                "--quiet",
                "--no-fail-fast",
                "--test",
                "shop",
                "--",
                "--format=pretty",
            ])
            .current_dir(shop)
            .env("CARGO_TARGET_DIR", shop.join("target"))
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            .env_remove("CARGO_RESOLVER_FEATURE_UNIFICATION")
            .env_remove("RUST_TEST_THREADS"),
        Half::Web => command
            .args(["--test", "--test-reporter=tap"])
            .current_dir(shop.join("web"))
            .env_remove("NODE_TEST_CONTEXT"),
    };
    let run = command.output().unwrap();
    let (mut failed, mut passed) = (BTreeSet::new(), 0);
    for line in String::from_utf8_lossy(&run.stdout).lines().map(str::trim) {
        let (name, is_ok) = match half {
            Half::Rust => match line
                .strip_prefix("test ")
                .and_then(|line| line.split_once(" ... "))
            {
                Some((name, outcome)) => (name, outcome == "ok"),
                None => continue,
            },
            Half::Web => {
                let rest = line.strip_prefix("not ok ").map(|rest| (rest, false));
                let rest = rest.or_else(|| line.strip_prefix("ok ").map(|rest| (rest, true)));
                match rest.and_then(|(rest, is_ok)| Some((rest.split_once(" - ")?.1, is_ok))) {
                    // A whole file, where this version of node reports one.
                    Some((name, _)) if name.ends_with(".js") => continue,
                    Some((name, is_ok)) => (name, is_ok),
                    None => continue,
                }
            }
        };
        if is_ok {
            passed += 1;
        } else {
            failed.insert(name.to_owned());
        }
    }
    let told = String::from_utf8_lossy(&run.stderr);
    assert!(passed > 0, "no test of the {half:?} half ran: {told}");
    (failed, passed)
}

/// One bug after the other is mended, and each time its own test is the one that no longer fails.
fn is_mended_bug_by_bug(half: Half) {
    let shop = copy();
    let bugs: Vec<Bug> = bugs().into_iter().filter(|bug| bug.half == half).collect();
    let answers = sample().unwrap();
    let mut open: BTreeSet<String> = bugs.iter().map(|bug| bug.test.clone()).collect();
    assert!(open.len() > 4, "{open:?}");
    let (found, before) = failing(half, shop.path());
    assert_eq!(found, open, "exactly the seeded bugs fail");
    for bug in &bugs {
        assert!(
            mend(shop.path(), answer(&answers, &bug.ticket)) > 0,
            "{}",
            bug.ticket
        );
        open.remove(&bug.test);
        assert_eq!(
            failing(half, shop.path()).0,
            open,
            "after the edits of {}",
            bug.ticket
        );
    }
    assert_eq!(failing(half, shop.path()).1, before + bugs.len());
}

#[test]
fn each_bug_of_the_shop_is_mended_by_the_edits_of_its_ticket() {
    is_mended_bug_by_bug(Half::Rust);
}

#[test]
fn each_bug_of_the_shops_pages_is_mended_by_the_edits_of_its_ticket() {
    if which("node") {
        is_mended_bug_by_bug(Half::Web);
    } else {
        println!("skipped: there is no node on this machine, and the shop's pages need it");
    }
}

fn which(program: impl AsRef<OsStr>) -> bool {
    Command::new(program)
        .arg("--version")
        .output()
        .is_ok_and(|run| run.status.success())
}
