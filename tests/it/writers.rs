//! Who writes: every raw write of a table, every companion of a seal and every key of an entry stands in a file that is listed
//! here with its reason, so that a second meter cannot be built anywhere without a change of this list.

use std::collections::BTreeMap;

use anyhow::Result;

use crate::repository::{files_below, read};

/// The operations of the SDK that change a row or make a table from rows, and the service's own name for all of them.
const WRITES: [&str; 11] = [
    "put_item",
    "update_item",
    "delete_item",
    "batch_write_item",
    "transact_write_items",
    "execute_statement",
    "batch_execute_statement",
    "execute_transaction",
    "import_table",
    "restore_table_to_point_in_time",
    "DynamoDB_20120810",
];

/// Files that write a table without the guard's promise, or are that promise: how often, and what.
const WRITERS: [(&str, usize, &str); 17] = [
    ("infra/ctl/src/settings.rs", 1, "an operator puts settings"),
    (
        "infra/local/src/aws/call.rs",
        1,
        "the stand tells services apart by it",
    ),
    (
        "infra/local/src/chaos/controls.rs",
        1,
        "the stand breaks a deployment that has no guard",
    ),
    (
        "infra/local/src/chaos/seeing.rs",
        1,
        "the stand breaks rows to see it found",
    ),
    ("infra/local/src/settings.rs", 2, "the sandbox puts settings"),
    ("infra/local/src/stand.rs", 1, "the stand damages a row"),
    (
        "infra/local/src/stand/finished.rs",
        1,
        "the stand fills a ledger that is measured",
    ),
    ("shared/guard/src/embedded.rs", 1, "the embedded store answers it"),
    ("shared/guard/src/intake.rs", 1, "an event, once"),
    ("shared/guard/src/intake/events.rs", 1, "an event is done with"),
    ("shared/guard/src/ledger/claim.rs", 2, "a claim"),
    ("shared/guard/src/ledger/fenced.rs", 1, "a write under a fence"),
    (
        "shared/guard/src/ledger/read.rs",
        1,
        "a message that nobody can read",
    ),
    ("shared/guard/src/ledger/record.rs", 1, "a fact, once"),
    ("shared/guard/src/ledger/seal.rs", 1, "a late receipt"),
    (
        "shared/guard/src/ledger/together.rs",
        1,
        "a seal with its companions",
    ),
    (
        "shared/runtime/src/guardrails.rs",
        1,
        "what a limit has let through",
    ),
];

/// Of those, files that write the usage table: under keys of their own.
const OWN_KEYS: [(&str, usize, &str); 3] = [
    (
        "shared/runtime/src/tokens/lost.rs",
        1,
        "attempts at a model that left no word",
    ),
    ("shared/runtime/src/usage/seal.rs", 1, "a batch of the tree"),
    (
        "shared/runtime/src/usage/seal/stop.rs",
        1,
        "where sealing stopped",
    ),
];

/// Files that name what lands together with a seal. Only two of them make rows of the usage table.
const JOINT: [(&str, &str); 11] = [
    ("functions/qualify/src/lib.rs", "the charge and the approval"),
    (METER, "the charge and the credit"),
    ("shared/guard/src/ledger.rs", "it is public"),
    ("shared/guard/src/ledger/companion.rs", "what it is"),
    ("shared/guard/src/ledger/park.rs", "with a parked row"),
    ("shared/guard/src/ledger/release.rs", "with a released row"),
    ("shared/guard/src/ledger/seal.rs", "with a sealed row"),
    ("shared/guard/src/ledger/together.rs", "the transaction"),
    ("shared/guard/src/lib.rs", "it is public"),
    ("shared/runtime/src/model.rs", "hands the tokens' on"),
    (TOKENS, "the tokens that a model step has spent"),
];

/// Files that make an entry's key: one to write entries, the others to look one up.
const KEYS: [(&str, usize, &str); 4] = [
    (METER, 2, "a charge and a credit"),
    (
        "infra/ctl/src/verbs/usage/explain.rs",
        1,
        "looks a charge up by its bug",
    ),
    ("shared/domain/src/bill.rs", 2, "where they are defined"),
    (
        "shared/runtime/src/usage/explain.rs",
        1,
        "looks for a charge without a flag",
    ),
];

/// Files that know how an entry's key begins.
const PREFIXES: [(&str, &str); 5] = [
    (
        "functions/reconcile/src/survey/usage.rs",
        "tells entries from approvals",
    ),
    ("infra/local/src/chaos/report.rs", "counts entries"),
    ("infra/local/src/demo/report.rs", "counts entries"),
    ("shared/domain/src/bill.rs", "where it is defined"),
    ("shared/runtime/src/usage/slice.rs", "ranges of keys"),
];

const METER: &str = "functions/qualify/src/meter.rs";
const TOKENS: &str = "shared/runtime/src/tokens.rs";

/// Every source file that is no test, example or bench, without the unit tests at its end.
fn production() -> Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    for folder in ["functions", "shared", "infra"] {
        for path in files_below(folder)? {
            let is_other = path
                .split('/')
                .any(|part| ["tests", "examples", "benches", "tests.rs"].contains(&part));
            if path.ends_with(".rs") && !is_other {
                let text = without_tests(&read(&path)?).to_owned();
                found.insert(path, text);
            }
        }
    }
    Ok(found)
}

