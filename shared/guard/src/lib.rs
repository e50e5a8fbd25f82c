#![doc = include_str!("../README.md")]

pub mod clock;
pub mod effect;
#[cfg(feature = "embedded")]
pub mod embedded;
pub mod error;
mod index;
pub mod intake;
pub mod ledger;
pub mod metric;
pub mod outcome;
pub mod pass;
pub mod record;
pub mod schema;
pub mod store;
pub mod timing;
pub mod work;

pub use error::{Disposition, StageError};
pub use ledger::{
    Acted, Claim, Companion, Decision, Joint, Ledger, Nudge, OnRecord, Park, Parked, Recorded, Sealed,
};
pub use outcome::{Finding, Outcome, Why};
pub use pass::{Outbox, pass};
pub use record::{Record, Standing, State, Unfinished, UnreadableRow};
pub use work::{EffectKey, Subject, Work, WorkKey};
