//! The comment: what it says, and the effect of posting it.

use ratchet_domain::ids::TicketNumber;
use ratchet_domain::patch::RootCause;
use ratchet_domain::redact::redact;
use ratchet_guard::effect::{Act, Effect, Probe};
use ratchet_guard::{Finding, Outcome, Why};
use ratchet_providers::error::ProviderError;
use ratchet_providers::zendesk::{CommentPosted, CommentRequest, comment_body};
use ratchet_runtime::connect::ZendeskAccess;
use ratchet_runtime::outcome::{failed, failed_probe, failed_read};
use serde::{Deserialize, Serialize};

use crate::Asked;

/// Tag that a ticket with our comment carries.
const TAG: &str = "ratchet_rca";

/// What is posted, and the version of the ticket that it is posted over: the intent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Draft {
    pub(crate) html: String,
    pub(crate) public: bool,
    pub(crate) stamp: String,
}

impl Draft {
    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// The comment as HTML. What a model or a customer wrote is escaped and stripped of secrets.
pub(crate) fn html(document: &RootCause, asked: &Asked) -> String {
    let part =
        |title: &str, text: &str| format!("<p><strong>{title}</strong><br>{}</p>", escaped(&redact(text)));
    let pulls: String = asked
        .pulls
        .iter()
        .map(|pull| {
            let link = escaped(&pull.url);
            format!(
                "<li><a href=\"{link}\">{} #{}</a></li>",
                escaped(pull.repo.as_str()),
                pull.number
            )
        })
        .collect();
    let pulls = if pulls.is_empty() {
        String::new()
    } else {
        format!("<p>Draft pull requests:</p><ul>{pulls}</ul>")
    };
    [
        part("Customer impact", &document.customer_impact),
        part("Root cause", &document.root_cause),
        part("Fix", &document.fix),
        part("Prevention", &document.prevention),
        pulls,
    ]
    .concat()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\n', "<br>")
}

/// Posts the comment over the version in its intent.
pub(crate) struct PostComment<'a> {
    pub(crate) zendesk: &'a ZendeskAccess,
    pub(crate) number: &'a TicketNumber,
}

impl PostComment<'_> {
    async fn post(&self, act: &Act, draft: &Draft) -> Result<CommentPosted, ProviderError> {
        let request = CommentRequest {
            html_body: &draft.html,
            public: draft.public,
            updated_stamp: &draft.stamp,
            effect: act.effect().as_str(),
            tags: &[TAG],
        };
        self.zendesk
            .client()
            .post_comment(self.number, comment_body(&request))
            .await
    }

    /// The ticket has another version by now: ours, if an earlier attempt got through, or somebody else's.
    async fn outdated(&self, act: &Act, draft: Draft) -> Outcome<CommentPosted> {
        match self
            .zendesk
            .client()
            .find_effect(self.number, act.effect().as_str())
            .await
        {
            Ok(Some(posted)) => return Outcome::Done(posted),
            Ok(None) => {}
            Err(error) => return failed_read(&error),
        }
        match self.zendesk.client().version(self.number).await {
            Ok(stamp) => Outcome::Stale(Draft { stamp, ..draft }.to_json()),
            Err(error) => failed_read(&error),
        }
    }
}

impl Effect for PostComment<'_> {
    type Receipt = CommentPosted;

    async fn send(&self, act: &Act) -> Outcome<CommentPosted> {
        let Ok(draft) = serde_json::from_str::<Draft>(act.intent()) else {
            return Outcome::Refused(Why::new("unreadable_record", "the intent holds no comment"));
        };
        match self.post(act, &draft).await {
            Ok(posted) => Outcome::Done(posted),
            Err(ProviderError::Conflict { .. }) => self.outdated(act, draft).await,
            Err(error) => failed(&error),
        }
    }
}

impl Probe for PostComment<'_> {
    async fn probe(&self, act: &Act) -> Finding<CommentPosted> {
        match self
            .zendesk
            .client()
            .find_effect(self.number, act.effect().as_str())
            .await
        {
            Ok(Some(posted)) => Finding::Found(posted),
            Ok(None) => Finding::Absent,
            Err(error) => failed_probe(&error),
        }
    }
}
