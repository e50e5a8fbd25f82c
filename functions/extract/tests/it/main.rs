//! The stage in the whole deployment: the sandbox's desk and model, and a clock that only the test moves.

mod books;
mod lost;
mod superseded;
mod token_cap;
mod tokens;
