//! Where an entry stands in its period's tree, and why it stands in none yet.

use ratchet_domain::bill::Recorded;
use ratchet_domain::ids::OrgId;
use ratchet_domain::merkle::{Hash, Prover, Way, proves};
use ratchet_domain::period::{Period, instant};
use ratchet_guard::StageError;
use ratchet_guard::clock::Millis;

use super::super::Usage;
use super::super::seal::{BATCHES_A_READ, Stop};

/// How long an entry waits for its seal at most while all goes well, in ms: the sealer runs every hour.
const SEALED_WITHIN_MS: Millis = 2 * 3_600_000;

/// Where an entry stands in its period's tree.
#[derive(Debug)]
pub struct Proved {
    /// The batch that sealed it.
    pub batch: u64,
    /// Its place among the leaves, from 0.
    pub index: u64,
    /// How many leaves the tree has.
    pub size: u64,
    /// The tree's root.
    pub root: Hash,
    /// The hashes that lead from the leaf to the root, the nearest first.
    pub way: Vec<Hash>,
    /// They do.
    pub holds: bool,
}

/// Where an entry stands.
pub(super) enum Place {
    /// In the tree.
    Sealed(Proved),
    /// Sealing stopped, at it or before it.
    Stopped(Stop),
    /// The period was signed off then, without it.
    SignedOff(Millis),
    /// The sealer has not come to it; when it was there last.
    NotReached(Option<Millis>),
    /// It names no period.
    Nowhere,
}

impl Place {
    pub(super) fn says(&self, entry: &Recorded, now_ms: Millis) -> String {
        match self {
            Self::Sealed(proved) => format!(
                "sealed as leaf {} of {} (batch {}); {} hashes lead from it to the root {}: {}",
                proved.index,
                proved.size,
                proved.batch,
                proved.way.len(),
                proved.root,
                if proved.holds {
                    "the proof holds"
                } else {
                    "THE PROOF DOES NOT HOLD"
                }
            ),
            Self::Stopped(stop) if stop.key == entry.key && stop.partition == entry.partition => format!(
                "not sealed: sealing of its period stopped at it at {}: {}",
                instant(stop.stopped_at),
                stop.fault
            ),
            Self::Stopped(stop) => format!(
                "not sealed: sealing of its period stopped at {} at another entry, {} in {}: {}; nothing behind that one is \
                 sealed until somebody has looked",
                instant(stop.stopped_at),
                stop.key,
                stop.partition,
                stop.fault
            ),
            Self::SignedOff(at_ms) => format!(
                "not sealed: its period was signed off at {} without it; if it landed late, the sealer takes it in within the \
                 hour, and one that stays so was put in by hand",
                instant(*at_ms)
            ),
            Self::NotReached(last) => {
                let last = last.map_or_else(
                    || "its period has no seal".to_owned(),
                    |at_ms| format!("its period's last seal is of {}", instant(at_ms)),
                );
                let billed_at = entry.entry.get("billed_at").and_then(|at_ms| at_ms.parse().ok());
                let is_late =
                    billed_at.is_none_or(|at_ms: Millis| now_ms.saturating_sub(at_ms) > SEALED_WITHIN_MS);
                let when = match is_late {
                    true => "the sealer runs every hour and should have come to it by now, look at its log",
                    false => "the sealer runs every hour and has not come to it",
                };
                format!("not sealed yet: {last}; {when}")
            }
            Self::Nowhere => "not sealed: it names no period".to_owned(),
        }
    }

    pub(super) fn proved(self) -> Option<Proved> {
        match self {
            Self::Sealed(proved) => Some(proved),
            Self::Stopped(_) | Self::SignedOff(_) | Self::NotReached(_) | Self::Nowhere => None,
        }
    }
}

/// Builds the tree of the entry's period and the way from its leaf to the root, a few batches in memory at a time.
pub(super) async fn place(usage: &Usage, org: &OrgId, entry: &Recorded) -> Result<Place, StageError> {
    let Some(period) = entry.entry.get("period").and_then(Period::parse) else {
        return Ok(Place::Nowhere);
    };
    let mut prover = Prover::default();
    let (mut sealed_by, mut last, mut seq) = (None, None, 0);
    loop {
        let batches = usage.batches(org, &period, seq, BATCHES_A_READ).await?;
        if batches.is_empty() {
            break;
        }
        for batch in batches {
            for leaf in &batch.leaves {
                if leaf.key == entry.key {
                    sealed_by = Some(batch.seq);
                    prover.push_wanted(leaf.hash());
                } else {
                    prover.push(leaf.hash());
                }
            }
            seq = batch.seq + 1;
            last = Some((batch.root, batch.is_final, batch.sealed_at));
        }
    }
    let size = prover.size();
    let (Some(batch), Some((root, ..)), Some(way)) = (sealed_by, last, prover.way()) else {
        if let Some(stop) = usage.stop(org, &period, seq).await? {
            return Ok(Place::Stopped(stop));
        }
        return Ok(match last {
            Some((_, true, sealed_at)) => Place::SignedOff(sealed_at),
            Some((_, false, sealed_at)) => Place::NotReached(Some(sealed_at)),
            None => Place::NotReached(None),
        });
    };
    let Way { index, hashes: way } = way;
    let holds = proves(&way, entry.leaf(), index, size, root);
    Ok(Place::Sealed(Proved {
        batch,
        index,
        size,
        root,
        way,
        holds,
    }))
}
