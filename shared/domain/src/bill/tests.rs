use super::*;
use crate::ids::{Provider, TicketNumber, TicketRef};

fn bug() -> BugId {
    TicketRef {
        org: OrgId::parse("acme").unwrap(),
        provider: Provider::Zendesk,
        number: TicketNumber::parse("1").unwrap(),
    }
    .bug()
}

fn charge() -> Recorded {
    let key = charge_key(&bug());
    let entry = Entry::new([
        ("kind", Field::text("mapped_bug")),
        ("key", Field::text(key.clone())),
        ("org", Field::text("acme")),
        ("period", Field::text("2026-11")),
        ("bug", Field::text(bug().as_str())),
        ("time_zone", Field::text("Europe/Berlin")),
        // Half an hour into November in Berlin.
        ("billed_at", Field::number(1_793_489_400_000_u64)),
    ]);
    Recorded {
        partition: "acme#2026-11".to_owned(),
        hash: entry.hash(),
        key,
        entry,
    }
}

#[test]
fn an_entry_as_written_verifies_in_every_part_of_its_period() {
    let mut entry = charge();
    assert_eq!(entry.verified(), Ok(Kind::MappedBug));
    entry.partition = partition(
        &OrgId::parse("acme").unwrap(),
        &Period::parse("2026-11").unwrap(),
        7,
    );
    assert_eq!(entry.partition, "acme#2026-11+7");
    assert_eq!(entry.verified(), Ok(Kind::MappedBug));
}

#[test]
fn a_changed_added_or_missing_field_shows() {
    let changed = |name: &str, value: Option<Field>| {
        let mut entry = charge();
        match value {
            Some(value) => entry.entry.fields.insert(name.to_owned(), value),
            None => entry.entry.fields.remove(name),
        };
        entry.verified()
    };
    assert_eq!(changed("billed_at", Some(Field::number(6))), Err(Fault::Hash));
    assert_eq!(
        changed("billed_at", Some(Field::text("1793489400000"))),
        Err(Fault::Hash)
    );
    assert_eq!(changed("discount", Some(Field::number(1))), Err(Fault::Hash));
    assert_eq!(changed("billed_at", None), Err(Fault::Hash));
}

#[test]
fn a_moved_entry_shows_though_its_hash_is_right() {
    let mut moved = charge();
    moved.partition = "acme#2026-12".to_owned();
    assert_eq!(moved.verified(), Err(Fault::Place));
    let mut copied = charge();
    copied.key = format!("{ENTRY}other");
    assert_eq!(copied.verified(), Err(Fault::Place));
    let mut unknown = charge();
    unknown
        .entry
        .fields
        .insert("kind".to_owned(), Field::text("gift"));
    unknown.hash = unknown.entry.hash();
    assert_eq!(unknown.verified(), Err(Fault::Kind));
}

#[test]
fn an_entry_belongs_to_the_month_of_its_own_time_in_its_zone() {
    for (name, value) in [
        // An hour earlier it is October in Berlin too, and in New York it still is.
        ("billed_at", Field::number(1_793_489_400_000_u64 - 3_600_000)),
        ("time_zone", Field::text("America/New_York")),
        ("time_zone", Field::text("Nowhere/Land")),
    ] {
        let mut moved = charge();
        moved.entry.fields.insert(name.to_owned(), value);
        moved.hash = moved.entry.hash();
        assert_eq!(moved.verified(), Err(Fault::Period), "{name}");
    }
}

fn limits(cap: u64, spread: u64, counted: &[u64]) -> Vec<u64> {
    let parts = 0..counted.len() as u64;
    parts.map(|part| limit_of(cap, spread, counted, part)).collect()
}

#[test]
fn the_limits_of_all_parts_are_the_cap() {
    for cap in [0, 1, 5, 63, 64, 65, 500, 1_000_003] {
        for spread in [1, 2, 7, 64] {
            let limits = limits(cap, spread, &[0; 64]);
            assert_eq!(limits.iter().sum::<u64>(), cap, "{cap} over {spread}");
            assert!(limits.iter().max() <= Some(&cap.div_ceil(spread)));
        }
    }
    assert_eq!(limit_of(u64::MAX, 64, &[u64::MAX; 64], 3), u64::MAX);
}

#[test]
fn what_was_charged_before_the_parts_or_the_cap_changed_is_taken_off_for_all() {
    // Ten in the one part that there was; now there are five, and the cap is still ten.
    assert_eq!(limits(10, 5, &[10, 0, 0, 0, 0]), [10, 0, 0, 0, 0]);
    assert_eq!(limits(14, 5, &[10, 0, 0, 0, 0]), [10, 1, 1, 1, 1]);
    // Five parts became one.
    assert_eq!(limits(10, 1, &[2, 2, 2, 2, 0]), [4, 2, 2, 2, 0]);
    // The cap was lowered below what is charged.
    assert_eq!(limits(6, 3, &[4, 4, 1]), [4, 4, 1]);
    assert_eq!(limits(10, 3, &[4, 4, 1]), [4, 4, 2]);
}

#[test]
fn parts_that_charge_one_after_another_end_at_the_cap_and_move_no_limit() {
    for (cap, spread) in [(10, 4), (11, 4), (3, 7), (64, 5)] {
        for held in [[0; 8], [3, 0, 0, 1, 0, 0, 0, 0], [0, 5, 0, 0, 0, 0, 2, 0]] {
            let mut counted = held;
            let first = limits(cap, spread, &counted);
            let sum = counted.iter().sum::<u64>();
            let mut charged = 0;
            for turn in 0..500_usize {
                let part = turn * 5 % counted.len();
                if counted[part] < limit_of(cap, spread, &counted, part as u64) {
                    counted[part] += 1;
                    charged += 1;
                }
                assert_eq!(limits(cap, spread, &counted), first, "{cap} {spread} {held:?}");
            }
            assert_eq!(charged, cap.saturating_sub(sum), "{cap} {spread} {held:?}");
        }
    }
}

#[test]
fn what_is_included_and_what_is_given_back_is_not_due() {
    let sum = Sum {
        mapped_bugs: 12,
        credits: 2,
    };
    let due = |net, overage, unused_credits| Due {
        net,
        overage,
        unused_credits,
    };
    assert_eq!(sum.due(4), due(10, 6, 0));
    assert_eq!(sum.due(40), due(10, 0, 0));
    let given_back = Sum {
        mapped_bugs: 1,
        credits: 3,
    };
    assert_eq!(given_back.due(0), due(0, 0, 2), "what is left is not lost");
}

#[test]
fn claim_is_in_time_until_seven_days_are_over() {
    let flag = Flag::without_charge(ContentHash::of(&["x"]), 5);
    assert!(flag.is_in_time(0), "a clock that lags");
    assert!(flag.is_in_time(5 + CREDIT_WINDOW_MS));
    assert!(!flag.is_in_time(6 + CREDIT_WINDOW_MS));
}
