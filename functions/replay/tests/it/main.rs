//! `replay` on the whole deployment: the template's tables and queues in memory, the production functions, and a clock
//! that only the test moves.

mod cost;
mod dead;
mod heal;
mod never;
mod parked;
mod triggers;
