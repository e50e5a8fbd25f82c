//! The tokens that models used in a period, by model; and apart from them an estimate of what was paid for and lost.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use ratchet_domain::period::Period;
use ratchet_guard::store::Item;
use ratchet_runtime::tokens::{Spent, TokenMeter};
use serde_json::{Value, json};

use super::super::books::Books;
use crate::failure::Failure;
use crate::world::World;

/// A millionth of a dollar, in the units of a recorded cost.
const MILLIONTH: u128 = 1_000_000;

/// What one model used.
#[derive(Debug, Clone, Copy, Default)]
struct Used {
    spent: Spent,
    /// In millionths of a millionth of a dollar; none while no entry has a price.
    cost: Option<u128>,
    /// Attempts that may have been paid for and left no answer.
    lost_attempts: u64,
    /// What they are taken to have used: as much as the attempt that was sealed.
    lost: Spent,
    lost_cost: Option<u128>,
}

/// What all models used, by name.
#[derive(Debug, Default)]
pub(super) struct Tokens(BTreeMap<String, Used>);

impl Tokens {
    /// Adds up the entries of every part of the period that has a total.
    pub(super) async fn read(books: &Books, period: &Period) -> Result<Self, Failure> {
        let table = books.world.table("USAGE_TABLE")?;
        let totals = books
            .usage
            .total_rows(|part| TokenMeter::partition(&books.org, period, part))
            .await?;
        let mut tokens = Self::default();
        for total in totals {
            let partition = total.get("org_period").cloned();
            tokens.read_part(&books.world, &table, partition).await?;
        }
        Ok(tokens)
    }

    async fn read_part(
        &mut self,
        world: &World,
        table: &str,
        partition: Option<AttributeValue>,
    ) -> Result<(), Failure> {
        let Some(partition) = partition else { return Ok(()) };
        let mut start = None;
        loop {
            let output = world
                .deployment
                .dynamo
                .query()
                .table_name(table)
                .key_condition_expression("org_period = :partition")
                .expression_attribute_values(":partition", partition.clone())
                .consistent_read(true)
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(|error| Failure::aws("Query", &error))?;
            output.items().iter().for_each(|row| self.add(row));
            start = output.last_evaluated_key;
            if start.is_none() {
                return Ok(());
            }
        }
    }

    fn add(&mut self, row: &Item) {
        // The total names no model.
        let Some(model) = row.get("model").and_then(|model| model.as_s().ok()) else {
            return;
        };
        let used = self.0.entry(model.clone()).or_default();
        let (spent, lost) = (spent(row), number(row, "lost_attempts").unwrap_or(0));
        used.spent = used.spent.and(spent);
        used.lost_attempts = used.lost_attempts.saturating_add(lost);
        for _ in 0..lost {
            used.lost = used.lost.and(spent);
        }
        if let Some(cost) = number::<u128>(row, "cost") {
            used.cost = Some(used.cost.unwrap_or(0).saturating_add(cost));
            let lost_cost = cost.saturating_mul(u128::from(lost));
            used.lost_cost = Some(used.lost_cost.unwrap_or(0).saturating_add(lost_cost));
        }
    }

    /// For programs.
    pub(super) fn to_json(&self) -> Vec<Value> {
        let line = |(model, used): (&String, &Used)| {
            json!({
                "model": model,
                "calls": used.spent.calls,
                "input": used.spent.input,
                "output": used.spent.output,
                "cache_read": used.spent.cache_read,
                "cache_write": used.spent.cache_write,
                "reasoning": used.spent.reasoning,
                "dollars": used.cost.map(dollars),
                "lost": {
                    "attempts": used.lost_attempts,
                    "input": used.lost.input,
                    "output": used.lost.output,
                    "dollars": used.lost_cost.map(dollars),
                },
            })
        };
        self.0.iter().map(line).collect()
    }

    /// A row a model that was used.
    pub(super) fn used(&self) -> Vec<Vec<String>> {
        let row = |(model, used): (&String, &Used)| {
            let counts = [
                used.spent.calls,
                used.spent.input,
                used.spent.output,
                used.spent.cache_read,
                used.spent.cache_write,
            ];
            let mut row = vec![model.clone()];
            row.extend(counts.map(|count| count.to_string()));
            row.push(used.cost.map_or_else(|| "-".to_owned(), dollars));
            row
        };
        self.0.iter().map(row).collect()
    }

    /// A row a model of which an attempt was lost.
    pub(super) fn lost(&self) -> Vec<Vec<String>> {
        let has_lost = self.0.iter().filter(|(_, used)| used.lost_attempts > 0);
        let row = |(model, used): (&String, &Used)| {
            vec![
                model.clone(),
                used.lost_attempts.to_string(),
                used.lost.input.to_string(),
                used.lost.output.to_string(),
                used.lost_cost.map_or_else(|| "-".to_owned(), dollars),
            ]
        };
        has_lost.map(row).collect()
    }
}

fn number<T: std::str::FromStr>(row: &Item, name: &str) -> Option<T> {
    row.get(name)?.as_n().ok()?.parse().ok()
}

fn spent(row: &Item) -> Spent {
    let number = |name| number(row, name).unwrap_or(0);
    Spent {
        input: number("input"),
        output: number("output"),
        cache_read: number("cache_read"),
        cache_write: number("cache_write"),
        reasoning: number("reasoning"),
        calls: number("calls"),
    }
}

/// With six decimals; what is less than a millionth of a dollar is left out.
fn dollars(cost: u128) -> String {
    let millionths = cost / MILLIONTH;
    format!("{}.{:06}", millionths / MILLIONTH, millionths % MILLIONTH)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(model: &str, lost: u64, cost: Option<u64>) -> Item {
        let number = |name: &str, value: u64| (name.to_owned(), AttributeValue::N(value.to_string()));
        let mut row = Item::from([
            ("model".to_owned(), AttributeValue::S(model.to_owned())),
            number("input", 100),
            number("output", 20),
            number("calls", 1),
            number("lost_attempts", lost),
        ]);
        row.extend(cost.map(|cost| number("cost", cost)));
        row
    }

    #[test]
    fn a_lost_attempt_is_estimated_by_the_sealed_one_and_stands_apart() {
        let mut tokens = Tokens::default();
        tokens.add(&row("m", 2, Some(1_500_000_000)));
        tokens.add(&row("m", 0, Some(500_000_000)));
        tokens.add(&row("free", 0, None));
        tokens.add(&Item::from([(
            "input".to_owned(),
            AttributeValue::N("120".to_owned()),
        )]));
        let json = tokens.to_json();
        assert_eq!(json.len(), 2);
        assert_eq!(
            (&json[0]["dollars"], &json[0]["lost"]["attempts"]),
            (&Value::Null, &json!(0))
        );
        assert_eq!(
            (&json[1]["input"], &json[1]["dollars"]),
            (&json!(200), &json!("0.002000"))
        );
        assert_eq!(
            json[1]["lost"],
            json!({ "attempts": 2, "input": 200, "output": 40, "dollars": "0.003000" })
        );
        assert_eq!(tokens.lost(), [["m", "2", "200", "40", "0.003000"]]);
    }

    #[test]
    fn dollars_have_six_decimals() {
        assert_eq!(dollars(0), "0.000000");
        assert_eq!(dollars(1_999_999), "0.000001");
        assert_eq!(dollars(12_000_034_000_000), "12.000034");
    }
}
