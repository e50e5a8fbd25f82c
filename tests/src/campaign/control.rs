//! Broken variants, which must be caught: first by the fault that is known to show it, then by a search.

use anyhow::{Context as _, Result};

use super::Tally;
use crate::engine::{Fault, Menu, Plan, Search, Violation, id_of, run_with};
use crate::script::{Pattern, Script};
use crate::variant::Variant;
use crate::world::World;

/// Where a variant shows: the deliveries, the call by its label, and what happens to it. No label: in the plain life.
fn shows(variant: Variant) -> (Pattern, &'static str, Fault) {
    use Fault::{CrashAfter, CrashBefore, Late, LostOnce, SlowLate};
    use Pattern::{Again, Closed, Once};
    match variant {
        Variant::NoFence => (Once, "UpdateItem LedgerTable/", SlowLate),
        Variant::AttemptIdIgnored => (Once, "UpdateItem LedgerTable/", LostOnce),
        Variant::SeenFlag => (Once, "PutItem LedgerTable/slack#", CrashAfter),
        Variant::ConsumedAtTheDoor => (Once, "SendMessage ExtractQueue", CrashBefore),
        Variant::NoProbe | Variant::LaggingProbe | Variant::KeyWithAttempt => {
            (Once, "chat.postMessage", CrashAfter)
        }
        Variant::ShortLease => (Once, "chat.postMessage", Late),
        Variant::OpenPullsOnly => (Closed, "POST api.github.com/repos/acme/shop/pulls", CrashAfter),
        Variant::TotalOutside => (Once, "UsageTable/total", LostOnce),
        Variant::ScoreAgain => (Again, "", CrashAfter),
        Variant::DeletesWhatFailed => (Once, "PutItem LedgerTable/slack#", Fault::Down),
        Variant::BillWithoutFlag => (Once, "UsageTable/total", CrashAfter),
        Variant::Sound
        | Variant::MarkedBeforeWork
        | Variant::AckBeforeEnqueue
        | Variant::AddWithoutEntry
        | Variant::LooksBeforeItSettles => (Once, "", CrashAfter),
    }
}

pub(super) fn control(variant: Variant) -> Result<Tally> {
    let row = Variant::BROKEN.iter().find(|(one, _)| *one == variant);
    let (_, wanted) = row.context("the sound one is no control")?;
    let found = match known(variant, wanted)? {
        Some(found) => Some(found),
        None => searched(variant, wanted)?,
    };
    let mut tally = Tally {
        controls: (1, u64::from(found.is_some())),
        ..Tally::default()
    };
    tally.notes.push(match found {
        Some((id, name)) => format!("control {} caught by {name} at {id}", variant.as_str()),
        None => format!("control {} was NOT caught", variant.as_str()),
    });
    Ok(tally)
}

/// The plain life, and then the known fault at each call of that label.
fn known(variant: Variant, wanted: &[&str]) -> Result<Option<(String, &'static str)>> {
    let (pattern, label, fault) = shows(variant);
    let world = World::new(Script::of(pattern), variant)?;
    let (found, trace) = run_with(&world, &Plan::default())?;
    if let Some(name) = caught(&found, wanted) {
        return Ok(Some((id_of(&world, &Plan::default()), name)));
    }
    let calls = trace
        .iter()
        .filter(|line| !label.is_empty() && line.contains(label));
    let points = calls.filter_map(|line| line.split_whitespace().next()?.parse().ok());
    for point in points.collect::<Vec<u32>>() {
        let plan = Plan::default().with(point, fault);
        let (found, _) = run_with(&world, &plan)?;
        if let Some(name) = caught(&found, wanted) {
            return Ok(Some((id_of(&world, &plan), name)));
        }
    }
    Ok(None)
}

fn caught(found: &[Violation], wanted: &[&str]) -> Option<&'static str> {
    let names = found.iter().map(|one| one.invariant);
    names.into_iter().find(|name| wanted.contains(name))
}

/// All single faults, by the patterns in which variants have shown.
fn searched(variant: Variant, wanted: &[&str]) -> Result<Option<(String, &'static str)>> {
    for pattern in [Pattern::Once, Pattern::Closed, Pattern::Comment] {
        let world = World::new(Script::of(pattern), variant)?;
        let report = Search::new(&world, Menu::Six).until(wanted).run(1)?;
        if let Some(finding) = report.findings.first() {
            return Ok(Some((finding.id.clone(), finding.violation.invariant)));
        }
    }
    Ok(None)
}
