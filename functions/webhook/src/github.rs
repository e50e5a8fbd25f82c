//! GitHub: its events are read and checked; none of them starts a stage yet.

use ratchet_providers::event::EventError;
use ratchet_providers::github::event::{Change, Delivery, parse};

use crate::arrival::Reading;
use crate::verify::Signed;

/// Reads a signed webhook of GitHub.
///
/// # Errors
/// [`EventError`] names the field.
pub(crate) fn read(signed: &Signed) -> Result<Reading, EventError> {
    let event = match parse(|name| signed.header(name), signed.body())? {
        Delivery::Repository(event) => event,
        Delivery::Ignored { kind } => return Ok(Reading::ignored(&kind)),
    };
    Ok(match event.change {
        Change::PullClosed { .. } => Reading::ignored("pull_request.closed"),
        Change::CheckSuiteCompleted { .. } => Reading::ignored("check_suite.completed"),
    })
}
