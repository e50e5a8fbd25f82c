//! `ctl usage show --org ORG`.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use ratchet_domain::ids::OrgId;
use ratchet_domain::period::Period;
use ratchet_guard::store::Item;
use ratchet_runtime::tokens::{Spent, TokenMeter};
use ratchet_runtime::usage::sum;
use serde_json::{Value, json};

use super::books::Books;
use super::explain::fields;
use crate::App;
use crate::failure::Failure;
use crate::report::Report;
use crate::text::{table, time};
use crate::world::World;

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  ctl --stack ratchet usage show --org acme
  ctl usage show --org acme --period 2026-11 --json | jq '.total'

A period is a calendar month in the org's time zone. Tokens are counted apart from what is billed: they are never charged.")]
pub struct Args {
    /// The org.
    #[arg(long, value_parser = |text: &str| OrgId::parse(text))]
    pub org: OrgId,
    /// The month, as 2026-11; the org's current one unless said.
    #[arg(long, value_name = "YYYY-MM", value_parser = crate::cli::period)]
    pub period: Option<Period>,
}

/// Runs the verb. **JSON**: `{"org","period","entries":[{"kind","key","bug","ticket",..}],"total":{"mapped_bugs",..},
/// "due":{"net","included","overage"},"tokens":[{"model","calls","input","output","cache_read","cache_write","reasoning"}]}`; an entry has every attribute of
/// its row but the table's key.
///
/// # Errors
/// [`Failure::NotFound`] for an org without settings when no period is given; [`Failure::Invalid`] for a period in the
/// future; [`Failure::Aws`].
pub async fn run(app: &mut App<'_>, args: &Args) -> Result<Report, Failure> {
    let world = app.worlds.open().await?;
    let books = Books::open(&world, &args.org).await?;
    let period = books.period(args.period.as_ref())?;
    let totals = books.usage.totals(&args.org, &period).await?;
    let mut entries = Vec::new();
    for (partition, _) in &totals {
        let mut start = None;
        loop {
            let page = books.usage.page(partition, start).await?;
            entries.extend(page.entries.iter().map(fields));
            start = page.next;
            if start.is_none() {
                break;
            }
        }
    }
    let sum = sum(&totals);
    let mut total = json!({ "mapped_bugs": sum.mapped_bugs });
    if let Some(total) = total.as_object_mut().filter(|_| sum.credits > 0) {
        total.insert("credits".to_owned(), Value::from(sum.credits));
    }
    let billing = books.settings.as_ref().map(|settings| &settings.billing);
    let included = billing.map_or(0, |billing| billing.included);
    let due = sum.due(included);
    let usage = world.table("USAGE_TABLE")?;
    let mut tokens: BTreeMap<String, Spent> = BTreeMap::new();
    for row in rows(&world, &usage, &TokenMeter::partition(args.org.as_str(), &period)).await? {
        let model = row.get("model").and_then(|model| model.as_s().ok());
        let Some(model) = model else { continue };
        let sum = tokens.entry(model.clone()).or_default();
        *sum = sum.and(spent(&row));
    }
    let by_model: Vec<Value> = tokens
        .iter()
        .map(|(model, spent)| tokens_json(model, *spent))
        .collect();
    let head = format!(
        "{} in {period}: {} mapped bugs billed, {} credited; {} due, {} of them over the {included} that the plan includes",
        args.org, sum.mapped_bugs, sum.credits, due.net, due.overage
    );
    Ok(Report {
        text: text(head, &entries, &tokens),
        json: json!({
            "org": args.org,
            "period": period,
            "entries": entries,
            "total": total,
            "due": { "net": due.net, "included": included, "overage": due.overage },
            "tokens": by_model,
        }),
        notes: Vec::new(),
    })
}

/// Every row of a partition, by sort key.
async fn rows(world: &World, table: &str, partition: &str) -> Result<Vec<Item>, Failure> {
    let mut found = Vec::new();
    let mut start = None;
    loop {
        let output = world
            .deployment
            .dynamo
            .query()
            .table_name(table)
            .key_condition_expression("org_period = :partition")
            .expression_attribute_values(":partition", AttributeValue::S(partition.to_owned()))
            .consistent_read(true)
            .set_exclusive_start_key(start)
            .send()
            .await
            .map_err(|error| Failure::aws("Query", &error))?;
        start = output.last_evaluated_key;
        found.extend(output.items.unwrap_or_default());
        if start.is_none() {
            return Ok(found);
        }
    }
}

fn spent(row: &Item) -> Spent {
    let number = |name: &str| {
        let digits = row.get(name).and_then(|value| value.as_n().ok());
        digits.and_then(|digits| digits.parse().ok()).unwrap_or(0)
    };
    Spent {
        input: number("input"),
        output: number("output"),
        cache_read: number("cache_read"),
        cache_write: number("cache_write"),
        reasoning: number("reasoning"),
        calls: number("calls"),
    }
}

fn tokens_json(model: &str, spent: Spent) -> Value {
    json!({
        "model": model,
        "calls": spent.calls,
        "input": spent.input,
        "output": spent.output,
        "cache_read": spent.cache_read,
        "cache_write": spent.cache_write,
        "reasoning": spent.reasoning,
    })
}

fn text(head: String, entries: &[Value], tokens: &BTreeMap<String, Spent>) -> String {
    let cell = |entry: &Value, name: &str| match entry.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
        None => String::new(),
    };
    let billed: Vec<Vec<String>> = entries
        .iter()
        .map(|entry| {
            let mut row = vec![time(entry.get("billed_at").and_then(Value::as_u64))];
            let names = [
                "kind",
                "ticket",
                "bug",
                "ai_confidence",
                "location_confidence",
                "repos",
            ];
            row.extend(names.map(|name| cell(entry, name)));
            row
        })
        .collect();
    let spent: Vec<Vec<String>> = tokens
        .iter()
        .map(|(model, spent)| {
            let counts = [
                spent.calls,
                spent.input,
                spent.output,
                spent.cache_read,
                spent.cache_write,
            ];
            let mut row = vec![model.clone()];
            row.extend(counts.map(|count| count.to_string()));
            row
        })
        .collect();
    let mut text = head;
    let sections = [
        (
            &["BILLED AT", "KIND", "TICKET", "BUG", "AI", "LOCATION", "REPOS"][..],
            billed,
        ),
        (
            &["MODEL", "CALLS", "INPUT", "OUTPUT", "CACHE READ", "CACHE WRITE"][..],
            spent,
        ),
    ];
    for (header, rows) in sections.iter().filter(|(_, rows)| !rows.is_empty()) {
        text.push_str("\n\n");
        text.push_str(&table(header, rows));
    }
    text
}
