//! A history under way: what happened, and what has to follow from it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use ratchet_domain::bill::{CREDIT_WINDOW_MS, Flag};
use ratchet_domain::credit::{CreditAsked, Judged, Source, Verdict};
use ratchet_domain::ids::ContentHash;
use ratchet_domain::message::{Body, Envelope};
use ratchet_domain::period::{Period, Zone};
use ratchet_domain::step;
use ratchet_guard::{StageError, State};
use ratchet_runtime::batch::{Invocation, QueueStage};
use ratchet_runtime::stage::key_of;
use ratchet_runtime::usage::sum;
use serde_json::json;

use crate::bench::{Bench, acme};
use crate::bills::{DAY_MS, org, usage};
use crate::faults::{Faults, Point};
use crate::histories::Happens;
use crate::life::Life;

const HOUR_MS: u64 = 3_600_000;

/// Faults of one work. Reason: after five claims it waits for a person, and a history has none.
const FAULTS_MAX: u8 = 3;

/// What a history came to, beside its end.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Reached {
    later_month: u32,
    retried: u32,
    replies_lost: u32,
    deaths: u32,
    capped: u32,
    credited: u32,
    credited_before: u32,
    too_late: u32,
    not_billed: u32,
    set_back: u32,
}

impl Reached {
    /// What a run has to come to.
    const NAMES: [&str; 10] = [
        "charges in a later month",
        "charges by a retry",
        "invocations whose reply was lost",
        "invocations that died",
        "charges that waited at a cap",
        "claims credited",
        "claims credited before",
        "claims too late",
        "claims of what was not billed",
        "clocks set back",
    ];

    /// How often each was reached.
    pub(crate) fn counts(self) -> impl Iterator<Item = (&'static str, u32)> {
        Self::NAMES.into_iter().zip([
            self.later_month,
            self.retried,
            self.replies_lost,
            self.deaths,
            self.capped,
            self.credited,
            self.credited_before,
            self.too_late,
            self.not_billed,
            self.set_back,
        ])
    }
}

/// A claim, and how it was judged.
struct Claim {
    bug: u8,
    asked: CreditAsked,
    faults: u8,
    verdict: Option<Verdict>,
}

/// One history.
pub(crate) struct History {
    pub(crate) bench: Bench,
    pub(crate) reached: Reached,
    faults: Faults,
    zone: Zone,
    /// The first score of each content is the one that counts.
    scores: BTreeMap<(u8, u8), bool>,
    faulted: BTreeMap<(u8, u8), u8>,
    /// When work that is not settled was taken up.
    taken_up: BTreeMap<(u8, u8), u64>,
    settled: BTreeSet<(u8, u8)>,
    claims: Vec<Claim>,
    cap: Option<u64>,
    /// Every month that the clock was in, with what it had charged when it was last looked at.
    months: BTreeMap<Period, u64>,
}

impl History {
    pub(crate) async fn new() -> Result<Self> {
        let mut bench = Bench::new().await?;
        let faults = Faults::on(&mut bench);
        let zone = Zone::named("Europe/Berlin").context("zone")?;
        let history = Self {
            bench,
            faults,
            zone,
            reached: Reached::default(),
            scores: BTreeMap::new(),
            faulted: BTreeMap::new(),
            taken_up: BTreeMap::new(),
            settled: BTreeSet::new(),
            claims: Vec::new(),
            cap: None,
            months: BTreeMap::new(),
        };
        history.put(None, 1).await?;
        // Near the month's end, so that many a history crosses it.
        history.bench.clock.advance(26 * DAY_MS);
        Ok(history)
    }

    async fn put(&self, cap: Option<u8>, partitions: u8) -> Result<()> {
        let mut settings = acme();
        settings["billing"] =
            json!({ "time_zone": "Europe/Berlin", "mapped_bug_cap": cap, "partitions": partitions });
        self.bench.put(&settings).await?;
        Ok(())
    }

