//! Bad weather at the two doors: kills, refusals, lost answers, by dice that a seed repeats.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use ratchet_providers::transport::{Transport, TransportError};

use crate::aws::{Broken, Call, Choke, Next, Reply};
use crate::sandbox::fault::Fault;
use crate::sandbox::{Provider, Sandbox};
use crate::watch::SharedWatch;

/// How hard it blows, in calls of a thousand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Weather {
    /// Calls at which the process is killed, before or after the call was applied.
    pub(super) kills: u64,
    /// Calls that fail, with or without having been applied.
    pub(super) faults: u64,
}

/// What becomes of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Fine,
    KilledBefore,
    KilledAfter,
    /// The number chooses among the faults of its door.
    Faulty(u64),
}

#[derive(Debug)]
struct Dice {
    state: u64,
    weather: Weather,
    counts: BTreeMap<&'static str, u64>,
    /// Calls that did something.
    applied: u64,
}

impl Dice {
    /// `SplitMix64`: well mixed, and the same everywhere.
    fn roll(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn fate(&mut self) -> Fate {
        let Weather { kills, faults } = self.weather;
        if kills + faults == 0 {
            return Fate::Fine;
        }
        let per_mille = self.roll() % 1000;
        if per_mille < kills {
            *self.counts.entry("killed").or_default() += 1;
            return if self.roll().is_multiple_of(2) {
                Fate::KilledBefore
            } else {
                Fate::KilledAfter
            };
        }
        if per_mille < kills + faults {
            return Fate::Faulty(self.roll());
        }
        Fate::Fine
    }
}

/// The storm over one process.
#[derive(Debug)]
pub(super) struct Storm {
    watch: SharedWatch,
    dice: Mutex<Dice>,
}

impl Storm {
    pub(super) fn new(watch: SharedWatch, seed: u64) -> Arc<Self> {
        let dice = Dice {
            state: seed,
            weather: Weather::default(),
            counts: BTreeMap::new(),
            applied: 0,
        };
        Arc::new(Self {
            watch,
            dice: Mutex::new(dice),
        })
    }

    pub(super) fn set(&self, weather: Weather) {
        self.lock().weather = weather;
    }

    /// One in `of` times.
    pub(super) fn one_in(&self, of: u64) -> bool {
        self.lock().roll().is_multiple_of(of)
    }

    /// What happened so far, by kind.
    pub(super) fn counts(&self) -> BTreeMap<&'static str, u64> {
        self.lock().counts.clone()
    }

    /// Calls so far that did something.
    pub(super) fn applied(&self) -> u64 {
        self.lock().applied
    }

    fn fate(&self) -> Fate {
        let mut dice = self.lock();
        let fate = dice.fate();
        if matches!(fate, Fate::Fine | Fate::KilledAfter) {
            dice.applied += 1;
        }
        fate
    }

    fn count(&self, what: &'static str) {
        *self.lock().counts.entry(what).or_default() += 1;
    }

    fn lock(&self) -> MutexGuard<'_, Dice> {
        self.dice.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Choke for Storm {
    async fn around(&self, call: &Call, next: Next) -> Result<Reply, Broken> {
        match self.fate() {
            Fate::Fine => self.watch.around(call, next).await,
            Fate::KilledBefore => {
                self.watch.crash().await;
                Err(Broken::Reset)
            }
            Fate::KilledAfter => {
                drop(next.apply());
                self.watch.crash().await;
                Err(Broken::Reset)
            }
            Fate::Faulty(which) => {
                self.count("aws call failed");
                match which % 5 {
                    0 => Ok(Reply::throttled(call.service)),
                    1 => Ok(Reply::unavailable()),
                    2 => Err(Broken::Refused),
                    3 => {
                        drop(next.apply());
                        Err(Broken::TimedOut)
                    }
                    _ => {
                        drop(next.apply());
                        Ok(Reply::internal_error())
                    }
                }
            }
        }
    }
}

/// The providers, seen through the storm.
pub(super) struct Stormy {
    pub(super) sandbox: Sandbox,
    pub(super) storm: Arc<Storm>,
}

#[async_trait]
impl Transport for Stormy {
    async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, TransportError> {
        match self.storm.fate() {
            Fate::Fine => self.sandbox.send(request).await,
            Fate::KilledBefore => {
                self.storm.watch.crash().await;
                Err(TransportError::Lost("process was killed".to_owned()))
            }
            Fate::KilledAfter => {
                drop(self.sandbox.send(request).await);
                self.storm.watch.crash().await;
                Err(TransportError::Lost("process was killed".to_owned()))
            }
            Fate::Faulty(which) => {
                self.storm.count("provider call failed");
                let fault = match which % 5 {
                    0 => Fault::Refuse,
                    1 => Fault::LoseRequest,
                    2 => Fault::Status {
                        status: 429,
                        retry_after_seconds: Some(7),
                    },
                    3 => Fault::LoseReply,
                    _ => Fault::StatusAfter { status: 502 },
                };
                // Planned and used up by this very request: nobody else runs in between.
                for provider in Provider::ALL {
                    self.sandbox
                        .edit(|outside, _| outside.faults.plan(provider, None, fault, 1));
                }
                let answer = self.sandbox.exchange(&request);
                self.sandbox.edit(|outside, _| outside.faults.forget_plans());
                crate::sandbox::told(answer)
            }
        }
    }
}
