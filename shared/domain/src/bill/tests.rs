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
        ("billed_at", Field::number(5)),
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
    assert_eq!(changed("billed_at", Some(Field::text("5"))), Err(Fault::Hash));
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
fn the_shares_of_all_parts_are_the_cap() {
    for cap in [0, 1, 5, 63, 64, 65, 500, 1_000_003] {
        for spread in [1, 2, 7, 64] {
            let shares = (0..spread).map(|part| share_of_cap(cap, spread, part));
            assert_eq!(shares.sum::<u64>(), cap, "{cap} over {spread}");
        }
    }
}

#[test]
fn what_is_included_and_what_is_given_back_is_not_due() {
    let sum = Sum {
        mapped_bugs: 12,
        credits: 2,
    };
    assert_eq!(sum.due(4), Due { net: 10, overage: 6 });
    assert_eq!(sum.due(40), Due { net: 10, overage: 0 });
    let given_back = Sum {
        mapped_bugs: 0,
        credits: 1,
    };
    assert_eq!(given_back.due(0), Due { net: 0, overage: 0 });
}
