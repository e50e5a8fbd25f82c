//! What is told of a bug, in the markup of the place that is told.

use ratchet_domain::ids::Provider;
use ratchet_providers::text::{Medium, Plain, Text};

use crate::Asked;

/// The bug's title, on one line.
pub(crate) fn title<M: Medium>(asked: &Asked) -> Text<M> {
    Text::new().foreign_line(&asked.bug.title)
}

/// The title of an issue.
pub(crate) fn issue_title(asked: &Asked) -> Text<Plain> {
    title(asked)
}

/// What an issue says: the ticket and the pull requests.
pub(crate) fn issue_body<M: Medium>(asked: &Asked) -> Text<M> {
    Text::from("Ticket: ")
        .then(&ticket_link(asked))
        .ours("\n\n")
        .then(&pull_lines(asked))
}

/// A link to the ticket where its provider has one for people, else its label.
pub(crate) fn ticket_link<M: Medium>(asked: &Asked) -> Text<M> {
    let ticket = &asked.at.ticket;
    match (&asked.connection.settings().zendesk, ticket.provider) {
        (Some(zendesk), Provider::Zendesk) => {
            let url = format!("{}/agent/tickets/{}", zendesk.base_url, ticket.number);
            Text::new().link(&url)
        }
        _ => Text::new().name(ticket.label()),
    }
}

/// One line a pull request.
pub(crate) fn pull_lines<M: Medium>(asked: &Asked) -> Text<M> {
    if asked.pulls.is_empty() {
        return Text::from("No pull request was opened.\n");
    }
    asked.pulls.iter().fold(Text::new(), |text, pull| {
        text.ours("- draft ")
            .name(&pull.repo)
            .ours(" #")
            .name(pull.number)
            .ours(": ")
            .link(&pull.url)
            .ours("\n")
    })
}
