//! What must hold in every state of the guard's model, and what must be seen in some.

use stateright::Property;

use super::rules::{Face, Fault, Guard};
use super::state::{RowState, State, Wrong};
use crate::protocol::{Checked, Protocol};

/// A provider never has two effects of one key.
pub const ONE_EFFECT: &str = "at most one effect";
/// Only what was done is on record as done.
pub const SEAL_MEANS_EFFECT: &str = "a seal means an effect";
/// Every claim has a higher fence than all before it.
pub const FENCE_RISES: &str = "the fence rises with every claim";
/// A write of an attempt that was taken over changes nothing.
pub const OLD_FENCE: &str = "an old fence never writes";
/// What is sealed or parked is not settled again.
pub const SETTLED_STAYS: &str = "what is settled stays";
/// Nothing is lost: a message that is gone is on record and passed on, or parked.
pub const DELETED_IS_ON_RECORD: &str = "a deleted message is on record";
/// A retry sends what the first attempt sent.
pub const SAME_BYTES: &str = "a retry sends the same bytes";
/// While nobody dies, every live lease has an attempt that works.
pub const LEASE_HAS_OWNER: &str = "a live lease has a living owner";
/// Work is not parked because the ledger's replies get lost.
pub const NOT_PARKED_FOR_REPLIES: &str = "lost ledger replies park nothing";

type Law = Property<Checked<Guard>>;

pub(super) fn all() -> Vec<Law> {
    let mut laws = safety();
    laws.extend(seen());
    laws
}

fn safety() -> Vec<Law> {
    vec![
        Law::always(ONE_EFFECT, |model, state| {
            model.protocol.face == Face::AcceptDuplicates || state.provider.made <= 1
        }),
        Law::always(SEAL_MEANS_EFFECT, |_, state| {
            state.row.state != RowState::Sealed || state.provider.made > 0
        }),
        Law::always(FENCE_RISES, |_, state| state.row.fence == state.row.claims),
        Law::always(OLD_FENCE, |_, state| state.wrong != Some(Wrong::OldFenceWrote)),
        Law::always(SETTLED_STAYS, |_, state| {
            state.wrong != Some(Wrong::SettledChanged)
        }),
        Law::always(SAME_BYTES, |_, state| state.wrong != Some(Wrong::OtherBytes)),
        Law::always(DELETED_IS_ON_RECORD, |_, state| {
            state.queued
                || match state.row.state {
                    RowState::Sealed => state.passed,
                    RowState::Parked { .. } => true,
                    RowState::Absent | RowState::Claimed => false,
                }
        }),
        Law::always(LEASE_HAS_OWNER, |model, state| {
            !only_lost_writes(model) || owned(state)
        }),
        Law::always(NOT_PARKED_FOR_REPLIES, |model, state| {
            !only_lost_writes(model) || !matches!(state.row.state, RowState::Parked { .. })
        }),
    ]
}

fn seen() -> Vec<Law> {
    vec![
        Law::sometimes("done, passed on and deleted", |model, state| {
            model.protocol.settled(state) && state.row.state == RowState::Sealed
        }),
        Law::sometimes("two attempts at once", |_, state| {
            state.workers.iter().filter(|worker| worker.claim > 0).count() >= 1 && state.workers.len() > 1
        }),
        Law::sometimes("the effect is there and nobody knows", |model, state| {
            only_lost_writes(model)
                || (state.provider.made > 0
                    && state.workers.is_empty()
                    && state.row.state == RowState::Claimed)
        }),
        // Not wanted, but harmless: the last claim parks without a look at the provider.
        Law::sometimes("parked although the effect is there", |model, state| {
            only_lost_writes(model)
                || (state.provider.made > 0 && matches!(state.row.state, RowState::Parked { .. }))
        }),
        Law::sometimes("a request outlives its sender", |model, state| {
            only_lost_writes(model) || !state.orphans.is_empty()
        }),
    ]
}

fn only_lost_writes(model: &Checked<Guard>) -> bool {
    model.protocol.kinds == [Fault::LostWrite]
}

fn owned(state: &State) -> bool {
    state.row.state != RowState::Claimed
        || state.row.lease == 0
        || state
            .workers
            .iter()
            .any(|worker| worker.claim == state.row.claims)
}
