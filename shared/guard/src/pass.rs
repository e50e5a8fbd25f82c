//! The fifth move: what follows goes into the next queue, from the record.

use std::future::Future;

use crate::ledger::OnRecord;

/// Where the next stage listens.
///
/// A message may be put twice and is harmless so, since the next stage claims before it acts.
pub trait Outbox: Sync {
    /// Why a message could not be put.
    type Error;

    /// Puts the messages, each a stage's name and a body; an error when any of them may not be in its queue.
    fn put(&self, messages: &[(&str, String)]) -> impl Future<Output = Result<(), Self::Error>> + Send;
}

/// Passes on what follows from a record. It takes the record, so nothing can be passed on that is not on record.
///
/// # Errors
/// The outbox's own error; the message that drove the stage then comes again, and passes on again.
pub async fn pass<O: Outbox>(
    on_record: &impl OnRecord,
    outbox: &O,
    messages: &[(&str, String)],
) -> Result<(), O::Error> {
    tracing::debug!(key = %on_record.key(), messages = messages.len(), "pass");
    if messages.is_empty() {
        return Ok(());
    }
    outbox.put(messages).await
}
