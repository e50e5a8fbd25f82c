//! Work beside other work, on every core that there is.

use std::panic::resume_unwind;

use futures::stream::{Stream, StreamExt};

/// How much is under way at once. Reason: a table far away answers each call in milliseconds, and one in this process keeps
/// no more than two cores busy.
pub(super) const AT_ONCE: usize = 4;

/// Runs futures a few at once, and hands out what they come to in their order, so that the first difference is the same
/// however they overtake each other.
pub(super) fn beside<F>(futures: impl Stream<Item = F>) -> impl Stream<Item = F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    futures.map(apart).buffered(AT_ONCE)
}

#[expect(
    clippy::disallowed_methods,
    reason = "it reads, and ends with the command that waits for it"
)]
async fn apart<F>(future: F) -> F::Output
where
    F: Future<Output: Send> + Send + 'static,
{
    match tokio::spawn(future).await {
        Ok(output) => output,
        Err(error) => resume_unwind(error.into_panic()),
    }
}
