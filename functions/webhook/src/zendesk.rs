//! Zendesk: which of its events say that a customer wrote something new.

use ratchet_domain::ids::{Provider, TicketRef};
use ratchet_domain::message::{Body, TicketTouched};
use ratchet_providers::event::EventError;
use ratchet_providers::zendesk::event::{Delivery, Event, Kind, parse};

use crate::arrival::{Arrival, Reading, content, event_key};
use crate::request::Source;
use crate::verify::Signed;

/// Reads a signed webhook of Zendesk.
///
/// # Errors
/// [`EventError`] names the field.
pub(crate) fn read(signed: &Signed) -> Result<Reading, EventError> {
    let event = match parse(|name| signed.header(name), signed.body())? {
        Delivery::Ticket(event) => event,
        Delivery::Ignored { kind } => return Ok(Reading::ignored(&kind)),
    };
    let us = signed.settings().zendesk.as_ref();
    if us.is_some_and(|us| event.is_by(&us.integration_user_id)) {
        return Ok(Reading::ignored("our own change"));
    }
    if let Some(why) = passed_over(&event) {
        return Ok(Reading::ignored(why));
    }
    let key = event_key(signed.org(), Source::Zendesk, &event.account, &event.id);
    let ticket = TicketRef {
        org: signed.org().clone(),
        provider: Provider::Zendesk,
        number: event.ticket,
    };
    let touched = TicketTouched {
        ticket,
        event: Some(key.clone()),
    };
    Ok(Reading::Work(Box::new(Arrival {
        key,
        content: content(signed.body()),
        body: Body::Extract(touched),
    })))
}

/// Why nobody acts on the event, if so. The event is a hint: where it does not say who wrote and for whom, the ticket
/// itself is read and decides.
fn passed_over(event: &Event) -> Option<&str> {
    match &event.kind {
        Kind::Created | Kind::Trigger => None,
        Kind::CommentAdded if event.is_public == Some(false) => Some("internal comment"),
        Kind::CommentAdded if event.is_staff == Some(true) => Some("staff comment"),
        Kind::CommentAdded => None,
        Kind::Other(kind) => Some(kind),
    }
}
