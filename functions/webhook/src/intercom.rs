//! Intercom: which of its events say that a customer wrote something new.

use ratchet_domain::ids::{Provider, TicketRef};
use ratchet_domain::message::{Body, TicketTouched};
use ratchet_providers::event::EventError;
use ratchet_providers::intercom::event::{Delivery, Event, Kind, parse};
use serde_json::Value;

use crate::arrival::{Arrival, Reading, content, event_key};
use crate::request::Source;
use crate::verify::Signed;

/// What a notification says about its delivery and not about its event: the second try says other things here.
const OF_DELIVERY: [&str; 4] = [
    "delivery_status",
    "delivery_attempts",
    "delivered_at",
    "first_sent_at",
];

/// Reads a signed webhook of Intercom.
///
/// # Errors
/// [`EventError`] names the field.
pub(crate) fn read(signed: &Signed) -> Result<Reading, EventError> {
    let event = match parse(signed.body())? {
        Delivery::Conversation(event) => event,
        Delivery::Ignored { kind } => return Ok(Reading::ignored(&kind)),
    };
    let us = signed.settings().intercom.as_ref();
    if us.is_some_and(|us| event.is_by(&us.admin_id)) {
        return Ok(Reading::ignored("our own change"));
    }
    if let Some(kind) = passed_over(&event) {
        return Ok(Reading::ignored(kind));
    }
    let key = event_key(signed.org(), Source::Intercom, &event.account, &event.id);
    let ticket = TicketRef {
        org: signed.org().clone(),
        provider: Provider::Intercom,
        number: event.conversation,
    };
    let touched = TicketTouched {
        ticket,
        event: Some(key.clone()),
    };
    Ok(Reading::Work(Box::new(Arrival {
        key,
        content: said(signed.body()),
        body: Body::Extract(touched),
    })))
}

fn passed_over(event: &Event) -> Option<&str> {
    match &event.kind {
        Kind::UserCreated | Kind::UserReplied => None,
        Kind::Other(kind) => Some(kind),
    }
}

/// Hash of the notification without what differs from one try to the next.
fn said(body: &[u8]) -> String {
    let Ok(Value::Object(mut notification)) = serde_json::from_slice(body) else {
        return content(body);
    };
    for name in OF_DELIVERY {
        notification.remove(name);
    }
    content(Value::Object(notification).to_string().as_bytes())
}
