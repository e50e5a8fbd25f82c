//! A provider with a memory, which answers as it is told to.

use std::collections::VecDeque;
use std::sync::Mutex;

use ratchet_guard::effect::{Act, Effect, PermanentKey, Probe};
use ratchet_guard::{Finding, Outcome, Why};
use serde::{Deserialize, Serialize};

use crate::wire::lock;

/// What the provider gives back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Receipt {
    /// Number of the effect at the provider, from 1.
    pub(crate) id: usize,
    /// The marker it carries.
    pub(crate) marker: String,
}

/// How a send goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Say {
    /// Applied, and it says so. What it does when it is told nothing.
    Done,
    /// Applied; the reply is lost.
    Lost,
    /// Not applied; nobody can tell.
    Vanished,
    /// Not applied, and it says so, and when to come back.
    NotNow(Option<u64>),
    /// Not applied, since the token of the intent is out of date; the new one.
    Stale(&'static str),
    /// Not applied, and never will be.
    Never,
}

#[derive(Debug, Default)]
struct State {
    script: VecDeque<Say>,
    blind: usize,
    /// Drops a repeat of a marker for ever.
    keyed: bool,
    /// Marker and intent of every effect that is there.
    applied: Vec<(String, String)>,
    sends: usize,
    probes: usize,
    first_claimed_at: Vec<u64>,
}

#[derive(Debug, Default)]
pub(crate) struct Provider(Mutex<State>);

impl Provider {
    pub(crate) fn saying<const N: usize>(script: [Say; N]) -> Self {
        let provider = Self::default();
        lock(&provider.0).script = script.into();
        provider
    }

    pub(crate) fn keyed(self) -> Self {
        lock(&self.0).keyed = true;
        self
    }

    /// The next probes cannot tell.
    pub(crate) fn blind(self, probes: usize) -> Self {
        lock(&self.0).blind = probes;
        self
    }

    /// The effect, for a claim to act with.
    pub(crate) fn post(&self) -> Post<'_> {
        Post(self)
    }

    /// Intents of the effects that are there.
    pub(crate) fn applied(&self) -> Vec<String> {
        let applied = lock(&self.0).applied.clone();
        applied.into_iter().map(|(_, intent)| intent).collect()
    }

    /// Markers of the effects that are there.
    pub(crate) fn markers(&self) -> Vec<String> {
        let applied = lock(&self.0).applied.clone();
        applied.into_iter().map(|(marker, _)| marker).collect()
    }

    pub(crate) fn sends(&self) -> usize {
        lock(&self.0).sends
    }

    pub(crate) fn probes(&self) -> usize {
        lock(&self.0).probes
    }

    /// The times of the first claim that sends were told.
    pub(crate) fn first_claims(&self) -> Vec<u64> {
        lock(&self.0).first_claimed_at.clone()
    }
}

/// The effect of posting something at the provider.
pub(crate) struct Post<'p>(&'p Provider);

impl Effect for Post<'_> {
    type Receipt = Receipt;

    async fn send(&self, act: &Act) -> Outcome<Receipt> {
        tokio::task::yield_now().await;
        let mut state = lock(&self.0.0);
        state.sends += 1;
        state.first_claimed_at.push(act.first_claimed_at());
        let said = state.script.pop_front().unwrap_or(Say::Done);
        let marker = act.effect().to_string();
        if matches!(said, Say::Done | Say::Lost) {
            let there = state.applied.iter().any(|(there, _)| *there == marker);
            if !(state.keyed && there) {
                let body = String::from_utf8(act.bytes()).unwrap();
                assert_eq!(body, act.intent(), "the same words, as bytes");
                state.applied.push((marker.clone(), body));
            }
        }
        let id = state.applied.len();
        match said {
            Say::Done => Outcome::Done(Receipt { id, marker }),
            Say::Lost | Say::Vanished => Outcome::Unknown(Why::new("answer_lost", "no answer")),
            Say::NotNow(after) => {
                Outcome::NotDone(Why::new("rate_limited", "too many").retry_after_ms(after))
            }
            Say::Stale(intent) => Outcome::Stale(intent.to_owned()),
            Say::Never => Outcome::Refused(Why::new("rejected", "no such ticket")),
        }
    }

    fn external_id(&self, receipt: &Receipt) -> Option<String> {
        Some(format!("post-{}", receipt.id))
    }
}

impl Probe for Post<'_> {
    async fn probe(&self, act: &Act) -> Finding<Receipt> {
        let mut state = lock(&self.0.0);
        state.probes += 1;
        if state.blind > 0 {
            state.blind -= 1;
            return Finding::CannotTell(Why::new("provider_unavailable", "503"));
        }
        let marker = act.effect().to_string();
        let at = state.applied.iter().position(|(there, _)| *there == marker);
        at.map_or(Finding::Absent, |at| {
            Finding::Found(Receipt { id: at + 1, marker })
        })
    }
}

impl PermanentKey for Post<'_> {}
