//! The promises, each with its name. What must hold at every instant is checked after each applied call; what must
//! hold in the end is checked when nothing is left to do.

mod end;
mod message;

use std::collections::BTreeMap;

use local::sandbox::World;
use local::sandbox::effect::{Effect, EffectKind};
use serde_json::Value;

use crate::engine::Violation;
use crate::shadow::{number, text};

pub(crate) use end::{End, at_the_end};
pub(crate) use message::is_durable;

/// At most one usage entry a bug, over all periods, at any instant.
pub const ONE_BILL: &str = "one-bill-a-bug";
/// At most one pull request a bug and repository, ever: closed ones count.
pub const ONE_PULL: &str = "one-pull-request-a-bug-and-repository";
/// At most one comment of ours a ticket.
pub const ONE_COMMENT: &str = "one-comment-a-ticket";
/// At most one chat message a bug and channel.
pub const ONE_MESSAGE: &str = "one-message-a-bug-and-channel";
/// At most one tracker issue a bug.
pub const ONE_ISSUE: &str = "one-issue-a-bug";
/// An event that was answered with 200 ends as sealed or parked work, with nothing left that is stuck.
pub const ACKED_IS_DECIDED: &str = "acked-implies-decided";
/// When the vendor is told 200 accepted, the event is on record and its message was enqueued.
pub const ACKED_IS_ENQUEUED: &str = "acked-implies-enqueued";
/// What landed at the providers and what the ledger says are the same, both ways; no receipt without a second effect.
pub const LOG_EQUALS_LEDGER: &str = "effect-log-equals-ledger";
/// Running everything again leaves every decision, every byte of it, and every effect as it was.
pub const DUPLICATE_IS_SAME: &str = "duplicate-yields-the-same";
/// A row's fence never falls, and each claim raises it by one.
pub const FENCE_RISES: &str = "fence-rises-by-one";
/// A write that carries a fence lands on that fence's own claim or not at all.
pub const FENCE_HOLDS: &str = "old-fence-never-writes";
/// Nobody claims over a live lease.
pub const LEASE_HOLDS: &str = "live-lease-is-not-taken";
/// A sealed result, a row and the content it is bound to never change or vanish.
pub const RECORDS_STAY: &str = "records-stay";
/// A message is deleted only when what it asked for is on record.
pub const DELETED_IS_DURABLE: &str = "deleted-implies-durable";
/// Dead letters hold only poison, and come to nothing else after a redrive.
pub const DEAD_IS_POISON: &str = "dead-letters-are-poison";
/// A ticket costs a bounded number of outside calls, whatever happens.
pub const CALLS_BOUNDED: &str = "calls-are-bounded";
/// Once faults stop, everything that was begun ends: every effect that was earned is there.
pub const PROGRESS: &str = "progress-after-faults";
/// A period's total is the number of its entries, at any instant.
pub const TOTAL_IS_ENTRIES: &str = "total-equals-entries";
/// A step's tokens are counted once.
pub const TOKENS_ONCE: &str = "tokens-once-a-step";

/// Every invariant's name.
pub const ALL: [&str; 19] = [
    ONE_BILL,
    ONE_PULL,
    ONE_COMMENT,
    ONE_MESSAGE,
    ONE_ISSUE,
    ACKED_IS_DECIDED,
    ACKED_IS_ENQUEUED,
    LOG_EQUALS_LEDGER,
    DUPLICATE_IS_SAME,
    FENCE_RISES,
    FENCE_HOLDS,
    LEASE_HOLDS,
    RECORDS_STAY,
    DELETED_IS_DURABLE,
    DEAD_IS_POISON,
    CALLS_BOUNDED,
    PROGRESS,
    TOTAL_IS_ENTRIES,
    TOKENS_ONCE,
];