/// The text up to a module of unit tests; what stands behind `#[cfg(test)] mod tests;` is production.
fn without_tests(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default()
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// How often a word stands alone in a text, with what is before and behind it.
fn places<'t>(text: &'t str, word: &'t str) -> impl Iterator<Item = (&'t str, &'t str)> {
    text.match_indices(word).filter_map(move |(at, _)| {
        let (before, behind) = (text.get(..at)?, text.get(at + word.len()..)?);
        (!before.ends_with(is_word) && !behind.starts_with(is_word)).then_some((before, behind))
    })
}

/// How many raw writes a text has: calls of the SDK's operations, by whatever value, and functions that stand for one.
fn raw_writes(text: &str) -> usize {
    let is_use = |(before, behind): &(&str, &str), word: &str| {
        let is_module = behind.starts_with("::");
        let is_called = before.ends_with('.') || before.ends_with("::");
        word.starts_with("Dynamo") || (is_called && !is_module)
    };
    let each = WRITES.iter().map(|word| {
        let places = places(text, word);
        places.filter(|place| is_use(place, word)).count()
    });
    each.sum()
}

/// Files that make entries or counters of any table in a seal's transaction.
fn makes_rows(text: &str) -> bool {
    ["entry", "count", "put"]
        .iter()
        .any(|made| text.contains(&format!("Companion::{made}")))
}

/// A name of its own for a type that is looked for by name.
fn renames(text: &str) -> bool {
    let hidden = places(text, "Companion").any(|(before, behind)| {
        let line = before.lines().next_back().unwrap_or_default();
        behind.trim_start().starts_with("as ") || places(line, "type").next().is_some()
    });
    hidden || text.contains("ratchet_guard::*") || text.contains("ratchet_guard::ledger::*")
}

fn counted(list: &[(&str, usize, &str)]) -> BTreeMap<String, usize> {
    let counts = list.iter().map(|(path, count, _)| ((*path).to_owned(), *count));
    counts.collect()
}

fn listed(list: &[(&str, &str)]) -> Vec<String> {
    list.iter().map(|(path, _)| (*path).to_owned()).collect()
}

#[test]
fn every_raw_write_stands_in_a_file_that_is_listed() -> Result<()> {
    let mut found = BTreeMap::new();
    for (path, text) in production()? {
        let count = raw_writes(&text);
        if count > 0 {
            found.insert(path, count);
        }
    }
    let mut expected = counted(&WRITERS);
    expected.extend(counted(&OWN_KEYS));
    assert_eq!(found, expected);
    Ok(())
}

#[test]
fn only_those_with_keys_of_their_own_write_raw_where_the_usage_table_is_named() -> Result<()> {
    let sources = production()?;
    for (path, ..) in WRITERS {
        let text = sources.get(path).map(String::as_str).unwrap_or_default();
        let is_production = !path.starts_with("infra/local/");
        assert!(!is_production || !text.contains("org_period"), "{path}");
    }
    Ok(())
}

#[test]
fn only_the_meter_and_the_token_count_make_rows_beside_a_seal() -> Result<()> {
    let (mut names, mut makers) = (Vec::new(), Vec::new());
    for (path, text) in production()? {
        assert!(!renames(&text), "{path}: a companion is called by its own name");
        if places(&text, "Companion").next().is_some() {
            names.push(path.clone());
        }
        if makes_rows(&text) {
            makers.push(path);
        }
    }
    assert_eq!(names, listed(&JOINT));
    assert_eq!(makers, [METER, TOKENS]);
    Ok(())
}

#[test]
fn entry_keys_are_made_in_one_place_and_asked_for_by_those_that_are_listed() -> Result<()> {
    let (mut keys, mut prefixes) = (BTreeMap::new(), Vec::new());
    for (path, text) in production()? {
        let made = |name| {
            places(&text, name)
                .filter(|(before, _)| !before.ends_with("use "))
                .count()
        };
        let made = made("charge_key") + made("credit_key");
        if made > 0 {
            keys.insert(path.clone(), made);
        }
        let has_prefix = text.contains("\"entry#") || places(&text, "ENTRY").next().is_some();
        if has_prefix {
            prefixes.push(path);
        }
    }
    assert_eq!(keys, counted(&KEYS));
    assert_eq!(prefixes, listed(&PREFIXES));
    Ok(())
}

#[test]
fn write_is_found_however_it_is_spelt() {
    for text in [
        "client.put_item().send()",
        "client\n    .transact_write_items()",
        "let write = Client::batch_write_item;",
        "client.execute_statement().statement(\"UPDATE\")",
        "client.execute_transaction()",
        "header(\"x-amz-target\", \"DynamoDB_20120810.PutItem\")",
        "#[cfg(test)]\nmod tests;\nfn f(c: Client) { c.delete_item() }",
    ] {
        assert_eq!(raw_writes(without_tests(text)), 1, "{text}");
    }
    for text in [
        "use aws_sdk_dynamodb::operation::put_item::PutItemError;",
        "fn output_item() {}",
        "fn f() {}\n\n#[cfg(test)]\nmod tests {\n    fn g(c: Client) { c.put_item() }\n}",
    ] {
        assert_eq!(raw_writes(without_tests(text)), 0, "{text}");
    }
    for made in ["entry", "count", "put"] {
        assert!(makes_rows(&format!("Companion::{made}(table)")), "{made}");
    }
    for text in [
        "use ratchet_guard::Companion as C;",
        "type C = Companion;",
        "use ratchet_guard::*;",
    ] {
        assert!(renames(text), "{text}");
    }
    assert!(!renames(
        "fn f(c: Vec<Companion>) -> Companion { Companion::entry() }"
    ));
}
