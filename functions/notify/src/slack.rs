//! The Slack message. Slack has no key, so its own history is asked before a message is sent again.

use ratchet_domain::stage::Stage;
use ratchet_domain::step;
use ratchet_guard::effect::{Act, Effect, Probe, probed};
use ratchet_guard::{Decision, Finding, Outcome, StageError, Work};
use ratchet_providers::slack::{MessagePosted, message_body};
use ratchet_providers::text::{Mrkdwn, Text};
use ratchet_runtime::batch::Invocation;
use ratchet_runtime::connect::SlackAccess;
use ratchet_runtime::outcome::{failed, failed_probe};
use ratchet_runtime::stage::key_of;

use crate::{Asked, text};

/// Posts the message, unless the org has no Slack.
pub(crate) async fn tell(invocation: &Invocation, asked: &Asked) -> Result<(), StageError> {
    let Some(slack) = asked.connection.slack().await? else {
        return Ok(());
    };
    let key = key_of(&asked.at.ticket, step::slack(slack.channel()));
    let text = Text::<Mrkdwn>::from("*")
        .then(&text::title(asked))
        .ours("* (")
        .ours(asked.bug.severity.as_str())
        .ours(")\nTicket: ")
        .then(&text::ticket_link(asked))
        .ours("\n")
        .then(&text::pull_lines(asked));
    let body = message_body(slack.channel(), &text, key.effect().as_str());
    let work = Work::new(key, asked.at.content.as_str())
        .intending(body)
        .driven_by(Stage::Notify.as_str(), &invocation.message);
    let Decision::Run(claim) = invocation.ledger.claim(&work).await? else {
        return Ok(());
    };
    let claim = asked.connection.acting(claim).await?;
    let acted = claim.act(probed(PostMessage { slack: &slack })).await?;
    let ts = acted.receipt().ts.clone();
    acted.known_as(ts).seal().await.map(|_| ())
}

struct PostMessage<'a> {
    slack: &'a SlackAccess,
}

impl Effect for PostMessage<'_> {
    type Receipt = MessagePosted;

    async fn send(&self, act: &Act) -> Outcome<MessagePosted> {
        match self.slack.client().post(act.intent().to_owned()).await {
            Ok(posted) => Outcome::Done(posted),
            Err(error) => failed(&error),
        }
    }
}

impl Probe for PostMessage<'_> {
    async fn probe(&self, act: &Act) -> Finding<MessagePosted> {
        let since = self.slack.since_ms(act.first_claimed_at()) / 1000;
        let oldest = format!("{since}.000000");
        match self
            .slack
            .client()
            .find(self.slack.channel(), act.effect().as_str(), &oldest)
            .await
        {
            Ok(Some(posted)) => Finding::Found(posted),
            Ok(None) => Finding::Absent,
            Err(error) => failed_probe(&error),
        }
    }
}
