//! The tokens that models used in a period, by model; and apart from them an estimate of what was paid for and lost.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use ratchet_domain::period::Period;
use ratchet_guard::store::Item;
use ratchet_runtime::tokens::{Spent, TokenMeter};
use ratchet_runtime::usage::batch_get::Fresh;
use serde_json::{Value, json};

use super::super::books::Books;
use crate::failure::Failure;
use crate::world::World;

/// A millionth of a dollar, in the units of a recorded cost.
const MILLIONTH: u128 = 1_000_000;

/// Sort keys of the attempts that may have been paid for and left no answer.
const LOST: &str = "lost#";

/// What answers used, and how many there were.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    spent: Spent,
    /// In millionths of a millionth of a dollar; none while no entry has a price.
    cost: Option<u128>,
    answers: u64,
}

impl Sum {
    fn add(&mut self, spent: Spent, cost: Option<u128>) {
        self.spent = self.spent.and(spent);
        if let Some(cost) = cost {
            self.cost = Some(self.cost.unwrap_or(0).saturating_add(cost));
        }
        self.answers = self.answers.saturating_add(1);
    }

    /// As much as so many answers used on average.
    fn of(self, attempts: u64) -> (u64, u64, Option<u128>) {
        let times = |sum: u128| sum.saturating_mul(u128::from(attempts)) / u128::from(self.answers.max(1));
        let tokens = |sum: u64| u64::try_from(times(u128::from(sum))).unwrap_or(u64::MAX);
        (
            tokens(self.spent.input),
            tokens(self.spent.output),
            self.cost.map(times),
        )
    }
}

/// What one model is taken to have used for answers that nobody got.
#[derive(Debug, Clone, Copy, Default)]
struct Lost {
    attempts: u64,
    /// Those of which there is no answer to estimate them by.
    unestimated: u64,
    input: u64,
    output: u64,
    cost: Option<u128>,
}

/// What one model used.
#[derive(Debug, Clone, Copy, Default)]
struct Used {
    sum: Sum,
    lost: Lost,
}

/// What all models used, by name.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    models: BTreeMap<String, Used>,
    /// Rows of lost attempts, with what the answers of that very step used.
    lost: BTreeMap<String, (Item, Sum)>,
    /// What the period's answers used, by the kind of their step.
    kinds: BTreeMap<String, Sum>,
}

impl Tokens {
    /// Adds up the entries of every part of the period that has a total. Rows of lost attempts are read first, since they are
    /// few: no other row is kept.
    pub(super) async fn read(books: &Books, period: &Period) -> Result<Self, Failure> {
        let table = books.world.table("USAGE_TABLE")?;
        let mut tokens = Self::default();
        let first = TokenMeter::partition(&books.org, period, 0);
        let lost = tokens.read_part(&books.world, &table, Some(AttributeValue::S(first)), LOST);
        lost.await?;
        let totals = books
            .usage
            .total_rows(|part| TokenMeter::partition(&books.org, period, part), Fresh::Now)
            .await?;
        for total in totals {
            let partition = total.get("org_period").cloned();
            tokens.read_part(&books.world, &table, partition, "call#").await?;
        }
        tokens.estimate();
        Ok(tokens)
    }

