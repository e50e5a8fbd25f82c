//! The comment: what it says, and the effect of posting it.

use ratchet_domain::ids::TicketNumber;
use ratchet_domain::patch::RootCause;
use ratchet_guard::effect::{Act, Effect, Probe};
use ratchet_guard::{Finding, Outcome, Why};
use ratchet_providers::error::ProviderError;
use ratchet_providers::intercom::{ReplyRequest, reply_body};
use ratchet_providers::text::{Html, Text};
use ratchet_providers::zendesk::{CommentRequest, comment_body};
use ratchet_runtime::connect::Desk;
use ratchet_runtime::outcome::{failed, failed_probe, failed_read};
use serde::{Deserialize, Serialize};

use crate::Asked;

/// Tag that a ticket with our comment carries.
const TAG: &str = "ratchet_rca";

/// What is posted, and the version of the ticket that it is posted over: the intent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Draft {
    pub(crate) html: Text<Html>,
    pub(crate) public: bool,
    pub(crate) stamp: String,
}

impl Draft {
    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// The comment.
pub(crate) fn html(document: &RootCause, asked: &Asked) -> Text<Html> {
    let parts = [
        (
            "<p><strong>Customer impact</strong><br>",
            &document.customer_impact,
        ),
        ("<p><strong>Root cause</strong><br>", &document.root_cause),
        ("<p><strong>Fix</strong><br>", &document.fix),
        ("<p><strong>Prevention</strong><br>", &document.prevention),
    ];
    let text = parts.into_iter().fold(Text::new(), |text, (head, part)| {
        text.ours(head).foreign(part).ours("</p>")
    });
    if asked.pulls.is_empty() {
        return text;
    }
    let text = text.ours("<p>Draft pull requests:</p><ul>");
    let listed = asked.pulls.iter().fold(text, |text, pull| {
        let name = format!("{} #{}", pull.repo, pull.number);
        text.ours("<li>").link_named(&pull.url, &name).ours("</li>")
    });
    listed.ours("</ul>")
}

/// The comment as its provider recorded it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Posted {
    /// The provider's id.
    pub(crate) id: String,
}

/// Posts the comment: at Zendesk over the version in its intent, at Intercom with a last line that names the effect.
pub(crate) struct PostComment<'a> {
    pub(crate) desk: &'a Desk,
    pub(crate) number: &'a TicketNumber,
}

impl PostComment<'_> {
    async fn post(&self, act: &Act, draft: &Draft) -> Result<Posted, ProviderError> {
        let effect = act.effect().as_str();
        match self.desk {
            Desk::Zendesk(zendesk) => {
                let request = CommentRequest {
                    html_body: &draft.html,
                    public: draft.public,
                    updated_stamp: &draft.stamp,
                    effect,
                    tags: &[TAG],
                };
                let posted = zendesk
                    .client()
                    .post_comment(self.number, comment_body(&request))
                    .await?;
                Ok(Posted {
                    id: posted.comment_id,
                })
            }
            Desk::Intercom(intercom) => {
                let request = ReplyRequest {
                    html_body: &draft.html,
                    public: draft.public,
                    admin_id: intercom.admin_id(),
                    effect,
                };
                let posted = intercom
                    .client()
                    .reply(self.number, effect, reply_body(&request))
                    .await?;
                Ok(Posted { id: posted.part_id })
            }
        }
    }

    /// Looks in the ticket itself, which reads its own writes; never in a search.
    async fn look(&self, act: &Act) -> Result<Option<Posted>, ProviderError> {
        let effect = act.effect().as_str();
        match self.desk {
            Desk::Zendesk(zendesk) => {
                let found = zendesk.client().find_effect(self.number, effect).await?;
                Ok(found.map(|posted| Posted {
                    id: posted.comment_id,
                }))
            }
            Desk::Intercom(intercom) => {
                let since_s = intercom.since_ms(act.first_claimed_at()) / 1000;
                let found = intercom.client().find_reply(self.number, effect, since_s).await?;
                Ok(found.map(|posted| Posted { id: posted.part_id }))
            }
        }
    }

    /// The ticket has another version by now: ours, if an earlier attempt got through, or somebody else's.
    async fn outdated(&self, act: &Act, draft: Draft, error: &ProviderError) -> Outcome<Posted> {
        let Desk::Zendesk(zendesk) = self.desk else {
            return failed(error);
        };
        match self.look(act).await {
            Ok(Some(posted)) => return Outcome::Done(posted),
            Ok(None) => {}
            Err(error) => return failed_read(&error),
        }
        match zendesk.client().version(self.number).await {
            Ok(stamp) => Outcome::Stale(Draft { stamp, ..draft }.to_json()),
            Err(error) => failed_read(&error),
        }
    }
}

impl Effect for PostComment<'_> {
    type Receipt = Posted;

    async fn send(&self, act: &Act) -> Outcome<Posted> {
        let Ok(draft) = serde_json::from_str::<Draft>(act.intent()) else {
            return Outcome::Refused(Why::new("unreadable_record", "the intent holds no comment"));
        };
        match self.post(act, &draft).await {
            Ok(posted) => Outcome::Done(posted),
            Err(error @ ProviderError::Conflict { .. }) => self.outdated(act, draft, &error).await,
            Err(error) => failed(&error),
        }
    }
}

impl Probe for PostComment<'_> {
    async fn probe(&self, act: &Act) -> Finding<Posted> {
        match self.look(act).await {
            Ok(Some(posted)) => Finding::Found(posted),
            Ok(None) => Finding::Absent,
            Err(error) => failed_probe(&error),
        }
    }
}
