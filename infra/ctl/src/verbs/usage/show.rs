//! `ctl usage show --org ORG`.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use ratchet_domain::ids::OrgId;
use ratchet_domain::period::Period;
use ratchet_domain::settings::Settings;
use ratchet_guard::store::{Item, ordered};
use ratchet_runtime::tokens::{Spent, TokenMeter};
use serde_json::{Map, Number, Value, json};

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
/// "tokens":[{"model","calls","input","output","cache_read","cache_write","reasoning"}]}`; an entry has every attribute of
/// its row but the table's key.
///
/// # Errors
/// [`Failure::NotFound`] for an org without settings when no period is given; [`Failure::Aws`].
pub async fn run(app: &mut App<'_>, args: &Args) -> Result<Report, Failure> {
    let world = app.worlds.open().await?;
    let usage = world.table("USAGE_TABLE")?;
    let period = match &args.period {
        Some(period) => period.clone(),
        None => current(&world, &args.org).await?,
    };
    let (mut entries, mut total) = (Vec::new(), fields(&Item::new()));
    for row in rows(&world, &usage, &format!("{}#{period}", args.org)).await? {
        match row.get("sk").and_then(|sk| sk.as_s().ok()).map(String::as_str) {
            Some("total") => total = fields(&row),
            Some(sk) if sk.starts_with("entry#") => entries.push(fields(&row)),
            Some(_) | None => {}
        }
    }
    total.entry("mapped_bugs").or_insert_with(|| Value::from(0));
    let mut tokens: BTreeMap<String, Spent> = BTreeMap::new();
    for row in rows(&world, &usage, &TokenMeter::partition(args.org.as_str(), &period)).await? {
        let model = row.get("model").and_then(|model| model.as_s().ok());
        let sum = tokens.entry(model.cloned().unwrap_or_default()).or_default();
        *sum = sum.and(spent(&row));
    }
    let by_model: Vec<Value> = tokens
        .iter()
        .map(|(model, spent)| tokens_json(model, *spent))
        .collect();
    Ok(Report {
        text: text(&args.org, &period, &entries, &total, &tokens),
        json: json!({
            "org": args.org,
            "period": period,
            "entries": entries,
            "total": total,
            "tokens": by_model,
        }),
        notes: Vec::new(),
    })
}

/// The month that it is for the org.
async fn current(world: &World, org: &OrgId) -> Result<Period, Failure> {
    let on_record = world.settings()?.read(org).await?.ok_or_else(|| {
        Failure::NotFound(format!(
            "org has no settings, name a period with --period org=`{org}`"
        ))
    })?;
    let settings = serde_json::from_str(&on_record.document)
        .ok()
        .and_then(|document| Settings::parse(&document).ok())
        .ok_or_else(|| {
            Failure::Row(format!(
                "settings on record do not validate, name a period with --period org=`{org}`"
            ))
        })?;
    Ok(Period::of(world.now_ms(), &settings.billing.time_zone))
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

/// A row's attributes but the table's key, in the order of their names.
fn fields(row: &Item) -> Map<String, Value> {
    ordered(row)
        .into_iter()
        .filter(|(name, _)| !["org_period", "sk"].contains(name))
        .filter_map(|(name, value)| Some((name.to_owned(), scalar(value)?)))
        .collect()
}

fn scalar(value: &AttributeValue) -> Option<Value> {
    let text = value.as_s().ok().map(|text| Value::from(text.as_str()));
    let number = || value.as_n().ok()?.parse::<Number>().ok().map(Value::Number);
    text.or_else(number)
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

fn text(
    org: &OrgId,
    period: &Period,
    entries: &[Map<String, Value>],
    total: &Map<String, Value>,
    tokens: &BTreeMap<String, Spent>,
) -> String {
    let cell = |entry: &Map<String, Value>, name: &str| match entry.get(name) {
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
    let mut text = format!(
        "{org} in {period}: {} mapped bugs billed",
        cell(total, "mapped_bugs")
    );
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
