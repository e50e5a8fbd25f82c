//! `ctl usage show --org ORG`.

mod tokens;

use ratchet_domain::ids::OrgId;
use ratchet_domain::period::Period;
use ratchet_runtime::usage::seal::Terms;
use ratchet_runtime::usage::slice::Slice;
use ratchet_runtime::usage::sum;
use serde_json::{Value, json};

use super::books::Books;
use super::explain::fields;
use crate::App;
use crate::failure::Failure;
use crate::report::Report;
use crate::text::{table, time};
use tokens::Tokens;

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  ctl --stack ratchet usage show --org acme
  ctl usage show --org acme --period 2026-11 --json | jq '.total'

A period is a calendar month in the org's time zone. A credit counts in the month in which it was given. Where a month has more
credits than charges, nothing is due and the rest is named as unused: take it off a later bill. What is due is read by the
quota that was in force when the period was signed off, and by today's settings before that. Tokens are counted apart from
what is billed: they are never charged.
An attempt that died with the answer, or got none, may have been paid for all the same: it stands apart, in the month of its
step's first claim, and counts towards no cap. It is taken to have used as much as the answers of that step, or as the month's
answers to that kind of step on average; where there is none, only the attempts are counted. REASONING is part of OUTPUT.")]
pub struct Args {
    /// The org.
    #[arg(long, value_parser = |text: &str| OrgId::parse(text))]
    pub org: OrgId,
    /// The month, as 2026-11; the org's current one unless said.
    #[arg(long, value_name = "YYYY-MM", value_parser = crate::cli::period)]
    pub period: Option<Period>,
}

/// Runs the verb. **JSON**: `{"org","period","entries":[{"kind","key","bug","ticket",..}],"total":{"mapped_bugs",..},
/// "due":{"net","included","overage","unused_credits"},"terms":{"of","included","mapped_bug_cap","time_zone"},"tokens":[{"model","calls","input","output","cache_read","cache_write","reasoning","dollars","lost":{"attempts","unestimated",
/// "input","output","dollars"}}]}`; an entry has every attribute of its row but the table's key. `dollars` is a decimal text, null
/// without a price. What is `lost` is an estimate and part of no other number.
///
/// # Errors
/// [`Failure::NotFound`] for an org without settings when no period is given; [`Failure::Invalid`] for a period in the
/// future; [`Failure::Aws`].
pub async fn run(app: &mut App<'_>, args: &Args) -> Result<Report, Failure> {
    let world = app.worlds.open().await?;
    let books = Books::open(&world, &args.org).await?;
    let period = books.period("--period", args.period.as_ref())?;
    let totals = books.usage.totals(&args.org, &period).await?;
    let mut entries = Vec::new();
    for (partition, _) in &totals {
        let mut start = None;
        loop {
            let page = books.usage.page(partition, &Slice::whole(), start).await?;
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
    let under = Under::of(&books, &period).await?;
    let included = under.terms.as_ref().map_or(0, |terms| terms.included);
    let due = sum.due(included);
    let tokens = Tokens::read(&books, &period).await?;
    let mut head = format!(
        "{} in {period}: {} mapped bugs billed, {} credited; {} due, {} of them over the {included} that the plan includes, {}",
        args.org,
        sum.mapped_bugs,
        sum.credits,
        due.net,
        due.overage,
        under.says()
    );
    if due.unused_credits > 0 {
        let left = format!(
            "\n{} credits found no charge in {period} to be taken from: carry them over to a later bill",
            due.unused_credits
        );
        head.push_str(&left);
    }
    Ok(Report {
        text: text(head, &entries, &tokens),
        json: json!({
            "org": args.org,
            "period": period,
            "entries": entries,
            "total": total,
            "due": { "net": due.net, "included": included, "overage": due.overage,
                "unused_credits": due.unused_credits },
            "terms": under.to_json(),
            "tokens": tokens.to_json(),
        }),
        notes: under.note(),
    })
}

/// What a period's bill is read by: once it is signed off, what was in force then. A quota that changes later changes no old
/// bill.
struct Under {
    terms: Option<Terms>,
    is_signed_off: bool,
    /// The terms are those of the signing.
    are_kept: bool,
}

impl Under {
    async fn of(books: &Books, period: &Period) -> Result<Self, Failure> {
        let last = books.usage.last_batch(&books.org, period).await?;
        let is_signed_off = last.as_ref().is_some_and(|last| last.is_final);
        let kept = last.and_then(|last| last.terms);
        let settings = books.settings.as_ref();
        let of_today = settings.map(|settings| Terms::of(&settings.billing));
        Ok(Self {
            is_signed_off,
            are_kept: kept.is_some(),
            terms: kept.or(of_today),
        })
    }

    fn says(&self) -> &'static str {
        match (self.are_kept, &self.terms) {
            (true, _) => "as it was signed off",
            (false, Some(_)) => "by today's settings",
            (false, None) => "for want of settings",
        }
    }

    fn to_json(&self) -> Value {
        let of = match (self.are_kept, &self.terms) {
            (true, _) => "signed_off",
            (false, Some(_)) => "settings",
            (false, None) => "none",
        };
        json!({
            "of": of,
            "included": self.terms.as_ref().map(|terms| terms.included),
            "mapped_bug_cap": self.terms.as_ref().and_then(|terms| terms.mapped_bug_cap),
            "time_zone": self.terms.as_ref().map(|terms| &terms.time_zone),
        })
    }

    fn note(&self) -> Vec<String> {
        let is_guessed = self.is_signed_off && !self.are_kept;
        let note = "the period was signed off without its terms; what is due is read by today's settings";
        is_guessed.then(|| note.to_owned()).into_iter().collect()
    }
}

fn text(head: String, entries: &[Value], tokens: &Tokens) -> String {
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
    let mut text = head;
    let sections = [
        (
            &["BILLED AT", "KIND", "TICKET", "BUG", "AI", "LOCATION", "REPOS"][..],
            billed,
        ),
        (
            &[
                "MODEL",
                "CALLS",
                "INPUT",
                "OUTPUT",
                "CACHE READ",
                "CACHE WRITE",
                "REASONING",
                "DOLLARS",
            ][..],
            tokens.used(),
        ),
        (
            &["LOST BY", "ATTEMPTS", "UNESTIMATED", "INPUT", "OUTPUT", "DOLLARS"][..],
            tokens.lost(),
        ),
    ];
    for (header, rows) in sections.iter().filter(|(_, rows)| !rows.is_empty()) {
        text.push_str("\n\n");
        text.push_str(&table(header, rows));
    }
    text
}
