//! The guard's promises, each against the embedded store, with a clock that only the test moves.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what a test did not expect ends it"
)]

mod claim;
mod clock;
mod damaged;
mod external;
mod fence;
mod index;
mod intake;
mod joint;
mod metric;
mod mix;
mod nudge;
mod operate;
mod park;
mod provider;
mod recover;
mod resend;
mod size;
mod standing;
mod surface;
mod sweep;
mod unaccounted;
mod wire;
mod world;
mod writes;
