//! What may be charged, and what a model costs.

use super::reader::Reader;
use super::{Billing, Price, Trial};
use crate::period::Zone;

pub(super) fn billing(reader: &mut Reader<'_>) -> Option<Billing> {
    reader.only(&[
        "mapped_bug_cap",
        "included",
        "time_zone",
        "token_cap",
        "partitions",
        "trial",
        "approved_by_person",
    ]);
    let mapped_bug_cap = reader.count("mapped_bug_cap");
    let included = reader.count("included").unwrap_or_default();
    let token_cap = reader.count("token_cap");
    let time_zone = match reader.value("time_zone") {
        None => Some(Zone::default()),
        Some(value) => {
            let zone = value.as_str().and_then(Zone::named);
            if zone.is_none() {
                reader.problem("time_zone", "must be an IANA time zone, as Europe/Berlin");
            }
            zone
        }
    };
    let partitions = match reader.value("partitions") {
        None => Some(1),
        Some(_) => reader.count_of("partitions", 1, crate::bill::SPREAD_MAX),
    };
    let zone = time_zone.clone().unwrap_or_default();
    let trial = reader.object("trial", |reader| trial(reader, &zone));
    let approved_by_person = reader.flag("approved_by_person");
    Some(Billing {
        mapped_bug_cap,
        included,
        time_zone: time_zone?,
        token_cap,
        trial,
        more_partitions: partitions?.saturating_sub(1),
        approved_by_person: approved_by_person?,
    })
}

fn trial(reader: &mut Reader<'_>, zone: &Zone) -> Option<Trial> {
    reader.only(&["ends", "mapped_bug_cap"]);
    let ends_at = reader.text("ends").and_then(|day| {
        let start = zone.start_of_day(&day);
        if start.is_none() {
            reader.problem("ends", "must be a day, as 2026-11-30");
        }
        start
    });
    let mapped_bug_cap = match reader.value("mapped_bug_cap") {
        Some(_) => reader.count("mapped_bug_cap"),
        None => {
            reader.problem("mapped_bug_cap", "is missing");
            None
        }
    };
    Some(Trial {
        ends_at: ends_at?,
        mapped_bug_cap: mapped_bug_cap?,
    })
}

pub(super) fn price(reader: &mut Reader<'_>) -> Option<Price> {
    reader.only(&["input", "output", "cache_read", "cache_write"]);
    let mut dollars = |name: &str| match reader.value(name) {
        None => Some(0),
        Some(value) => {
            let millionths = value
                .as_number()
                .and_then(|number| millionths(&number.to_string()));
            if millionths.is_none() {
                reader.problem(
                    name,
                    "must be dollars for a million tokens, 0 or more, with at most six decimals",
                );
            }
            millionths
        }
    };
    let (input, output) = (dollars("input"), dollars("output"));
    let (cache_read, cache_write) = (dollars("cache_read"), dollars("cache_write"));
    Some(Price {
        input: input?,
        output: output?,
        cache_read: cache_read?,
        cache_write: cache_write?,
    })
}

/// A decimal number of at most six decimals, times a million; exact.
fn millionths(digits: &str) -> Option<u64> {
    let (whole, rest) = digits.split_once('.').unwrap_or((digits, ""));
    if rest.len() > 6 || !rest.chars().all(|c| c.is_ascii_digit()) {
        return None;
    }
    let rest: u64 = format!("{rest:0<6}").parse().ok()?;
    whole
        .parse::<u64>()
        .ok()?
        .checked_mul(1_000_000)?
        .checked_add(rest)
}
