//! An effect and how its repetition is made harmless. What cannot be made harmless says so in its type.
//!
//! | Wrapper | Needs | After an earlier attempt that may have sent |
//! |---|---|---|
//! | [`probed`] | [`Probe`] | asks the provider; adopts what it finds, acts where it finds nothing |
//! | [`keyed`] | [`PermanentKey`] | sends again: the provider drops the repeat and answers with the first result |
//! | [`accept_duplicates`] | nothing | sends again: two effects are possible, and somebody accepted that |
//! | [`accept_loss`] | nothing | never sends again: no effect is possible, and somebody accepted that |
//!
//! An effect is a type of one's own, or a call: [`call`] takes a closure, and so do its probe and its name.
//!
//! After [`Outcome::Stale`] an earlier request may have been what changed the token, so the same rules apply within the
//! attempt.

mod call;

use std::future::Future;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::clock::Millis;
use crate::metric;
use crate::outcome::{Finding, Outcome, Why};
use crate::work::EffectKey;

pub use call::{Answers, Asks, Call, call};

/// What an effect is given to send.
#[derive(Debug, Clone)]
pub struct Act {
    pub(crate) effect: EffectKey,
    pub(crate) intent: String,
    pub(crate) first_claimed_at: Millis,
}

impl Act {
    /// The marker to leave at the provider.
    #[must_use]
    pub fn effect(&self) -> &EffectKey {
        &self.effect
    }

    /// The intent on record: of the first attempt, or of the last restatement.
    #[must_use]
    pub fn intent(&self) -> &str {
        &self.intent
    }

    /// The intent on record as bytes, for the body of a request: every attempt sends the same ones.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.intent.clone().into_bytes()
    }

    /// When the work was first claimed: a time that is the same for every attempt.
    #[must_use]
    pub fn first_claimed_at(&self) -> Millis {
        self.first_claimed_at
    }
}

/// One effect outside.
pub trait Effect: Sync {
    /// What the provider gave back; it is what the step's record holds.
    type Receipt: Serialize + DeserializeOwned + Send;

    /// Sends it, once.
    fn send(&self, act: &Act) -> impl Future<Output = Outcome<Self::Receipt>> + Send;

    /// The provider's id of it, where it has one; it goes on record beside the receipt.
    fn external_id(&self, _receipt: &Self::Receipt) -> Option<String> {
        None
    }
}

/// An effect whose provider can be asked whether it is there.
///
/// The answer must come from a list that reads its own writes, never from a search index: an index that lags says
/// "absent" about an effect that exists.
pub trait Probe: Effect {
    /// Looks for the effect by its marker.
    fn probe(&self, act: &Act) -> impl Future<Output = Finding<Self::Receipt>> + Send;
}

/// An effect whose provider enforces its key for ever, and answers a repeat with the first result.
pub trait PermanentKey: Effect {}

/// What a run of a guarded effect came to.
#[derive(Debug)]
pub enum Ran<T> {
    /// An earlier attempt's effect was found.
    Adopted(T),
    /// This attempt came to that.
    Sent(Outcome<T>),
    /// Nobody can tell whether it was applied, and it may be sent again at once.
    SendAgain(Why),
    /// The probe could not tell; nothing was sent.
    CannotTell(Why),
    /// Nothing was sent, since an earlier request may have been applied, and its loss is accepted.
    GivenUp(Why),
}

mod private {
    pub trait Policy {}
}

/// An effect together with what happens after an earlier attempt that may have sent it.
/// Only the four wrappers of this module are ones.
pub trait Guarded: private::Policy + Sync {
    /// See [`Effect::Receipt`].
    type Receipt: Serialize + DeserializeOwned + Send;

    /// Runs it; `may_have_sent` says that an earlier attempt may have.
    fn run(&self, act: &Act, may_have_sent: bool) -> impl Future<Output = Ran<Self::Receipt>> + Send;

    /// See [`Effect::external_id`].
    fn external_id(&self, receipt: &Self::Receipt) -> Option<String>;
}

/// See [`probed`].
#[derive(Debug)]
pub struct Probed<E>(E);
/// See [`keyed`].
#[derive(Debug)]
pub struct Keyed<E>(E);
/// See [`accept_duplicates`].
#[derive(Debug)]
pub struct AcceptDuplicates<E>(E);
/// See [`accept_loss`].
#[derive(Debug)]
pub struct AcceptLoss<E>(E);

/// Asks the provider before it acts again.
pub fn probed<E: Probe>(effect: E) -> Probed<E> {
    Probed(effect)
}

/// Sends again and lets the provider drop the repeat.
pub fn keyed<E: PermanentKey>(effect: E) -> Keyed<E> {
    Keyed(effect)
}

/// Declares that a second effect is acceptable, and `why`; the reason is for the reader.
pub fn accept_duplicates<E: Effect>(effect: E, _why: &'static str) -> AcceptDuplicates<E> {
    AcceptDuplicates(effect)
}

/// Declares that no effect is acceptable, and `why`; the reason is for the reader.
pub fn accept_loss<E: Effect>(effect: E, _why: &'static str) -> AcceptLoss<E> {
    AcceptLoss(effect)
}

impl<E> private::Policy for Probed<E> {}
impl<E> private::Policy for Keyed<E> {}
impl<E> private::Policy for AcceptDuplicates<E> {}
impl<E> private::Policy for AcceptLoss<E> {}

impl<E: Probe> Guarded for Probed<E> {
    type Receipt = E::Receipt;

    fn external_id(&self, receipt: &E::Receipt) -> Option<String> {
        self.0.external_id(receipt)
    }

    async fn run(&self, act: &Act, may_have_sent: bool) -> Ran<E::Receipt> {
        if may_have_sent {
            let finding = self.0.probe(act).await;
            metric::count(metric::PROBES, finding.as_str(), 1);
            match finding {
                Finding::Found(receipt) => return Ran::Adopted(receipt),
                Finding::CannotTell(why) => return Ran::CannotTell(why),
                Finding::Absent => {}
            }
        }
        Ran::Sent(self.0.send(act).await)
    }
}

impl<E: PermanentKey> Guarded for Keyed<E> {
    type Receipt = E::Receipt;

    fn external_id(&self, receipt: &E::Receipt) -> Option<String> {
        self.0.external_id(receipt)
    }

    async fn run(&self, act: &Act, _may_have_sent: bool) -> Ran<E::Receipt> {
        Ran::Sent(self.0.send(act).await)
    }
}

impl<E: Effect> Guarded for AcceptDuplicates<E> {
    type Receipt = E::Receipt;

    fn external_id(&self, receipt: &E::Receipt) -> Option<String> {
        self.0.external_id(receipt)
    }

    async fn run(&self, act: &Act, _may_have_sent: bool) -> Ran<E::Receipt> {
        // A second effect is accepted, so not knowing is no reason to wait for the lease to end.
        let outcome = self.0.send(act).await;
        if let Outcome::Unknown(why) = outcome {
            return Ran::SendAgain(why);
        }
        Ran::Sent(outcome)
    }
}

impl<E: Effect> Guarded for AcceptLoss<E> {
    type Receipt = E::Receipt;

    fn external_id(&self, receipt: &E::Receipt) -> Option<String> {
        self.0.external_id(receipt)
    }

    async fn run(&self, act: &Act, may_have_sent: bool) -> Ran<E::Receipt> {
        if may_have_sent {
            return Ran::GivenUp(Why::new(
                "possibly_lost",
                "an earlier request may have been applied, and loss is accepted",
            ));
        }
        Ran::Sent(self.0.send(act).await)
    }
}
