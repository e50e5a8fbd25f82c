//! The search itself, for any workflow: numbered outside calls, the faults that meet them, every schedule of faults and
//! every order of two invocations, and the fewest faults that still break a promise.
//!
//! A workflow takes part as a [`Life`]: a world that can be copied, that does its next thing when it is told to, and
//! that checks its own promises. Its outside calls go through [`Points::pass`], each as an [`Outside`].

mod call;
mod dice;
mod drive;
mod fault;
mod life;
mod points;
mod search;
mod shrink;
mod weave;

pub use call::Outside;
pub use dice::{Chance, Dice};
pub use drive::{Invocation, Turns, in_turns};
pub use fault::{Fault, Plan};
pub use life::{Life, Races, run_with};
pub use points::{Counters, Held, Ids, Inner, Mark, Points, Run, Violation};
pub use search::{Finding, Menu, Report, Search};
pub use shrink::{id_of, shrink};
pub use weave::Weave;
