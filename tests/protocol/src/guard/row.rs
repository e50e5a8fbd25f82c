//! The conditional writes of the ledger row, as the guard's expressions state them.

use super::rules::{Broken, Guard};
use super::state::{At, Intent, Row, RowState, State, Worker, Wrong};

/// What a claim is told.
pub(super) enum Claimed {
    /// The row as it was written.
    Granted(Row),
    /// It is sealed, or parked.
    OnRecord,
    /// Another attempt's lease lives.
    Busy,
    /// Broken variant only: somebody was here before.
    Seen,
}

impl Guard {
    /// A claim under a clock that is `ahead` ticks ahead.
    pub(super) fn claim(&self, row: &Row, intent: Intent, lease: u8, ahead: u8) -> Claimed {
        match row.state {
            RowState::Sealed | RowState::Parked { resumed: false } => return Claimed::OnRecord,
            RowState::Claimed if self.breaks(Broken::SeenFlag) => return Claimed::Seen,
            RowState::Claimed if row.lease > ahead => return Claimed::Busy,
            RowState::Claimed | RowState::Absent | RowState::Parked { resumed: true } => {}
        }
        let marked = self.breaks(Broken::MarkedBeforeWork);
        let stands = self.breaks(Broken::FenceStands);
        let kept = row.intent.filter(|_| !self.breaks(Broken::NoIntent));
        Claimed::Granted(Row {
            state: if marked {
                RowState::Sealed
            } else {
                RowState::Claimed
            },
            fence: if stands { 1 } else { row.fence + 1 },
            claims: row.claims + 1,
            clean: row.clean,
            lease,
            attempts: row.attempts + 1,
            intent: kept.or(Some(intent)),
        })
    }

    /// The attempt that holds `row`: where it stands depends on what earlier attempts may have done.
    pub(super) fn holder(&self, row: &Row, worker: &Worker, forgets: bool) -> Worker {
        let doubt = row.clean + 1 != row.claims && !forgets;
        let at = match () {
            () if row.attempts > self.attempts_max => At::Spent,
            () if doubt && self.face == super::rules::Face::AcceptLoss => At::Refused,
            () if doubt && self.probes() => At::Doubtful,
            () => At::Ready,
        };
        Worker {
            at,
            fence: row.fence,
            claim: row.claims,
            doubt,
            intent: row.intent.unwrap_or_default(),
            ..worker.clone()
        }
    }
}

impl Row {
    /// The condition of every write after the claim: `fence = :mine AND state = claimed`.
    pub(super) fn is_of(&self, fence: u8) -> bool {
        self.fence == fence && self.state == RowState::Claimed
    }

    /// Ends the lease now; the row is clean only if no attempt so far can have sent.
    pub(super) fn release(&mut self, fence: u8, clean: bool) {
        if self.is_of(fence) {
            self.lease = 0;
            if clean {
                self.clean = self.claims;
            }
        }
    }
}

impl State {
    /// Seals, if the condition holds or is left out; true when it was written.
    pub(super) fn seal(&mut self, guard: &Guard, fence: u8, claim: u8) -> bool {
        self.settle(guard.breaks(Broken::SealUnfenced), fence, claim, RowState::Sealed)
    }

    /// Parks, if the condition holds; true when it was written. The row is clean as after a release.
    pub(super) fn park(&mut self, fence: u8, claim: u8, clean: bool) -> bool {
        let parked = self.settle(false, fence, claim, RowState::Parked { resumed: false });
        if parked && clean {
            self.row.clean = self.row.claims;
        }
        parked
    }

    fn settle(&mut self, unconditional: bool, fence: u8, claim: u8, to: RowState) -> bool {
        if !unconditional && !self.row.is_of(fence) {
            return false;
        }
        let wrong = match () {
            () if self.row.claims != claim => Some(Wrong::OldFenceWrote),
            () if self.row.state != RowState::Claimed => Some(Wrong::SettledChanged),
            () => None,
        };
        self.wrong = self.wrong.or(wrong);
        self.row.state = to;
        self.row.lease = 0;
        true
    }
}
