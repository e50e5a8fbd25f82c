//! An effect made of closures, for one that needs no type of its own.

use std::future::Future;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Act, Effect, PermanentKey, Probe};
use crate::outcome::{Finding, Outcome};

/// See [`call`].
pub struct Call<F, T> {
    send: F,
    name: Option<fn(&T) -> String>,
}

/// See [`Call::asking`].
pub struct Asks<F, P, T> {
    call: Call<F, T>,
    probe: P,
}

/// See [`Call::key_is_permanent`].
pub struct Answers<F, T>(Call<F, T>);

/// An effect that is one call: the closure sends it, once, with the act's marker and the act's intent.
///
/// What it captures must be the same for every attempt; what varies belongs into the work's request.
pub fn call<F, Sent, T>(send: F) -> Call<F, T>
where
    F: Fn(Act) -> Sent + Sync,
    Sent: Future<Output = Outcome<T>> + Send,
{
    Call { send, name: None }
}

impl<F, T> Call<F, T> {
    /// Notes the provider's id of the effect, which the closure reads from the receipt.
    #[must_use]
    pub fn known_as(mut self, name: fn(&T) -> String) -> Self {
        self.name = Some(name);
        self
    }

    /// Says how the provider is asked for the effect. See [`Probe`] for what the answer must come from.
    pub fn asking<P, Asked>(self, probe: P) -> Asks<F, P, T>
    where
        P: Fn(Act) -> Asked + Sync,
        Asked: Future<Output = Finding<T>> + Send,
    {
        Asks { call: self, probe }
    }

    /// Promises that the provider enforces the key for ever, or that the same request twice leaves it as one does.
    ///
    /// Nothing can check the promise but the provider's own manual. A request that adds (points, stock, a balance) never
    /// keeps it without a key.
    #[must_use]
    pub fn key_is_permanent(self) -> Answers<F, T> {
        Answers(self)
    }
}

impl<F, Sent, T> Effect for Call<F, T>
where
    F: Fn(Act) -> Sent + Sync,
    Sent: Future<Output = Outcome<T>> + Send,
    T: Serialize + DeserializeOwned + Send,
{
    type Receipt = T;

    fn send(&self, act: &Act) -> impl Future<Output = Outcome<T>> + Send {
        (self.send)(act.clone())
    }

    fn external_id(&self, receipt: &T) -> Option<String> {
        self.name.map(|name| name(receipt))
    }
}

impl<F, P, Sent, T> Effect for Asks<F, P, T>
where
    F: Fn(Act) -> Sent + Sync,
    P: Sync,
    Sent: Future<Output = Outcome<T>> + Send,
    T: Serialize + DeserializeOwned + Send,
{
    type Receipt = T;

    fn send(&self, act: &Act) -> impl Future<Output = Outcome<T>> + Send {
        self.call.send(act)
    }

    fn external_id(&self, receipt: &T) -> Option<String> {
        self.call.external_id(receipt)
    }
}

impl<F, P, Sent, Asked, T> Probe for Asks<F, P, T>
where
    F: Fn(Act) -> Sent + Sync,
    P: Fn(Act) -> Asked + Sync,
    Sent: Future<Output = Outcome<T>> + Send,
    Asked: Future<Output = Finding<T>> + Send,
    T: Serialize + DeserializeOwned + Send,
{
    fn probe(&self, act: &Act) -> impl Future<Output = Finding<T>> + Send {
        (self.probe)(act.clone())
    }
}

impl<F, Sent, T> Effect for Answers<F, T>
where
    F: Fn(Act) -> Sent + Sync,
    Sent: Future<Output = Outcome<T>> + Send,
    T: Serialize + DeserializeOwned + Send,
{
    type Receipt = T;

    fn send(&self, act: &Act) -> impl Future<Output = Outcome<T>> + Send {
        self.0.send(act)
    }

    fn external_id(&self, receipt: &T) -> Option<String> {
        self.0.external_id(receipt)
    }
}

impl<F, Sent, T> PermanentKey for Answers<F, T>
where
    F: Fn(Act) -> Sent + Sync,
    Sent: Future<Output = Outcome<T>> + Send,
    T: Serialize + DeserializeOwned + Send,
{
}
