//! What is told of a bug. Everything that a customer or a model wrote is stripped of secrets and addresses first.

use ratchet_domain::ids::Provider;
use ratchet_domain::redact::redact;

use crate::Asked;

/// The bug's title, on one line.
pub(crate) fn title(asked: &Asked) -> String {
    redact(&asked.bug.title).replace('\n', " ")
}

/// A link to the ticket where its provider has one for people, else its label.
pub(crate) fn ticket_link(asked: &Asked) -> String {
    let ticket = &asked.at.ticket;
    match (&asked.connection.settings().zendesk, ticket.provider) {
        (Some(zendesk), Provider::Zendesk) => format!("{}/agent/tickets/{}", zendesk.base_url, ticket.number),
        _ => ticket.label(),
    }
}

/// One line a pull request.
pub(crate) fn pull_lines(asked: &Asked) -> String {
    if asked.pulls.is_empty() {
        return "No pull request was opened.\n".to_owned();
    }
    asked
        .pulls
        .iter()
        .map(|pull| format!("- draft {} #{}: {}\n", pull.repo, pull.number, pull.url))
        .collect()
}
