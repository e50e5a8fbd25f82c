//! What must hold when nothing is left to do.

use std::collections::{BTreeMap, BTreeSet};

use local::sandbox::effect::{Effect, EffectKind};
use serde_json::Value;

use super::{ACKED_IS_DECIDED, DEAD_IS_POISON, LOG_EQUALS_LEDGER, ONE_MESSAGE, PROGRESS};
use crate::engine::Violation;
use crate::shadow::{Row, Shadow, text};

/// The end of a schedule, as the rules look at it.
pub(crate) struct End<'a> {
    /// The ledger.
    pub(crate) shadow: &'a Shadow,
    /// The events' rows on the wire.
    pub(crate) events: &'a [Value],
    /// What landed.
    pub(crate) effects: &'a [Effect],
    /// See [`crate::host::Host::slept`].
    pub(crate) slept: bool,
    /// Messages left, by queue.
    pub(crate) left: &'a BTreeMap<String, Vec<String>>,
    /// Tickets that the vendor was told are taken.
    pub(crate) acked: &'a BTreeSet<String>,
    /// How many repositories get a pull request.
    pub(crate) repos: usize,
    /// Messages that no stage can read and that somebody put there on purpose.
    pub(crate) poison: &'a BTreeSet<String>,
}

/// Every rule of the end.
pub(crate) fn at_the_end(end: &End<'_>) -> Vec<Violation> {
    let mut found = Vec::new();
    left_over(end, &mut found);
    stuck(end, &mut found);
    log_and_ledger(end, &mut found);
    healed(end, &mut found);
    earned(end, &mut found);
    found
}

fn say(found: &mut Vec<Violation>, invariant: &'static str, detail: String) {
    found.push(Violation { invariant, detail });
}

fn left_over(end: &End<'_>, found: &mut Vec<Violation>) {
    for (queue, messages) in end.left {
        for message in messages.iter().filter(|message| !end.poison.contains(*message)) {
            let invariant = if queue.contains("Dlq") {
                DEAD_IS_POISON
            } else {
                PROGRESS
            };
            say(found, invariant, format!("{queue} holds {message}"));
        }
    }
}

fn stuck(end: &End<'_>, found: &mut Vec<Violation>) {
    for ((subject, step), row) in &end.shadow.0 {
        match row.state.as_str() {
            "claimed" => say(
                found,
                ACKED_IS_DECIDED,
                format!("{subject}/{step} is claimed for ever"),
            ),
            "parked" if subject.starts_with("poison#") => {
                let known = end.poison.iter().any(|message| !message.is_empty());
                if !known {
                    let reason = row.reason.as_deref().unwrap_or_default();
                    say(
                        found,
                        DEAD_IS_POISON,
                        format!("{subject} holds a message of ours: {reason}"),
                    );
                }
            }
            "parked" => {
                let reason = row.reason.as_deref().unwrap_or_default();
                say(found, PROGRESS, format!("{subject}/{step} is parked: {reason}"));
            }
            _ => {}
        }
    }
    for event in end.events {
        if event.get("consumed_at").is_none() {
            say(
                found,
                ACKED_IS_DECIDED,
                format!("event {} is not consumed", text(event, "event")),
            );
        }
    }
}

/// The steps that stand for effects outside.
fn is_outside(step: &str) -> bool {
    ["pr#", "rca-comment", "slack#", "tracker#"]
        .iter()
        .any(|prefix| step.starts_with(prefix))
}

