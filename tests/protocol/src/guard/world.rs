//! The steps that no attempt makes: deliveries, time, late landings, people.

use super::moves::Moves;
use super::row::Claimed;
use super::state::{At, Intent, RowState, State, Stray, Worker};

impl Moves<'_> {
    /// All that the world may do.
    pub(super) fn world(&mut self) {
        self.deliver();
        self.land_orphans();
        self.land_stray();
        self.people();
        self.tick();
    }

    /// A message that is not deleted may be delivered at any time, also while another delivery is worked on.
    fn deliver(&mut self) {
        let room = self.from.workers.len() < usize::from(self.guard.workers);
        if !room || (!self.from.queued && self.from.duplicates == 0) {
            return;
        }
        let mut next = self.from.clone();
        if !next.queued {
            next.duplicates -= 1;
        }
        next.workers.push(Worker {
            at: At::Received,
            fence: 0,
            claim: 0,
            left: Some(self.guard.timing.timeout),
            doubt: false,
            intent: Intent::default(),
            message: next.message,
        });
        if self.from.queued {
            self.step("deliver", 0, next);
        } else {
            self.chance("deliver a duplicate", 0, next);
        }
    }

    fn land_orphans(&mut self) {
        for (index, orphan) in self.from.orphans.iter().enumerate() {
            let mut next = self.from.clone();
            next.orphans.remove(index);
            (next.provider, _) = self.guard.land(&self.from.provider, orphan.intent);
            self.chance("request lands late", 0, next);
        }
    }

    /// A ledger write whose sender died lands now. A claim's lease has run out by then at the earliest.
    fn land_stray(&mut self) {
        let Some(stray) = self.from.stray.clone() else {
            return;
        };
        let mut next = State {
            stray: None,
            ..self.from.clone()
        };
        match stray {
            Stray::Claim(intent) => {
                if let Claimed::Granted(row) = self.guard.claim(&self.from.row, intent, 0, 0) {
                    next.row = row;
                }
            }
            Stray::Seal { fence, claim } => {
                next.seal(self.guard, fence, claim);
            }
            Stray::Release { fence, clean } => next.row.release(fence, clean),
        }
        self.chance("ledger write lands late", 0, next);
    }

    fn people(&mut self) {
        if self.from.row.state == (RowState::Parked { resumed: false }) && self.from.resumes > 0 {
            let mut next = self.from.clone();
            next.resumes -= 1;
            next.row.state = RowState::Parked { resumed: true };
            next.row.attempts = 0;
            next.queued = true;
            next.message += 1;
            self.chance("a person resumes it", 0, next);
        }
        if self.from.foreign > 0
            && let Some(provider) = self.guard.changed_by_others(&self.from.provider)
        {
            let next = State {
                provider,
                foreign: self.from.foreign - 1,
                ..self.from.clone()
            };
            self.chance("a person changes the object", 0, next);
        }
    }

    /// Time passes, but not past a deadline: whoever reaches it has finished, dies, or is paused.
    fn tick(&mut self) {
        if self.from.workers.iter().any(|worker| worker.left == Some(0)) {
            return;
        }
        let mut next = self.from.clone();
        next.row.lease = next.row.lease.saturating_sub(1);
        next.provider.hidden = next.provider.hidden.saturating_sub(1);
        next.provider.touched = false;
        for worker in &mut next.workers {
            worker.left = worker.left.map(|left| left.saturating_sub(1));
        }
        next.orphans.retain(|orphan| orphan.left > 0);
        for orphan in &mut next.orphans {
            orphan.left -= 1;
        }
        if next != *self.from {
            self.step("tick", 0, next);
        }
    }
}
