//! The search for a double or a lost effect: production functions in one process, on a clock that only the search
//! moves, with a fault at every outside call.

#![expect(
    clippy::wildcard_enum_match_arm,
    clippy::or_fun_call,
    clippy::let_and_return,
    clippy::large_enum_variant,
    reason = "a harness rewrites foreign values and names the exceptions; what is left over passes as it is"
)]

mod campaign;
pub mod engine;
mod host;
mod hub;
pub mod invariants;
mod life;
mod likeness;
pub mod orders;
mod race;
mod replay;
mod script;
mod seeds;
mod shadow;
mod variant;
mod world;

pub use campaign::{Tally, Task};
pub use race::Raced;
pub use replay::{replay, shrink};
pub use script::{Pattern, Script};
pub use seeds::{Seeded, seed};
pub use variant::Variant;
