//! Model answers, from the bytes to what goes on record: the whole stage runs on them.

mod client;
mod stage;

use std::cell::OnceCell;

use ratchet_domain::stage::Stage;

use crate::Verdict;
pub(crate) use client::{anthropic, openai};
use stage::Asking;

/// What the model answers to a ticket.
pub(crate) fn extract(input: &[u8]) -> Verdict {
    thread_local! { static ASKING: OnceCell<Result<Asking, String>> = const { OnceCell::new() }; }
    ASKING.with(|asking| run(asking, Stage::Extract, "extract_bug", input))
}

/// What the model answers to candidates.
pub(crate) fn map(input: &[u8]) -> Verdict {
    thread_local! { static ASKING: OnceCell<Result<Asking, String>> = const { OnceCell::new() }; }
    ASKING.with(|asking| run(asking, Stage::Map, "rank_locations", input))
}

/// What the model answers to files.
pub(crate) fn patch(input: &[u8]) -> Verdict {
    thread_local! { static ASKING: OnceCell<Result<Asking, String>> = const { OnceCell::new() }; }
    ASKING.with(|asking| run(asking, Stage::OpenPr, "write_patch", input))
}

/// What the model answers to a change.
pub(crate) fn rca(input: &[u8]) -> Verdict {
    thread_local! { static ASKING: OnceCell<Result<Asking, String>> = const { OnceCell::new() }; }
    ASKING.with(|asking| run(asking, Stage::PublishRca, "write_rca", input))
}

fn run(asking: &OnceCell<Result<Asking, String>>, stage: Stage, tool: &'static str, input: &[u8]) -> Verdict {
    let asking = asking.get_or_init(|| Asking::new(stage, tool).map_err(|error| format!("{error:#}")));
    asking.as_ref().map_err(Clone::clone)?.run(input)
}