/// The rules of the usage table, over all its rows.
pub(crate) fn usage(rows: &[Value]) -> Vec<Violation> {
    let mut bills: BTreeMap<&str, u32> = BTreeMap::new();
    let mut entries: BTreeMap<&str, u64> = BTreeMap::new();
    let mut totals: BTreeMap<&str, u64> = BTreeMap::new();
    let mut tokens: BTreeMap<&str, u32> = BTreeMap::new();
    for row in rows {
        let (period, key) = (text(row, "org_period"), text(row, "sk"));
        if period.starts_with("seals#") {
            continue;
        }
        if key == "total" {
            totals.insert(period, number(row, "mapped_bugs").unwrap_or(0));
        } else if key.starts_with("entry#") {
            *bills.entry(text(row, "bug")).or_default() += 1;
            *entries.entry(period).or_default() += 1;
        } else if let Some((step, _fence)) = key.rsplit_once('#').filter(|_| key.starts_with("call#")) {
            *tokens.entry(step).or_default() += 1;
        }
    }
    let mut found = more_than_one(ONE_BILL, &bills);
    found.extend(more_than_one(TOKENS_ONCE, &tokens));
    let periods: std::collections::BTreeSet<&&str> = entries.keys().chain(totals.keys()).collect();
    for period in periods {
        let (entries, total) = (
            entries.get(*period).copied().unwrap_or(0),
            totals.get(*period).copied().unwrap_or(0),
        );
        if entries != total {
            let detail = format!("{period}: {entries} entries and a total of {total}");
            found.push(Violation {
                invariant: TOTAL_IS_ENTRIES,
                detail,
            });
        }
    }
    found
}

/// The rules of what landed, over all of it; `slept` as [`crate::host::Host::slept`] has it.
pub(crate) fn effects(world: &World, all: &[Effect], slept: bool) -> Vec<Violation> {
    let mut pulls: BTreeMap<String, u32> = BTreeMap::new();
    let mut comments: BTreeMap<String, u32> = BTreeMap::new();
    let mut messages: BTreeMap<String, u32> = BTreeMap::new();
    let mut issues: BTreeMap<String, u32> = BTreeMap::new();
    let repos: std::collections::BTreeSet<&str> = all
        .iter()
        .filter(|effect| effect.kind == EffectKind::PullRequest)
        .map(|effect| effect.target.as_str())
        .collect();
    for repo in repos {
        for pull in world.github.pulls(repo) {
            *pulls.entry(format!("{repo} {}", pull.head)).or_default() += 1;
        }
    }
    for effect in all {
        let marked = || {
            format!(
                "{} {}",
                effect.target,
                effect.marker.as_deref().unwrap_or("unmarked")
            )
        };
        match effect.kind {
            EffectKind::Comment => *comments.entry(effect.target.clone()).or_default() += 1,
            EffectKind::Message => *messages.entry(marked()).or_default() += 1,
            EffectKind::Issue => *issues.entry(marked()).or_default() += 1,
            EffectKind::TicketChange
            | EffectKind::Branch
            | EffectKind::BranchMove
            | EffectKind::BranchDelete
            | EffectKind::PullRequest
            | EffectKind::PullRequestChange
            | EffectKind::IssueComment
            | EffectKind::MessageChange
            | EffectKind::MessageDelete => {}
        }
    }
    let mut found = more_than_one(ONE_PULL, &pulls);
    found.extend(more_than_one(ONE_COMMENT, &comments));
    let most = 1 + u32::from(slept);
    found.extend(more_than(most, ONE_MESSAGE, &messages));
    found.extend(more_than(most, ONE_ISSUE, &issues));
    found
}

fn more_than_one<K: std::fmt::Display>(invariant: &'static str, counts: &BTreeMap<K, u32>) -> Vec<Violation> {
    more_than(1, invariant, counts)
}

fn more_than<K: std::fmt::Display>(
    most: u32,
    invariant: &'static str,
    counts: &BTreeMap<K, u32>,
) -> Vec<Violation> {
    counts
        .iter()
        .filter(|(_, count)| **count > most)
        .map(|(what, count)| Violation {
            invariant,
            detail: format!("{count} of {what}"),
        })
        .collect()
}