fn log_and_ledger(end: &End<'_>, found: &mut Vec<Violation>) {
    let kinds = [
        EffectKind::PullRequest,
        EffectKind::Comment,
        EffectKind::Message,
        EffectKind::Issue,
    ];
    let landed: Vec<&Effect> = end
        .effects
        .iter()
        .filter(|effect| kinds.contains(&effect.kind))
        .collect();
    let recorded: Vec<(&(String, String), &Row)> = end
        .shadow
        .0
        .iter()
        .filter(|((_, step), row)| is_outside(step) && matches!(row.state.as_str(), "sealed" | "receipt"))
        .collect();
    for ((subject, step), row) in &recorded {
        let effect = ratchet_guard::WorkKey::new(subject.clone(), step.clone()).effect();
        let id = row.external_id.as_deref().unwrap_or_default();
        let here = landed
            .iter()
            .any(|one| one.marker.as_deref() == Some(effect.as_str()) || is_same(one, id));
        let is_keyless = ["slack#", "tracker#"].iter().any(|kind| step.starts_with(kind));
        // Nobody else's result comes late: an attempt that does not know its own has kept it as another's.
        let may_come_late = end.slept && (is_keyless || is_of_its_record(end, subject, step, row));
        let is_second = row.state == "receipt" && !may_come_late;
        if is_second || !here {
            say(
                found,
                LOG_EQUALS_LEDGER,
                format!("{subject}/{step} ({}) has no effect `{id}`", row.state),
            );
        }
    }
    for effect in landed {
        let known = recorded.iter().any(|(key, row)| {
            let marker = ratchet_guard::WorkKey::new(key.0.clone(), key.1.clone()).effect();
            row.external_id.as_deref().is_some_and(|id| is_same(effect, id))
                || effect.marker.as_deref() == Some(marker.as_str())
        });
        if !known {
            let Effect { kind, target, id, .. } = effect;
            say(
                found,
                LOG_EQUALS_LEDGER,
                format!("{kind:?} {id} on {target} is on no record"),
            );
        }
    }
}

/// What came twice was taken back: one message of each marker stands in its channel.
fn healed(end: &End<'_>, found: &mut Vec<Violation>) {
    let mut standing: BTreeMap<(&str, &str), i64> = BTreeMap::new();
    for effect in end.effects {
        let by = match effect.kind {
            EffectKind::Message => 1,
            EffectKind::MessageDelete => -1,
            _ => continue,
        };
        let marker = effect.marker.as_deref().unwrap_or_default();
        *standing.entry((&effect.target, marker)).or_default() += by;
    }
    for ((channel, marker), count) in standing.into_iter().filter(|(_, count)| *count != 1) {
        say(
            found,
            ONE_MESSAGE,
            format!("{count} of {marker} stand in {channel} in the end"),
        );
    }
}

/// Whether a late result is the one that the step's record has: whoever took over has found this very effect.
fn is_of_its_record(end: &End<'_>, subject: &str, step: &str, receipt: &Row) -> bool {
    let Some((own, _fence)) = step.split_once("#receipt#") else {
        return false;
    };
    let key = (subject.to_owned(), own.to_owned());
    end.shadow.0.get(&key).is_some_and(|record| {
        record.state == "sealed" && record.external_id.is_some() && record.external_id == receipt.external_id
    })
}

fn is_same(effect: &Effect, id: &str) -> bool {
    match effect.kind {
        EffectKind::PullRequest => id.ends_with(&format!("{}/pull/{}", effect.target, effect.id)),
        EffectKind::Issue => id.ends_with(&format!("{}/issues/{}", effect.target, effect.id)),
        _ => id == effect.id,
    }
}

/// Every ticket that was taken is billed and has all of its effects: the tickets here are all bugs above the gate.
fn earned(end: &End<'_>, found: &mut Vec<Violation>) {
    for subject in end.acked {
        let sealed = |prefix: &str| {
            end.shadow
                .0
                .iter()
                .filter(|((of, step), row)| {
                    of == subject && step.starts_with(prefix) && row.state == "sealed"
                })
                .count()
        };
        for (prefix, wanted) in [
            ("bill", 1),
            ("pr#", end.repos),
            ("rca-comment", 1),
            ("slack#", 1),
            ("tracker#", 1),
        ] {
            if sealed(prefix) != wanted {
                say(
                    found,
                    PROGRESS,
                    format!("{subject} has {} of {wanted} `{prefix}`", sealed(prefix)),
                );
            }
        }
    }
}
