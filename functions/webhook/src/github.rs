//! GitHub: which of its events say that a pull request of ours was merged, or closed.

use ratchet_domain::ids::{OrgId, Provider, TicketNumber, TicketRef};
use ratchet_domain::message::{Body, PullEnded};
use ratchet_providers::event::EventError;
use ratchet_providers::github::event::{Change, Delivery, Event, parse};

use crate::arrival::{Arrival, Reading, content, event_key};
use crate::request::Source;
use crate::verify::Signed;

/// Most names of tickets that are looked at in one pull request. Reason: its text may be anybody's.
const LABELS_MAX: usize = 32;

/// Reads a signed webhook of GitHub.
///
/// # Errors
/// [`EventError`] names the field.
pub(crate) fn read(signed: &Signed) -> Result<Reading, EventError> {
    let event = match parse(|name| signed.header(name), signed.body())? {
        Delivery::Repository(event) => event,
        Delivery::Ignored { kind } => return Ok(Reading::ignored(&kind)),
    };
    Ok(match &event.change {
        Change::PullClosed {
            number,
            head_branch,
            body,
            merged,
            at_ms,
            ..
        } => match ticket_of(signed.org(), head_branch, body) {
            Some(ticket) => {
                let ended = |event_key: &str| PullEnded {
                    ticket,
                    repo: event.repo.clone(),
                    number: *number,
                    at_ms: *at_ms,
                    event: Some(event_key.to_owned()),
                };
                let body = if *merged {
                    Body::PullMerged
                } else {
                    Body::PullClosed
                };
                Reading::Work(Box::new(arrival(signed, &event, |key| body(ended(key)))))
            }
            None => Reading::ignored("pull_request.closed of others"),
        },
        Change::CheckSuiteCompleted { .. } => Reading::ignored("check_suite.completed"),
    })
}

fn arrival(signed: &Signed, event: &Event, body: impl FnOnce(&str) -> Body) -> Arrival {
    let outcome = event.key();
    let account = event.repo_id.to_string();
    let key = event_key(signed.org(), Source::Github, &account, &outcome);
    let body = body(&key);
    Arrival {
        key,
        // An outcome is told by every hook of the repository, each in its own words: the outcome is what counts.
        content: content(format!("{account} {outcome}").as_bytes()),
        body,
    }
}

/// The ticket whose bug the branch is named after, among those that the pull request's text names. The branch alone is a
/// hash; the text may be anybody's. Together they prove each other: no other ticket has that hash.
fn ticket_of(org: &OrgId, branch: &str, text: &str) -> Option<TicketRef> {
    branch.strip_prefix("ratchet/")?;
    [Provider::Zendesk, Provider::Intercom]
        .into_iter()
        .flat_map(|provider| {
            let marker = format!("{provider}:");
            text.match_indices(&marker)
                .take(LABELS_MAX)
                .filter_map(|(at, marker)| {
                    let rest = text.get(at + marker.len()..)?;
                    let number: String = rest
                        .chars()
                        .take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
                        .collect();
                    Some(TicketRef {
                        org: org.clone(),
                        provider,
                        number: TicketNumber::parse(number).ok()?,
                    })
                })
                .collect::<Vec<_>>()
        })
        .find(|ticket| ticket.bug().branch() == branch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_branch_and_a_text_name_a_ticket_only_together() {
        let org = OrgId::parse("acme").unwrap();
        let ticket = TicketRef {
            org: org.clone(),
            provider: Provider::Zendesk,
            number: TicketNumber::parse("5158").unwrap(),
        };
        let branch = ticket.bug().branch();
        let text = "see zendesk:1, zendesk: and [zendesk:5158](https://acme.zendesk.com/agent/tickets/5158)";
        assert_eq!(ticket_of(&org, &branch, text), Some(ticket.clone()));
        assert_eq!(ticket_of(&org, &branch, "zendesk:5159 intercom:5158"), None);
        assert_eq!(ticket_of(&org, &branch, ""), None);
        assert_eq!(ticket_of(&org, ticket.bug().as_str(), text), None);
        let other = OrgId::parse("globex").unwrap();
        assert_eq!(ticket_of(&other, &branch, text), None);
        let many = "zendesk:9 ".repeat(LABELS_MAX) + text;
        assert_eq!(ticket_of(&org, &branch, &many), None);
    }
}
