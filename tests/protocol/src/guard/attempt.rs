//! The steps of one attempt: claim, probe, send, seal, pass, and every way to end without.

use super::moves::Moves;
use super::row::Claimed;
use super::rules::{Broken, Deadline, Face, Fault};
use super::state::{At, Intent, RowState, State, Stray, Wire, Worker, Wrong};

impl Moves<'_> {
    /// All that one attempt may do or suffer.
    pub(super) fn attempt(&mut self, index: usize, worker: &Worker) {
        match worker.at {
            At::Received if self.guard.versioned() => self.read_version(index, worker),
            At::Received | At::Versioned => self.claim(index, worker),
            At::ClaimUnanswered => self.resend_claim(index, worker),
            At::Spent | At::Refused => self.park(index, worker),
            At::Doubtful => self.probe(index, worker),
            At::Outdated | At::Unversioned => self.restate(index, worker),
            At::Ready | At::Checked => self.send(index, worker),
            At::Waiting(wire) => self.wait(index, worker, wire),
            At::Known => self.seal(index, worker),
            At::SealUnanswered => self.resend_seal(index, worker),
            At::Unknown => self.leave(index, worker),
            At::NotDone => self.release(index, worker),
            At::Fenced => self.fenced(index, worker),
            At::Recorded => self.pass(index, worker),
            At::Passed => self.delete(worker, self.without(index)),
            At::Owing => self.pass_late(index, worker),
        }
        self.die(index, worker);
    }

    fn read_version(&mut self, index: usize, worker: &Worker) {
        let intent = Intent {
            version: self.from.provider.version,
            ..worker.intent
        };
        let next = self.with(
            index,
            Worker {
                at: At::Versioned,
                intent,
                ..worker.clone()
            },
        );
        self.step("read: the object's version", worker.fence, next);
    }

    fn claim(&mut self, index: usize, worker: &Worker) {
        let skew = self.guard.timing.skew;
        let early = self.from.row.lease > 0 && self.from.row.lease <= skew;
        for bytes in 0..self.guard.bytes {
            let intent = Intent {
                bytes,
                ..worker.intent
            };
            self.claim_by(index, worker, intent, 0, "claim: granted");
            if early {
                self.claim_by(index, worker, intent, skew, "claim: granted by a fast clock");
            }
        }
    }

    fn claim_by(&mut self, index: usize, worker: &Worker, intent: Intent, ahead: u8, granted: &'static str) {
        let lease = self.guard.timing.lease(worker.left.unwrap_or(0));
        match self.guard.claim(&self.from.row, intent, lease, ahead) {
            Claimed::Granted(row) => {
                let holder = self.guard.holder(&row, worker, false);
                let mut next = self.with(index, holder.clone());
                next.row = row.clone();
                self.step(granted, holder.fence, next);
                let mut lost = self.at(index, &holder, At::ClaimUnanswered);
                lost.row = row;
                self.fault(Fault::LostWrite, "claim: reply lost", holder.fence, lost);
            }
            Claimed::OnRecord => {
                let next = self.at(index, worker, At::Recorded);
                self.step("claim: on record", 0, next);
            }
            Claimed::Busy => {
                let next = self.without(index);
                self.step("claim: busy", 0, next);
            }
            Claimed::Seen => {
                let mut next = self.without(index);
                next.queued = false;
                self.step("claim: seen, message deleted", 0, next);
            }
        }
    }

    /// The SDK sends the claim again. Its condition fails against our own write, unless the lease has ended since.
    fn resend_claim(&mut self, index: usize, worker: &Worker) {
        let ours = self.from.row.claims == worker.claim && self.from.row.state == RowState::Claimed;
        let live = self.from.row.lease > 0;
        if ours && live && !self.guard.breaks(Broken::AttemptIdIgnored) {
            let forgets = self.guard.breaks(Broken::ResendForgetsEarlier);
            let next = self.with(index, self.guard.holder(&self.from.row, worker, forgets));
            self.step("claim again: it was us", worker.fence, next);
        } else {
            self.claim_by(index, worker, worker.intent, 0, "claim again: granted");
        }
    }

    fn park(&mut self, index: usize, worker: &Worker) {
        let mut next = self.at(index, worker, At::Recorded);
        if next.park(worker.fence, worker.claim, self.clean_after(worker)) {
            self.step("park", worker.fence, next);
        } else {
            let next = self.without(index);
            self.step("park: fenced", worker.fence, next);
        }
    }

    fn probe(&mut self, index: usize, worker: &Worker) {
        if self.guard.sees(&self.from.provider) {
            let next = self.at(index, worker, At::Known);
            self.step("probe: found, adopted", worker.fence, next);
        } else {
            let later = self.guard.versioned() && self.guard.breaks(Broken::VersionAfterProbe);
            let next = self.at(index, worker, if later { At::Unversioned } else { At::Ready });
            self.step("probe: absent", worker.fence, next);
        }
        let next = self.at(index, worker, At::NotDone);
        self.fault(Fault::Refusal, "probe: cannot tell", worker.fence, next);
    }

    /// Reads the object's version and records it as the intent; the design looks for the effect only after that.
    fn restate(&mut self, index: usize, worker: &Worker) {
        if worker.at == At::Outdated && self.guard.breaks(Broken::VersionAfterProbe) {
            let next = self.at(index, worker, At::Doubtful);
            return self.step("conflict: probes first", worker.fence, next);
        }
        if !self.from.row.is_of(worker.fence) {
            let next = self.without(index);
            return self.step("restate: fenced", worker.fence, next);
        }
        let intent = Intent {
            version: self.from.provider.version,
            ..worker.intent
        };
        let at = if worker.at == At::Unversioned {
            At::Ready
        } else {
            At::Doubtful
        };
        let mut next = self.with(
            index,
            Worker {
                at,
                intent,
                doubt: true,
                ..worker.clone()
            },
        );
        next.row.intent = Some(intent);
        self.step("restate the intent", worker.fence, next);
    }

    fn send(&mut self, index: usize, worker: &Worker) {
        if self.guard.breaks(Broken::FenceCheckForProbe) && worker.at == At::Ready {
            let mine = self.from.row.is_of(worker.fence);
            let next = if mine {
                self.at(index, worker, At::Checked)
            } else {
                self.without(index)
            };
            return self.step("fence check before the call", worker.fence, next);
        }
        if worker.left.is_none() && self.guard.deadline == Deadline::StopsSending {
            let next = self.at(index, worker, At::NotDone);
            return self.step("send: past the deadline, not sent", worker.fence, next);
        }
        let mut next = self.at(index, worker, At::Waiting(Wire::Flying));
        if self.guard.bytes > 1 {
            let first = *next.sent.get_or_insert(worker.intent.bytes);
            next.wrong = next
                .wrong
                .or_else(|| (first != worker.intent.bytes).then_some(Wrong::OtherBytes));
        }
        self.step("send", worker.fence, next);
    }

    fn wait(&mut self, index: usize, worker: &Worker, wire: Wire) {
        match wire {
            Wire::Flying => {
                let (provider, reply) = self.guard.land(&self.from.provider, worker.intent);
                let mut next = self.at(index, worker, At::Waiting(reply));
                next.provider = provider;
                self.step("request lands", worker.fence, next);
                if self.guard.breaks(Broken::ClientSendsAgain) && self.from.orphans.is_empty() {
                    let mut next = self.from.clone();
                    self.orphan(&mut next, worker);
                    self.step("the client sends again", worker.fence, next);
                }
                for (at, name) in [
                    (At::NotDone, "reply: not done"),
                    (At::Refused, "reply: refused for good"),
                ] {
                    let next = self.at(index, worker, at);
                    self.fault(Fault::Refusal, name, worker.fence, next);
                }
            }
            Wire::Landed => {
                let next = self.at(index, worker, At::Known);
                self.step("reply: done", worker.fence, next);
            }
            Wire::Exists => {
                let next = self.at(index, worker, At::Doubtful);
                self.step("reply: an open one exists", worker.fence, next);
            }
            Wire::Conflict => {
                let next = self.at(index, worker, At::Outdated);
                self.step("reply: version conflict", worker.fence, next);
            }
        }
        let mut next = self.at(index, worker, At::Unknown);
        self.orphan(&mut next, worker);
        self.fault(Fault::LostReply, "reply: lost", worker.fence, next);
    }

    fn seal(&mut self, index: usize, worker: &Worker) {
        let mut next = self.at(index, worker, At::Recorded);
        if self.guard.breaks(Broken::MarkedBeforeWork) {
            return self.step("done", worker.fence, next);
        }
        if next.seal(self.guard, worker.fence, worker.claim) {
            let mut lost = next.clone();
            self.step("seal", worker.fence, next);
            if let Some(own) = lost.workers.iter_mut().find(|other| other.claim == worker.claim) {
                own.at = At::SealUnanswered;
            }
            self.fault(Fault::LostWrite, "seal: reply lost", worker.fence, lost);
        } else {
            let next = self.at(index, worker, At::Fenced);
            self.step("seal: fenced", worker.fence, next);
        }
    }

    fn resend_seal(&mut self, index: usize, worker: &Worker) {
        let at = if self.guard.breaks(Broken::AttemptIdIgnored) {
            At::Fenced
        } else {
            At::Recorded
        };
        let next = self.at(index, worker, at);
        self.step("seal again: it was us", worker.fence, next);
    }

    fn leave(&mut self, index: usize, worker: &Worker) {
        // Where a second effect is accepted, not knowing is no reason to wait.
        let accepted = self.guard.face == Face::AcceptDuplicates;
        if accepted || self.guard.breaks(Broken::ReleaseAfterUnknown) {
            return self.release(index, worker);
        }
        if self.guard.breaks(Broken::ParkAfterUnknown) {
            return self.park(index, worker);
        }
        let next = self.without(index);
        self.step("leave", worker.fence, next);
    }

    fn release(&mut self, index: usize, worker: &Worker) {
        let mut next = self.without(index);
        next.row.release(worker.fence, self.clean_after(worker));
        self.step("release", worker.fence, next);
    }

    /// Neither this attempt nor an earlier one can have sent anything.
    fn clean_after(&self, worker: &Worker) -> bool {
        let sent = worker.at == At::Unknown;
        (!worker.doubt && !sent) || self.guard.breaks(Broken::ReleaseCleansAll)
    }

    /// Keeps a receipt; what another attempt put on record is passed on.
    fn fenced(&mut self, index: usize, worker: &Worker) {
        if self.guard.breaks(Broken::FencedDeletes) {
            let mut next = self.without(index);
            next.queued &= worker.message != self.from.message;
            return self.step("fenced: message deleted", worker.fence, next);
        }
        let sealed = self.from.row.state == RowState::Sealed;
        let next = if sealed {
            self.at(index, worker, At::Recorded)
        } else {
            self.without(index)
        };
        self.step("receipt of a late result", worker.fence, next);
    }

    /// From the record: what follows is sent, then the message is deleted.
    fn pass(&mut self, index: usize, worker: &Worker) {
        let sealed = self.from.row.state == RowState::Sealed;
        if sealed && self.guard.breaks(Broken::DeletedBeforePass) {
            let owes = self.at(index, worker, At::Owing);
            return self.delete(worker, owes);
        }
        let mut next = self.at(index, worker, At::Passed);
        next.passed |= sealed;
        self.step("pass", worker.fence, next);
    }

    fn pass_late(&mut self, index: usize, worker: &Worker) {
        let next = State {
            passed: true,
            ..self.without(index)
        };
        self.step("pass", worker.fence, next);
    }

    fn delete(&mut self, worker: &Worker, mut next: State) {
        next.queued &= worker.message != self.from.message;
        self.step("delete the message", worker.fence, next);
    }

    /// Death at any step; a ledger write that was under way may land later, and so may a request.
    fn die(&mut self, index: usize, worker: &Worker) {
        let mut next = self.without(index);
        self.orphan(&mut next, worker);
        self.fault(Fault::Crash, "crash", worker.fence, next.clone());
        let stray = under_way(worker);
        if stray.is_some() && self.from.stray.is_none() {
            next.stray = stray;
            self.fault(
                Fault::LateWrite,
                "crash, its write still under way",
                worker.fence,
                next,
            );
        }
        if worker.left == Some(0) && self.guard.deadline != Deadline::Kills {
            let unsure = worker.at == At::Waiting(Wire::Flying);
            let at = if unsure { At::Unknown } else { worker.at };
            let mut next = self.with(
                index,
                Worker {
                    at,
                    left: None,
                    ..worker.clone()
                },
            );
            self.orphan(&mut next, worker);
            self.fault(Fault::Pause, "paused past its deadline", worker.fence, next);
        }
    }
}

/// The ledger write that the attempt may have sent as its last act.
fn under_way(worker: &Worker) -> Option<Stray> {
    let (fence, claim) = (worker.fence, worker.claim);
    let claims = matches!(worker.at, At::Received | At::Versioned).then_some(Stray::Claim(worker.intent));
    let seals = (worker.at == At::Known).then_some(Stray::Seal { fence, claim });
    let clean = !worker.doubt;
    let releases = (worker.at == At::NotDone).then_some(Stray::Release { fence, clean });
    claims.or(seals).or(releases)
}
