//! The one door to every provider: an HTTP exchange that says whether a failed request may have landed.
//!
//! All provider clients send through [`Transport`] and through nothing else, so one wrapper sees, delays, loses or
//! refuses every outside effect.

use async_trait::async_trait;
use bytes::Bytes;
use thiserror::Error;

/// Why no answer came, told apart by what it means for the effect.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TransportError {
    /// The request never left, or was refused before the provider saw it: nothing happened there.
    #[error("request was not sent: {0}")]
    NotSent(String),
    /// The request left and no answer came back: it may have landed, or may still land.
    #[error("answer was lost: {0}")]
    Lost(String),
    /// The request was answered, with more than the caller reads ([`AnswerBytesMax`], in bytes).
    #[error("answer is over the limit limit=`{0}`")]
    TooLarge(usize),
}

/// Sends one request and waits for its whole answer.
#[async_trait]
pub trait Transport: Send + Sync {
    /// One exchange. Redirects are not followed and nothing is retried.
    ///
    /// # Errors
    /// [`TransportError::NotSent`] only where the provider surely saw nothing; everything else is
    /// [`TransportError::Lost`].
    async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, TransportError>;
}

/// Largest answer that the caller reads, in bytes.
///
/// Every request carries one among its extensions. A transport that stops reading there saves the memory; the caller
/// checks in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnswerBytesMax(pub usize);
