//! What the pull request says, in the markup of its parts.

use ratchet_domain::ids::Provider;
use ratchet_domain::patch::Patch;
use ratchet_providers::text::{Markdown, Plain, Text};
use ratchet_runtime::stage::key_of;
use serde::{Deserialize, Serialize};

use crate::Asked;

/// Title, body and commit message: the intent of the pull request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PullText {
    pub(crate) title: Text<Plain>,
    pub(crate) body: Text<Markdown>,
    pub(crate) commit_message: Text<Plain>,
}

impl PullText {
    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    pub(crate) fn of_json(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}

/// From records only: every attempt writes the same text.
pub(crate) fn of(asked: &Asked, patch: &Patch) -> PullText {
    let at = &asked.at;
    let key = key_of(&at.ticket, ratchet_domain::step::pr(&at.repo));
    let title = Text::<Plain>::new().foreign_line(&asked.bug.title);
    let body = Text::new()
        .foreign(&patch.summary)
        .ours("\n\n**Ticket**: ")
        .then(&ticket_link(asked))
        .ours("\n**Bug**: ")
        .code(at.ticket.bug().as_str())
        .ours(" (")
        .ours(asked.bug.severity.as_str())
        .ours(")\n\n**Where**\n")
        .then(&places(asked))
        .ours(
            "\n**Not verified**: nobody has built, run or tested this change. \
             The tests of this repository decide, and so do you.\n\n",
        )
        .marker(key.effect().as_str())
        .ours("\n");
    let commit_message = title
        .clone()
        .ours("\n\nBug ")
        .name(at.ticket.bug())
        .ours(" of ticket ")
        .name(at.ticket.label())
        .ours(".");
    PullText {
        title,
        body,
        commit_message,
    }
}

/// One line a place in the code.
fn places(asked: &Asked) -> Text<Markdown> {
    asked.locations.iter().fold(Text::new(), |text, place| {
        let text = text
            .ours("- ")
            .code(&place.file)
            .ours(" lines ")
            .name(place.start_line)
            .ours("-")
            .name(place.end_line)
            .ours(" ");
        let text = if place.symbol.is_empty() {
            text
        } else {
            text.foreign_code(&place.symbol).ours(" ")
        };
        text.ours("(")
            .name(format_args!("{:.2}", place.confidence))
            .ours("): ")
            .foreign_line(&place.explanation)
            .ours("\n")
    })
}

/// A link where the provider has one for people, else its label.
fn ticket_link(asked: &Asked) -> Text<Markdown> {
    let ticket = &asked.at.ticket;
    match &asked.connection.settings().zendesk {
        Some(zendesk) if ticket.provider == Provider::Zendesk => {
            let url = format!("{}/agent/tickets/{}", zendesk.base_url, ticket.number);
            Text::new().link_named(&url, &ticket.label())
        }
        _ => Text::new().name(ticket.label()),
    }
}
