//! One sweep: it reads what is past its due time, and nothing that is finished.

use std::collections::BTreeSet;

use ratchet_domain::ids::OrgId;
use ratchet_domain::message::Envelope;
use ratchet_domain::park::Reason;
use ratchet_domain::stage::Stage;
use ratchet_guard::clock::Millis;
use ratchet_guard::intake::Waiting;
use ratchet_guard::{Ledger, Nudge, Outbox, Record, StageError, Unfinished};

use crate::trigger::{Kind, STAGE, Trigger};
use crate::{Replay, Summary};

/// A sweep under way.
pub(crate) struct Sweep<'r> {
    replay: &'r Replay,
    ledger: &'r Ledger,
    trigger: &'r Trigger,
    stop_at: Millis,
    /// What it has done so far.
    pub(crate) summary: Summary,
    /// The earliest due time of what it met, ms.
    pub(crate) oldest_due: Option<Millis>,
    /// Triggers whose invocation ended before its last move.
    pub(crate) left: Vec<Trigger>,
}

/// Messages of one page, each once, and what is closed when they are out.
#[derive(Default)]
struct Outgoing {
    messages: BTreeSet<(Stage, String)>,
    rows: u64,
    retire: Vec<Record>,
}

impl<'r> Sweep<'r> {
    pub(crate) fn new(replay: &'r Replay, ledger: &'r Ledger, trigger: &'r Trigger, stop_at: Millis) -> Self {
        Self {
            replay,
            ledger,
            trigger,
            stop_at,
            summary: Summary::new(),
            oldest_due: None,
            left: Vec::new(),
        }
    }

    /// Everything that the trigger asks for, until its time is up.
    pub(crate) async fn run(&mut self) -> Result<(), StageError> {
        self.events().await?;
        self.summary.claims = self.rows(Unfinished::Claimed).await?;
        self.summary.waiting = self.rows(Unfinished::Waiting).await?;
        // After what waits: a row that is resumed waits from then on, and would be sent twice.
        if self.trigger.resumes() {
            self.summary.resumed = self.rows(Unfinished::Review).await?;
        }
        if self.trigger.redrive {
            self.redrive().await;
        }
        Ok(())
    }