    async fn read_part(
        &mut self,
        world: &World,
        table: &str,
        partition: Option<AttributeValue>,
        prefix: &str,
    ) -> Result<(), Failure> {
        let Some(partition) = partition else { return Ok(()) };
        let mut start = None;
        loop {
            let output = world
                .deployment
                .dynamo
                .query()
                .table_name(table)
                .key_condition_expression("org_period = :partition AND begins_with(sk, :prefix)")
                .expression_attribute_values(":partition", partition.clone())
                .expression_attribute_values(":prefix", AttributeValue::S(prefix.to_owned()))
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
        let key = text(row, "sk");
        if key.starts_with(LOST) {
            self.lost.insert(key.to_owned(), (row.clone(), Sum::default()));
            return;
        }
        let (spent, cost) = (spent(row), number(row, "cost"));
        let used = self.models.entry(text(row, "model").to_owned()).or_default();
        used.sum.add(spent, cost);
        let kind = self.kinds.entry(kind(row)).or_default();
        kind.add(spent, cost);
        // `call#<subject>#<step>#<fence>` and `lost#<subject>#<step>`.
        let step = key.strip_prefix("call#").and_then(|key| key.rsplit_once('#'));
        let lost = step.and_then(|(step, _)| self.lost.get_mut(&format!("{LOST}{step}")));
        if let Some((_, answers)) = lost {
            answers.add(spent, cost);
        }
    }

    /// Says what the lost attempts are taken to have used, once all answers are known.
    fn estimate(&mut self) {
        for (row, answers) in self.lost.values() {
            let attempts = number(row, "attempts").unwrap_or(0);
            let own = (answers.answers > 0).then_some(answers);
            let by = own.or_else(|| self.kinds.get(&kind(row)));
            let lost = &mut self.models.entry(text(row, "model").to_owned()).or_default().lost;
            lost.attempts = lost.attempts.saturating_add(attempts);
            let Some(by) = by else {
                lost.unestimated = lost.unestimated.saturating_add(attempts);
                continue;
            };
            let (input, output, cost) = by.of(attempts);
            lost.input = lost.input.saturating_add(input);
            lost.output = lost.output.saturating_add(output);
            if let Some(cost) = cost {
                lost.cost = Some(lost.cost.unwrap_or(0).saturating_add(cost));
            }
        }
    }

    /// For programs.
    pub(super) fn to_json(&self) -> Vec<Value> {
        let line = |(model, Used { sum, lost }): (&String, &Used)| {
            json!({
                "model": model,
                "calls": sum.spent.calls,
                "input": sum.spent.input,
                "output": sum.spent.output,
                "cache_read": sum.spent.cache_read,
                "cache_write": sum.spent.cache_write,
                "reasoning": sum.spent.reasoning,
                "dollars": sum.cost.map(dollars),
                "lost": {
                    "attempts": lost.attempts,
                    "unestimated": lost.unestimated,
                    "input": lost.input,
                    "output": lost.output,
                    "dollars": lost.cost.map(dollars),
                },
            })
        };
        self.models.iter().map(line).collect()
    }

    /// A row a model that answered.
    pub(super) fn used(&self) -> Vec<Vec<String>> {
        let has_answered = self.models.iter().filter(|(_, used)| used.sum.answers > 0);
        let row = |(model, Used { sum, .. }): (&String, &Used)| {
            let counts = [
                sum.spent.calls,
                sum.spent.input,
                sum.spent.output,
                sum.spent.cache_read,
                sum.spent.cache_write,
                sum.spent.reasoning,
            ];
            let mut row = vec![model.clone()];
            row.extend(counts.map(|count| count.to_string()));
            row.push(sum.cost.map_or_else(|| "-".to_owned(), dollars));
            row
        };
        has_answered.map(row).collect()
    }

    /// A row a model of which an attempt was lost.
    pub(super) fn lost(&self) -> Vec<Vec<String>> {
        let has_lost = self.models.iter().filter(|(_, used)| used.lost.attempts > 0);
        let row = |(model, Used { lost, .. }): (&String, &Used)| {
            vec![
                model.clone(),
                lost.attempts.to_string(),
                lost.unestimated.to_string(),
                lost.input.to_string(),
                lost.output.to_string(),
                lost.cost.map_or_else(|| "-".to_owned(), dollars),
            ]
        };
        has_lost.map(row).collect()
    }
}

/// What a step asks for, as `extract` of `extract#<content>`.
fn kind(row: &Item) -> String {
    let step = text(row, "step");
    step.split_once('#').map_or(step, |(kind, _)| kind).to_owned()
}

fn text<'r>(row: &'r Item, name: &str) -> &'r str {
    let text = row.get(name).and_then(|value| value.as_s().ok());
    text.map_or("", String::as_str)
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

    fn item(sk: &str, step: &str, model: &str, numbers: &[(&str, u64)]) -> Item {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let mut row = Item::from([
            ("sk".to_owned(), text(sk)),
            ("step".to_owned(), text(step)),
            ("model".to_owned(), text(model)),
        ]);
        let number = |(name, value): &(&str, u64)| ((*name).to_owned(), AttributeValue::N(value.to_string()));
        row.extend(numbers.iter().map(number));
        row
    }

    fn call(step: &str, fence: u64, model: &str, input: u64, cost: Option<u64>) -> Item {
        let mut row = item(
            &format!("call#t#{step}#{fence}"),
            step,
            model,
            &[("input", input), ("output", 20), ("calls", 1), ("reasoning", 7)],
        );
        row.extend(cost.map(|cost| ("cost".to_owned(), AttributeValue::N(cost.to_string()))));
        row
    }

    fn lost(step: &str, model: &str, attempts: u64) -> Item {
        item(&format!("lost#t#{step}"), step, model, &[("attempts", attempts)])
    }

    fn read(rows: &[Item]) -> Tokens {
        let mut tokens = Tokens::default();
        rows.iter().for_each(|row| tokens.add(row));
        tokens.estimate();
        tokens
    }

    #[test]
    fn a_lost_attempt_is_estimated_by_the_answers_of_its_step_and_stands_apart() {
        let tokens = read(&[
            lost("map#1", "m", 2),
            call("map#1", 3, "m", 100, Some(1_500_000_000)),
            call("map#2", 1, "m", 900, Some(500_000_000)),
            call("map#3", 1, "free", 100, None),
        ]);
        let json = tokens.to_json();
        assert_eq!(json.len(), 2);
        assert_eq!(
            (&json[0]["dollars"], &json[0]["lost"]["attempts"]),
            (&Value::Null, &json!(0))
        );
        assert_eq!(
            (&json[1]["input"], &json[1]["dollars"]),
            (&json!(1000), &json!("0.002000"))
        );
        assert_eq!(
            json[1]["lost"],
            json!({ "attempts": 2, "unestimated": 0, "input": 200, "output": 40, "dollars": "0.003000" })
        );
        assert_eq!(tokens.lost(), [["m", "2", "0", "200", "40", "0.003000"]]);
        assert_eq!(
            tokens.used()[1],
            ["m", "2", "1000", "40", "0", "0", "14", "0.002000"],
            "reasoning has its column"
        );
    }

    #[test]
    fn a_step_without_any_answer_is_estimated_by_others_of_its_kind() {
        let tokens = read(&[
            lost("map#1", "m", 3),
            lost("rca", "m", 1),
            call("map#2", 1, "m-1", 100, Some(1_000_000)),
            call("map#3", 1, "m-1", 200, Some(3_000_000)),
            call("extract#3", 1, "m-1", 5_000, Some(9_000_000)),
        ]);
        assert_eq!(
            tokens.to_json()[0]["lost"],
            json!({ "attempts": 4, "unestimated": 1, "input": 450, "output": 60, "dollars": "0.000006" })
        );
        assert_eq!(
            tokens.used().len(),
            1,
            "a model that gave no answer has used nothing that is known"
        );
    }

    #[test]
    fn dollars_have_six_decimals() {
        assert_eq!(dollars(0), "0.000000");
        assert_eq!(dollars(1_999_999), "0.000001");
        assert_eq!(dollars(12_000_034_000_000), "12.000034");
    }
}