    fn life(&self, bug: u8, content: u8) -> Result<Life<'_>> {
        let mut life = Life::of(&self.bench, &format!("70{bug}"))?;
        life.at.content = ContentHash::of(&["words", &content.to_string()]);
        Ok(life)
    }

    fn month(&self) -> Period {
        Period::of(self.bench.world.now_ms(), &self.zone)
    }

    /// Lets it happen, and checks that no cap was passed.
    pub(crate) async fn plays(&mut self, what: &Happens) -> Result<()> {
        self.months.entry(self.month()).or_insert(0);
        match *what {
            Happens::Scored {
                bug,
                content,
                passes,
                fault,
            } => {
                let life = self.life(bug, content)?;
                let again = life.extracted(if passes { 0.7 } else { 0.699 }).await.is_err();
                assert_eq!(again, self.scores.contains_key(&(bug, content)), "sealed once");
                if !again {
                    life.mapped().await?;
                }
                self.scores.entry((bug, content)).or_insert(passes);
                self.message(bug, content, fault).await?;
            }
            Happens::Message { bug, content, fault } => self.message(bug, content, fault).await?,
            Happens::Claimed { bug, fault } => {
                let asked = self.asked(bug).await?;
                self.claims.push(Claim {
                    bug,
                    asked,
                    faults: 0,
                    verdict: None,
                });
                self.claim(self.claims.len() - 1, fault).await?;
            }
            Happens::ClaimedAgain { claim } => {
                if usize::from(claim) < self.claims.len() {
                    self.claim(usize::from(claim), None).await?;
                }
            }
            Happens::Cap { cap, partitions } => {
                self.put(cap, partitions).await?;
                self.cap = cap.map(u64::from);
            }
            Happens::Waits { hours } => self.bench.clock.advance(u64::from(hours) * HOUR_MS),
            Happens::Back { hours } => {
                let now_ms = self.bench.world.now_ms();
                self.bench.clock.set(now_ms - u64::from(hours) * HOUR_MS);
                self.reached.set_back += 1;
            }
            Happens::Sealed => {
                let now_ms = self.bench.world.now_ms();
                for month in self.months.keys() {
                    let is_over = *month < self.month();
                    usage(&self.bench).seal(&org()?, month, is_over, now_ms).await?;
                }
            }
        }
        self.cap_is_kept().await
    }

    async fn cap_is_kept(&mut self) -> Result<()> {
        for (month, before) in &mut self.months {
            let after = sum(&usage(&self.bench).totals(&org()?, month).await?).mapped_bugs;
            assert!(
                after <= *before || self.cap.is_none_or(|cap| after <= cap),
                "{before} to {after} in {month} over {:?}",
                self.cap
            );
            *before = after;
        }
        Ok(())
    }

    /// The gate's message comes.
    async fn message(&mut self, bug: u8, content: u8, fault: Option<Point>) -> Result<()> {
        if !self.scores.contains_key(&(bug, content)) {
            return Ok(());
        }
        let faulted = self.faulted.get(&(bug, content)).copied().unwrap_or(0);
        let fault = fault.filter(|_| faulted < FAULTS_MAX);
        let life = self.life(bug, content)?;
        let (met, outcome) = self.faults.during(fault, life.qualified()).await;
        let (died, row) = (
            met && outcome.is_err(),
            key_of(&life.at.ticket, step::qualify(&life.at.content)),
        );
        let row = life.ledger()?.read(&row).await?;
        let flag = flag_of(&life).await?;
        let own = flag.filter(|flag| flag.content == life.at.content);
        drop(life);
        let waits = row
            .as_ref()
            .is_some_and(|row| row.reason.as_deref() == Some("capped"));
        self.reached.capped += u32::from(waits);
        self.taken_up((bug, content), row.map(|row| row.state), own.as_ref());
        self.met(met, died);
        *self.faulted.entry((bug, content)).or_default() += u8::from(met);
        Ok(())
    }

    /// A charge has the time of the claim that took its work up, first or after it waited, and not that of a retry.
    fn taken_up(&mut self, work: (u8, u8), state: Option<State>, flag: Option<&Flag>) {
        let now_ms = self.bench.world.now_ms();
        match state {
            None | Some(State::Receipt) => {}
            Some(State::Parked) => drop(self.taken_up.remove(&work)),
            Some(State::Claimed) => drop(self.taken_up.entry(work).or_insert(now_ms)),
            Some(State::Sealed) => {
                let expected = self.taken_up.remove(&work).unwrap_or(now_ms);
                if let (true, Some(flag)) = (self.settled.insert(work), flag) {
                    assert_eq!(flag.billed_at, expected, "{work:?}");
                    self.reached.retried += u32::from(expected != now_ms);
                }
            }
        }
    }

    fn met(&mut self, met: bool, died: bool) {
        self.reached.deaths += u32::from(died);
        self.reached.replies_lost += u32::from(met && !died);
    }

    async fn asked(&self, bug: u8) -> Result<CreditAsked> {
        let life = self.life(bug, 0)?;
        let charge = flag_of(&life).await?.map(|flag| flag.hash);
        Ok(CreditAsked {
            ticket: life.at.ticket,
            source: Source::Operator,
            by: "ana".to_owned(),
            note: self.claims.len().to_string(),
            charge,
            asked_at_ms: self.bench.world.now_ms(),
        })
    }

    /// A claim's message comes; where it is judged by it, it is judged as the flag and the seven days say.
    async fn claim(&mut self, at: usize, fault: Option<Point>) -> Result<()> {
        let claim = self.claims.get(at).context("a claim")?;
        let fault = fault.filter(|_| claim.faults < FAULTS_MAX);
        let (bug, asked, known) = (claim.bug, claim.asked.clone(), claim.verdict);
        let life = self.life(bug, 0)?;
        let flag = flag_of(&life).await?;
        let (met, outcome) = self.faults.during(fault, judged(&life, &asked)).await;
        let died = met && outcome.is_err();
        let key = key_of(&asked.ticket, step::credit_claim(&asked.id()));
        let row = life.ledger()?.read(&key).await?;
        let sealed = life.ledger()?.sealed(&key).await?;
        drop(life);
        let verdict = match sealed {
            Some(sealed) => Some(sealed.result::<Judged>()?.verdict),
            None => None,
        };
        if known.is_some() {
            assert_eq!(verdict, known, "judged once");
        } else if let (Some(verdict), Some(row)) = (verdict, row) {
            let asked_at = asked.asked_at_ms.min(row.first_claimed_at);
            let expected = match flag {
                None => Verdict::NotBilled,
                Some(flag) if asked_at.saturating_sub(flag.billed_at) > CREDIT_WINDOW_MS => Verdict::TooLate,
                Some(_) if self.is_credited(bug) => Verdict::CreditedBefore,
                Some(_) => Verdict::Credited,
            };
            assert_eq!(verdict, expected, "{asked:?}");
            self.judged(verdict);
        }
        self.met(met, died);
        let claim = self.claims.get_mut(at).context("a claim")?;
        claim.verdict = verdict;
        claim.faults += u8::from(met);
        Ok(())
    }

    fn judged(&mut self, verdict: Verdict) {
        let count = match verdict {
            Verdict::Credited => &mut self.reached.credited,
            Verdict::CreditedBefore => &mut self.reached.credited_before,
            Verdict::TooLate => &mut self.reached.too_late,
            Verdict::NotBilled => &mut self.reached.not_billed,
        };
        *count += 1;
    }

    fn is_credited(&self, bug: u8) -> bool {
        let own = self.claims.iter().filter(|claim| claim.bug == bug);
        own.into_iter()
            .any(|claim| claim.verdict == Some(Verdict::Credited))
    }

    /// Every lease is over, there is room for all, and every message comes once more.
    pub(crate) async fn ends(&mut self) -> Result<()> {
        self.put(None, 1).await?;
        self.cap = None;
        self.bench.clock.advance(10 * DAY_MS);
        self.months.entry(self.month()).or_insert(0);
        let contents: Vec<(u8, u8)> = self.scores.keys().copied().collect();
        for (bug, content) in contents {
            self.message(bug, content, None).await?;
        }
        for at in 0..self.claims.len() {
            self.claim(at, None).await?;
        }
        let unjudged = self.claims.iter().filter(|claim| claim.verdict.is_none());
        assert_eq!(unjudged.count(), 0, "every claim is judged");
        self.cap_is_kept().await?;
        let first = Period::of(crate::bench::NOW_MS, &self.zone);
        let later = self.months.iter().filter(|(month, _)| **month > first);
        self.reached.later_month = u32::from(later.map(|(_, charged)| charged).sum::<u64>() > 0);
        Ok(())
    }

    fn id(&self, bug: u8) -> Result<String> {
        Ok(self.life(bug, 0)?.at.ticket.bug().to_string())
    }

    /// The bugs that must have been charged: a content of theirs has a first score that passes.
    pub(crate) fn due(&self) -> Result<BTreeSet<String>> {
        let passed = self.scores.iter().filter(|(_, passes)| **passes);
        passed.map(|((bug, _), _)| self.id(*bug)).collect()
    }

    /// The bugs that must have been given back.
    pub(crate) fn credited(&self) -> BTreeSet<String> {
        let credited = self
            .claims
            .iter()
            .filter(|claim| claim.verdict == Some(Verdict::Credited));
        credited
            .map(|claim| claim.asked.ticket.bug().to_string())
            .collect()
    }
}

/// The bug's billable flag.
async fn flag_of(life: &Life<'_>) -> Result<Option<Flag>> {
    let flag = life
        .ledger()?
        .sealed(&key_of(&life.at.ticket, step::BILL))
        .await?;
    Ok(flag.map(|flag| flag.result()).transpose()?)
}

/// Runs a claim through `qualify`, as its message does.
async fn judged(life: &Life<'_>, asked: &CreditAsked) -> Result<()> {
    let qualify = qualify::Qualify::new(&life.bench.world.deployment)?;
    let envelope = Envelope::new(None, Body::Credit(asked.clone()));
    let invocation = Invocation {
        ledger: life.ledger()?,
        message: envelope.to_json(),
        trace: None,
    };
    match qualify.handle(&invocation, &envelope).await {
        Ok(()) => Ok(()),
        Err(error @ StageError::Parked(_)) => anyhow::bail!("parked: {error}"),
        Err(error) => Err(error.into()),
    }
}
