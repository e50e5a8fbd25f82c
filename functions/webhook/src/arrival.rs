//! What a signed webhook comes to: work for a stage, or nothing.

use ratchet_domain::ids::{OrgId, digest_of};
use ratchet_domain::message::{Body, Envelope};
use ratchet_guard::intake::Event;

use crate::request::Source;

/// Longest event key that stands as it came, in bytes. Reason: it is a key, a message field and a log field.
const KEY_BYTES_MAX: usize = 200;

/// Longest name of an ignored kind, in characters. Reason: it goes into the answer and the log.
const WHY_CHARS_MAX: usize = 64;

/// What the third move makes of a body.
#[derive(Debug)]
pub(crate) enum Reading {
    /// A stage has to act.
    Work(Box<Arrival>),
    /// Nobody acts on it.
    Ignored {
        /// The kind of event, or the rule.
        why: String,
    },
}

impl Reading {
    /// Nobody acts on it; `why` is cut to what names a kind of event and cannot carry a message.
    pub(crate) fn ignored(why: &str) -> Self {
        Self::Ignored {
            why: why
                .chars()
                .filter(|c| !c.is_control())
                .take(WHY_CHARS_MAX)
                .collect(),
        }
    }
}

/// An event that a stage has to act on.
///
/// To act on another kind of event, make its [`Body`] where the event is read and list the body's stage among those that
/// a webhook may start; everything after that is the same for all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Arrival {
    /// See [`event_key`].
    pub(crate) key: String,
    /// See [`content`].
    pub(crate) content: String,
    /// What is asked of the stage that reads it.
    pub(crate) body: Body,
}

impl Arrival {
    /// The event as its row keeps it. `trace` makes the trace's id from the event's key.
    pub(crate) fn into_event(self, trace: impl FnOnce(&str) -> String) -> Event {
        let trace = trace(&self.key);
        Event {
            subject: self.body.ticket().subject(),
            stage: self.body.stage().as_str().to_owned(),
            message: Envelope::new(Some(trace), self.body).to_json(),
            body_hash: self.content,
            key: self.key,
        }
    }
}

/// `org#provider#account#event_id`, equal for every redelivery of the event. What would be too long stands as
/// `org#provider#~#<hash>`; no account has that name, since `~` is not among an id's characters.
pub(crate) fn event_key(org: &OrgId, source: Source, account: &str, event: &str) -> String {
    let source = source.as_str();
    let key = format!("{org}#{source}#{account}#{event}");
    if key.len() <= KEY_BYTES_MAX {
        return key;
    }
    format!("{org}#{source}#~#{}", digest_of(&[account, event]))
}

/// Hash of what an event says: its id with another hash is an alarm.
pub(crate) fn content(said: &[u8]) -> String {
    // A body that parsed as JSON is UTF-8, so nothing is lost here.
    digest_of(&["event", &String::from_utf8_lossy(said)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_key_is_hashed_and_stays_distinct() {
        let org = OrgId::parse("acme").unwrap();
        let key = |account: &str, event: &str| event_key(&org, Source::Zendesk, account, event);
        assert_eq!(key("1", "e"), "acme#zendesk#1#e");
        let long = "e".repeat(128);
        let hashed = key(&"a".repeat(128), &long);
        assert!(hashed.starts_with("acme#zendesk#~#"), "{hashed}");
        assert!(hashed.len() <= KEY_BYTES_MAX, "{hashed}");
        assert_ne!(hashed, key(&"b".repeat(128), &long));
        let longest_org = OrgId::parse("o".repeat(64)).unwrap();
        let longest = event_key(&longest_org, Source::Intercom, &long, &long);
        assert!(longest.len() <= KEY_BYTES_MAX, "{longest}");
    }
}