    /// Events that are past their hand-over and that no stage has consumed.
    async fn events(&mut self) -> Result<(), StageError> {
        let now_ms = self.ledger.now_ms();
        for shard in Ledger::shards() {
            let mut start = None;
            loop {
                if self.is_late() {
                    return Ok(());
                }
                let page = self.replay.events.waiting(shard, now_ms, start).await?;
                for row in page.unreadable {
                    self.unreadable(&row.key, row.due_at);
                }
                let mut outgoing = Outgoing::default();
                for event in page.events {
                    self.met(event.due_at);
                    let Some(stage) = self.wanted_event(&event, now_ms) else {
                        continue;
                    };
                    if self.is_late() {
                        break;
                    }
                    let org = event.key.split('#').next().map(str::to_owned);
                    if self.is_paused(org, stage).await {
                        continue;
                    }
                    let next_ms = self.replay.next_ms(now_ms, event.received_at);
                    if self.replay.events.nudge(&event, next_ms).await? {
                        outgoing.add(stage, event.message, None);
                    }
                }
                self.summary.events += self.send(outgoing).await?;
                start = page.next;
                if start.is_none() {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Work of a paused org or stage is left: its message would only wait beside the one that waits already.
    async fn is_paused(&self, org: Option<String>, stage: Stage) -> bool {
        let Some(org) = org.and_then(|org| OrgId::parse(org).ok()) else {
            return false;
        };
        let controls = self.replay.orgs.controls(&org).await;
        controls.is_ok_and(|controls| controls.pauses(stage))
    }

    fn wanted_event(&self, event: &Waiting, now_ms: Millis) -> Option<Stage> {
        let stage = Stage::from_name(&event.stage)?;
        let org = event.key.split('#').next();
        let wanted = self.trigger.has_stage(stage) && self.trigger.has_org(org);
        let sent_lately = event.resend_at.is_some_and(|at| at > now_ms);
        (wanted && !sent_lately).then_some(stage)
    }

    /// Rows of one kind that are past due; answers how many were sent again.
    async fn rows(&mut self, kind: Unfinished) -> Result<u64, StageError> {
        let now_ms = self.ledger.now_ms();
        let mut sent = 0;
        for shard in Ledger::shards() {
            let mut start = None;
            loop {
                if self.is_late() {
                    return Ok(sent);
                }
                let page = self.ledger.unfinished(kind, shard, now_ms, start).await?;
                for row in page.unreadable {
                    self.unreadable(&row.key.to_string(), row.due_at);
                }
                let mut outgoing = Outgoing::default();
                for record in page.records {
                    let Some(stage) = self.wanted_row(kind, &record, now_ms) else {
                        continue;
                    };
                    if self.is_late() {
                        break;
                    }
                    if self.is_paused(org_of(&record, stage), stage).await {
                        continue;
                    }
                    if self.let_go(kind, &record, now_ms).await? {
                        let message = record.message.clone();
                        outgoing.add(stage, message, is_message(&record).then_some(record));
                    }
                }
                sent += self.send(outgoing).await?;
                start = page.next;
                if start.is_none() {
                    break;
                }
            }
        }
        Ok(sent)
    }

    fn wanted_row(&mut self, kind: Unfinished, record: &Record, now_ms: Millis) -> Option<Stage> {
        if kind != Unfinished::Review {
            self.met(record.due_at.unwrap_or(now_ms));
        }
        if record.stage == STAGE {
            if kind != Unfinished::Review {
                self.left.extend(Trigger::of_message(&record.message));
            }
            return None;
        }
        let stage = Stage::from_name(&record.stage).filter(|_| !record.message.is_empty());
        if stage.is_none() {
            tracing::warn!(key = %record.key, "row is past due and holds no message to send");
        }
        let stage = stage.filter(|stage| self.trigger.has_stage(*stage))?;
        let org = org_of(record, stage);
        if !self.trigger.has_org(org.as_deref()) || record.resend_at.is_some_and(|at| at > now_ms) {
            return None;
        }
        if kind == Unfinished::Review {
            let reason = record.reason.as_deref().and_then(Reason::from_word)?;
            let age_ms = now_ms.saturating_sub(record.first_claimed_at);
            // Nobody asked for this piece in person: what fails for a day is a person's, and costs no more attempts.
            let young = self.trigger.kind != Kind::Schedule || age_ms < self.replay.resume_horizon_ms;
            return (young && self.trigger.may_resume(reason.mend())).then_some(stage);
        }
        Some(stage)
    }

    /// The write before the send: a crash between the two is healed by a later sweep.
    async fn let_go(
        &mut self,
        kind: Unfinished,
        record: &Record,
        now_ms: Millis,
    ) -> Result<bool, StageError> {
        let since_ms = match kind {
            Unfinished::Review => return self.ledger.resume(record).await,
            Unfinished::Claimed => record.claimed_at,
            Unfinished::Waiting | Unfinished::Receipt | Unfinished::Event => {
                record.resume_at.unwrap_or(record.claimed_at)
            }
        };
        let next_ms = self.replay.next_ms(now_ms, since_ms);
        match self.ledger.nudge(record, next_ms).await? {
            Nudge::Send => Ok(true),
            Nudge::Leave => Ok(false),
            Nudge::Parked => {
                tracing::warn!(stage = STAGE, key = %record.key, "nobody claims it, it waits for a person");
                self.summary.parked += 1;
                Ok(false)
            }
        }
    }

    /// Puts the messages; answers how many rows they were for. A queue that does not take them is no failure of the
    /// sweep: their rows stand as they are, and a later one sends.
    async fn send(&mut self, outgoing: Outgoing) -> Result<u64, StageError> {
        let messages: Vec<(&str, String)> = outgoing
            .messages
            .into_iter()
            .map(|(stage, message)| (stage.as_str(), message))
            .collect();
        if messages.is_empty() {
            return Ok(0);
        }
        if let Err(error) = self.replay.queues.put(&messages).await {
            tracing::warn!(stage = STAGE, "messages wait for a later sweep: {error}");
            self.summary.more = true;
            return Ok(0);
        }
        for record in &outgoing.retire {
            self.ledger.retire_message(record).await?;
        }
        Ok(outgoing.rows)
    }

    async fn redrive(&mut self) {
        for stage in Stage::ALL
            .into_iter()
            .filter(|stage| self.trigger.has_stage(*stage))
        {
            if self.is_late() {
                return;
            }
            if let Some(redriven) = self.replay.dead_letters.redrive(stage).await {
                self.summary.redriven.push(redriven);
            }
        }
    }

    /// Nobody can work on the row, and no message of it can be sent: it counts as stuck until a person has looked.
    fn unreadable(&mut self, key: &str, due_at: Option<Millis>) {
        tracing::error!(stage = STAGE, key, "row is past due and does not read");
        self.summary.unreadable += 1;
        if let Some(due_at) = due_at {
            self.met(due_at);
        }
    }

    fn met(&mut self, due_at: Millis) {
        self.oldest_due = Some(self.oldest_due.map_or(due_at, |oldest| oldest.min(due_at)));
    }

    /// Whether the time is up; what is left then is left to the next sweep.
    fn is_late(&mut self) -> bool {
        let late = self.ledger.now_ms() >= self.stop_at;
        self.summary.more |= late;
        late
    }
}

impl Outgoing {
    fn add(&mut self, stage: Stage, message: String, retire: Option<Record>) {
        self.messages.insert((stage, message));
        self.rows += 1;
        self.retire.extend(retire);
    }
}

/// The row is a message that nobody could work on, and not a step of somebody's life.
fn is_message(record: &Record) -> bool {
    record.key.subject().starts_with("poison#")
}

/// Whose work it is, where the row tells.
fn org_of(record: &Record, stage: Stage) -> Option<String> {
    let of_ticket = record
        .key
        .subject()
        .strip_prefix("ticket#")
        .and_then(|rest| rest.split('#').next());
    match of_ticket {
        Some(org) => Some(org.to_owned()),
        None => Envelope::parse(stage, &record.message)
            .ok()
            .map(|envelope| envelope.body.ticket().org.to_string()),
    }
}
