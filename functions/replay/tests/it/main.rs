//! `replay` on the whole deployment: the template's tables and queues in memory, the production functions, and a clock
//! that only the test moves.

#![expect(reason = "a test may panic, and its futures live on one stack")]

mod cost;
mod dead;
mod heal;
mod parked;
mod triggers;
