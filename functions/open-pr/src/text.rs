//! What the pull request says. Everything that a customer or a model wrote is stripped of secrets and addresses first.

use ratchet_domain::patch::Patch;
use ratchet_domain::redact::redact;
use ratchet_guard::WorkKey;
use ratchet_providers::effect::html_marker;
use ratchet_runtime::stage::key_of;
use serde::{Deserialize, Serialize};

use crate::Asked;

/// Title, body and commit message: the intent of the pull request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PullText {
    pub(crate) title: String,
    pub(crate) body: String,
    pub(crate) commit_message: String,
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
    let key: WorkKey = key_of(&at.ticket, ratchet_domain::step::pr(&at.repo));
    let title = redact(&asked.bug.title);
    let ticket = ticket_link(asked);
    let locations: String = asked
        .locations
        .iter()
        .map(|location| {
            let explanation = redact(&location.explanation).replace('\n', " ");
            format!(
                "- `{}` lines {}-{} `{}` ({:.2}): {explanation}\n",
                location.file, location.start_line, location.end_line, location.symbol, location.confidence
            )
        })
        .collect();
    let body = format!(
        "{summary}\n\n**Ticket**: {ticket}\n**Bug**: `{bug}` ({severity})\n\n**Where**\n{locations}\n\
         **Not verified**: nobody has built, run or tested this change. The tests of this repository decide, and so do you.\n\n\
         {marker}\n",
        summary = redact(&patch.summary),
        bug = at.ticket.bug(),
        severity = asked.bug.severity.as_str(),
        marker = html_marker(key.effect().as_str()),
    );
    let commit_message = format!(
        "{title}\n\nBug {} of ticket {}.",
        at.ticket.bug(),
        at.ticket.label()
    );
    PullText {
        title,
        body,
        commit_message,
    }
}

/// A link where the provider has one for people, else its label.
fn ticket_link(asked: &Asked) -> String {
    let ticket = &asked.at.ticket;
    match &asked.connection.settings().zendesk {
        Some(zendesk) if ticket.provider == ratchet_domain::ids::Provider::Zendesk => {
            format!(
                "[{}]({}/agent/tickets/{})",
                ticket.label(),
                zendesk.base_url,
                ticket.number
            )
        }
        _ => ticket.label(),
    }
}
