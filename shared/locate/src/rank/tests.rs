//! What a search finds, and that nothing makes it fail.

use proptest::prelude::*;
use ratchet_domain::limits::SNIPPET_BYTES_MAX;

use super::*;
use crate::SourceFile;

fn repo(name: &str) -> RepoName {
    RepoName::parse(name).unwrap()
}

fn file(path: &str, text: &str) -> SourceFile {
    SourceFile {
        path: path.to_owned(),
        text: text.to_owned(),
    }
}

fn shop() -> Vec<SourceFile> {
    vec![
        file(
            "src/cart.rs",
            "impl Cart {\n    pub fn add(&mut self, sku: Sku, quantity: u32) {\n        self.lines.insert(sku, quantity);\n    }\n\n    \
             pub fn total(&self) -> Money {\n        self.lines.values().sum()\n    }\n}\n",
        ),
        file(
            "src/voucher.rs",
            "/// Whether the voucher may be used that day.\nfn valid_on(day: Date) -> bool {\n    day < LAST_DAY\n}\n",
        ),
        file(
            "web/src/search.js",
            "export function search(text) {\n  return new RegExp(text);\n}\n",
        ),
        file(
            "tests/voucher.rs",
            "fn voucher_is_valid_on_its_last_day() {\n    voucher().valid_on(last_day());\n}\n",
        ),
    ]
}

fn found(files: &[SourceFile], query: &str) -> Vec<(String, String)> {
    let mut corpus = Corpus::new();
    corpus.add_repo(&repo("acme/shop"), files);
    search(&corpus, &Query::of_text(query), 10)
        .into_iter()
        .map(|candidate| (candidate.file, candidate.symbol))
        .collect()
}

fn first(query: &str) -> (String, String) {
    found(&shop(), query).swap_remove(0)
}

fn place(file: &str, symbol: &str) -> (String, String) {
    (file.to_owned(), symbol.to_owned())
}

#[test]
fn the_function_that_a_bug_speaks_of_comes_first() {
    assert_eq!(
        first("adding a quantity to the cart"),
        place("src/cart.rs", "Cart::add")
    );
    assert_eq!(
        first("the total of my carts is wrong"),
        place("src/cart.rs", "Cart::total")
    );
    assert_eq!(
        first("my search finds nothing"),
        place("web/src/search.js", "search")
    );
}

#[test]
fn a_test_ranks_below_the_code_that_it_tests() {
    let all = found(&shop(), "voucher is not valid on its last day");
    assert_eq!(all[0], place("src/voucher.rs", "valid_on"));
    assert!(all.contains(&place("tests/voucher.rs", "voucher_is_valid_on_its_last_day")));
}

#[test]
fn a_line_of_a_stack_trace_beats_the_words_around_it() {
    let trace = "the voucher may be used that day\n  at src/cart.rs:7:9";
    assert_eq!(first(trace), place("src/cart.rs", "Cart::total"));
}

#[test]
fn nothing_in_common_finds_nothing() {
    assert_eq!(found(&shop(), "zebra"), []);
    assert_eq!(found(&shop(), ""), []);
    assert_eq!(found(&[], "cart"), []);
}

#[test]
fn the_order_of_files_and_repos_does_not_matter() {
    let query = Query::of_text("cart total voucher");
    let mut reversed_files = shop();
    reversed_files.reverse();
    let (mut one, mut other) = (Corpus::new(), Corpus::new());
    one.add_repo(&repo("acme/a"), &shop());
    one.add_repo(&repo("acme/b"), &shop());
    other.add_repo(&repo("acme/b"), &reversed_files);
    other.add_repo(&repo("acme/a"), &reversed_files);
    let (one, other) = (search(&one, &query, 10), search(&other, &query, 10));
    assert_eq!(one, other);
    assert_eq!(candidates_hash(&one), candidates_hash(&other));
    // Twins score alike and come in the order of their repositories.
    assert_eq!((one[0].repo.as_str(), one[1].repo.as_str()), ("acme/a", "acme/b"));
}

#[test]
fn a_repo_added_again_replaces_itself() {
    let mut corpus = Corpus::new();
    corpus.add_repo(&repo("acme/shop"), &shop());
    corpus.add_repo(&repo("acme/shop"), &shop()[..1]);
    assert_eq!(search(&corpus, &Query::of_text("voucher"), 10), []);
}

#[test]
fn the_hash_follows_what_the_rerank_sees() {
    let mut corpus = Corpus::new();
    corpus.add_repo(&repo("acme/shop"), &shop());
    let mut candidates = search(&corpus, &Query::of_text("cart"), 10);
    let before = candidates_hash(&candidates);
    candidates[0].score += 1.0;
    assert_eq!(candidates_hash(&candidates), before);
    candidates[0].snippet.push('x');
    assert_ne!(candidates_hash(&candidates), before);
}

proptest! {
    #[test]
    fn any_text_is_searched_within_bounds(
        texts in prop::collection::vec((prop::sample::select(vec!["a.rs", "b.py", "c.js", "d.java", "e.sql"]), ".{0,400}(\n.{0,40}){0,8}"), 0..4),
        query in "(.{0,80}|[a-z./:\"` ]{0,80})",
        most in 0_usize..80,
    ) {
        let files: Vec<SourceFile> = texts.iter().map(|(path, text)| file(path, text)).collect();
        let mut corpus = Corpus::new();
        corpus.add_repo(&repo("acme/shop"), &files);
        let all = search(&corpus, &Query::of_text(&query), most);
        prop_assert!(all.len() <= most.min(CANDIDATES_MAX));
        prop_assert!(all.windows(2).all(|pair| pair[0].score >= pair[1].score));
        for candidate in &all {
            prop_assert!(candidate.score.is_finite() && candidate.score > 0.0);
            prop_assert!(candidate.snippet.len() <= SNIPPET_BYTES_MAX);
        }
        prop_assert_eq!(&all, &search(&corpus, &Query::of_text(&query), most));
    }

    #[test]
    fn any_path_is_judged(path in any::<String>()) {
        prop_assert!(!crate::is_source(&path) || !path.starts_with('/'));
    }
}
