//! Slack: one message a channel and effect.
//!
//! Slack has no documented key against repeats. The message's metadata carries the effect key and the channel's history,
//! which is no search index, is read for it. A `client_msg_id` goes along: Slack is seen to drop repeats by it, but does
//! not promise to.

use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::effect::effect_uuid;
use crate::error::{Call, ProviderError, machine_code};
use crate::secret::Secret;
use crate::text::{Mrkdwn, Text};
use crate::wire::{Draft, Reply, Wire, endpoint, to_json};

/// Most pages of 100 messages that a lookup reads. Reason: it starts at the moment of the first attempt.
const HISTORY_PAGES_MAX: u64 = 20;

/// Slack with one bot token.
#[derive(Clone, Copy)]
pub struct Slack<'a> {
    wire: Wire<'a>,
    api_url: &'a str,
    bot_token: &'a Secret,
}

/// A message as Slack recorded it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessagePosted {
    /// Channel id.
    pub channel: String,
    /// Slack's timestamp, which is the message's id in its channel.
    pub ts: String,
}

#[derive(Serialize)]
struct MessageBody<'a> {
    channel: &'a str,
    text: &'a str,
    metadata: Metadata<'a>,
    client_msg_id: String,
    unfurl_links: bool,
    unfurl_media: bool,
}

#[derive(Serialize)]
struct Metadata<'a> {
    event_type: &'static str,
    event_payload: Payload<'a>,
}

#[derive(Serialize)]
struct Payload<'a> {
    effect: &'a str,
}

/// The exact body that posts the message: equal arguments give equal bytes, to be kept as the effect's intent.
/// Metadata is readable by the workspace.
#[must_use]
pub fn message_body(channel: &str, text: &Text<Mrkdwn>, effect: &str) -> String {
    to_json(&MessageBody {
        channel,
        text: text.as_str(),
        metadata: Metadata {
            event_type: "ratchet",
            event_payload: Payload { effect },
        },
        client_msg_id: effect_uuid(effect),
        unfurl_links: false,
        unfurl_media: false,
    })
}

#[derive(Deserialize)]
struct Posted {
    channel: String,
    ts: String,
}

#[derive(Deserialize)]
struct History {
    messages: Vec<MessageWire>,
    #[serde(default)]
    has_more: bool,
    #[serde(default)]
    response_metadata: Option<Next>,
}

#[derive(Deserialize)]
struct MessageWire {
    ts: String,
    #[serde(default)]
    metadata: Value,
}

#[derive(Deserialize)]
struct Next {
    #[serde(default)]
    next_cursor: String,
}

impl MessageWire {
    fn carries(&self, effect: &str) -> bool {
        let text = |pointer| self.metadata.pointer(pointer).and_then(Value::as_str);
        text("/event_type") == Some("ratchet") && text("/event_payload/effect") == Some(effect)
    }
}

impl<'a> Slack<'a> {
    /// `api_url` is `https://slack.com/api`.
    #[must_use]
    pub fn new(wire: Wire<'a>, api_url: &'a str, bot_token: &'a Secret) -> Self {
        Self {
            wire,
            api_url,
            bot_token,
        }
    }

    /// Posts the message whose body [`message_body`] made. The bytes are sent as they are.
    ///
    /// # Errors
    /// [`ProviderError::Rejected`] with Slack's code, such as `channel_not_found`; [`ProviderError::Unavailable`] where
    /// Slack itself does not know whether it was posted.
    pub async fn post(&self, body: String) -> Result<MessagePosted, ProviderError> {
        let call = call("post message");
        let url = endpoint(call, self.api_url, &["chat.postMessage"], &[])?;
        let reply = self.send(Draft::new(call, Method::POST, &url).json(body)).await?;
        let Posted { channel, ts } = reply.json()?;
        Ok(MessagePosted { channel, ts })
    }

    /// The message that carries this effect key among those posted since `oldest`, a Slack timestamp in seconds
    /// (`1795255200.000000`): some time before the first attempt.
    ///
    /// # Errors
    /// Any failed page is an error: none is only said after all was read.
    pub async fn find(
        &self,
        channel: &str,
        effect: &str,
        oldest: &str,
    ) -> Result<Option<MessagePosted>, ProviderError> {
        let mut found = self.look(channel, effect, oldest, true).await?;
        Ok(found.pop())
    }

    /// Every message that carries this effect key, by its timestamp: two where a repeat was not dropped.
    ///
    /// # Errors
    /// As [`Slack::find`].
    pub async fn find_all(
        &self,
        channel: &str,
        effect: &str,
        oldest: &str,
    ) -> Result<Vec<MessagePosted>, ProviderError> {
        let mut found = self.look(channel, effect, oldest, false).await?;
        found.sort_by(|one, two| one.ts.cmp(&two.ts));
        Ok(found)
    }

    async fn look(
        &self,
        channel: &str,
        effect: &str,
        oldest: &str,
        one_is_enough: bool,
    ) -> Result<Vec<MessagePosted>, ProviderError> {
        let call = call("read history");
        let mut cursor = String::new();
        let mut found = Vec::new();
        for _ in 0..HISTORY_PAGES_MAX {
            let mut query = vec![
                ("channel", channel),
                ("oldest", oldest),
                ("inclusive", "true"),
                ("include_all_metadata", "true"),
                ("limit", "100"),
            ];
            if !cursor.is_empty() {
                query.push(("cursor", &cursor));
            }
            let url = endpoint(call, self.api_url, &["conversations.history"], &query)?;
            let page: History = self.send(Draft::get(call, &url)).await?.json()?;
            let ours = page
                .messages
                .into_iter()
                .filter(|message| message.carries(effect));
            found.extend(ours.map(|message| MessagePosted {
                channel: channel.to_owned(),
                ts: message.ts,
            }));
            if one_is_enough && !found.is_empty() {
                found.truncate(1);
                return Ok(found);
            }
            let next = page
                .response_metadata
                .map(|next| next.next_cursor)
                .unwrap_or_default();
            match (page.has_more, next) {
                (false, _) => return Ok(found),
                (true, next) if !next.is_empty() && next != cursor => cursor = next,
                (true, _) => {
                    return Err(ProviderError::Malformed {
                        call,
                        what: "list has more but no next cursor".to_owned(),
                    });
                }
            }
        }
        Err(ProviderError::TooLarge {
            call,
            what: "pages",
            limit: HISTORY_PAGES_MAX,
        })
    }

    /// Deletes a message of ours; Slack refuses it for anybody else's.
    ///
    /// # Errors
    /// [`ProviderError::Rejected`] with Slack's code, such as `message_not_found` or `cant_delete_message`.
    pub async fn delete(&self, message: &MessagePosted) -> Result<(), ProviderError> {
        let call = call("delete message");
        let url = endpoint(call, self.api_url, &["chat.delete"], &[])?;
        let body = to_json(message);
        self.send(Draft::new(call, Method::POST, &url).json(body))
            .await
            .map(drop)
    }

    async fn send(&self, draft: Draft) -> Result<Reply, ProviderError> {
        let reply = self.wire.send(draft.bearer(self.bot_token)).await?;
        if reply.status != 200 {
            return Err(reply.failure(String::new()));
        }
        let body = reply.any_json();
        match body.get("ok").and_then(Value::as_bool) {
            Some(true) => Ok(reply),
            Some(false) => Err(refusal(
                &reply,
                body.get("error").and_then(Value::as_str).unwrap_or_default(),
            )),
            None => Err(reply.malformed("expected `ok`")),
        }
    }
}

const fn call(operation: &'static str) -> Call {
    Call {
        provider: "slack",
        operation,
    }
}

/// Codes of a message that Slack refused before doing anything. Source: the pages of `chat.postMessage`,
/// `chat.delete` and `conversations.history`.
const REFUSALS: [&str; 35] = [
    "as_user_not_supported",
    "cannot_reply_to_message",
    "cant_delete_message",
    "channel_not_found",
    "ekm_access_denied",
    "invalid_arg_name",
    "invalid_arguments",
    "invalid_array_arg",
    "invalid_blocks",
    "invalid_blocks_format",
    "invalid_charset",
    "invalid_cursor",
    "invalid_form_data",
    "invalid_json",
    "invalid_limit",
    "invalid_metadata_format",
    "invalid_metadata_schema",
    "invalid_post_type",
    "invalid_ts_latest",
    "invalid_ts_oldest",
    "is_archived",
    "json_not_object",
    "message_not_found",
    "messages_tab_disabled",
    "metadata_must_be_sent_from_app",
    "metadata_too_large",
    "method_deprecated",
    "missing_charset",
    "missing_post_type",
    "msg_blocks_too_long",
    "msg_too_long",
    "no_text",
    "not_in_channel",
    "restricted_action",
    "too_many_attachments",
];

/// What `ok: false` means. Slack says of its own failures that a part may have been done; a code that is not known
/// here counts as that too.
fn refusal(reply: &Reply, code: &str) -> ProviderError {
    let Reply { call, status, .. } = *reply;
    let code = machine_code(code);
    match code.as_str() {
        "ratelimited" | "rate_limited" | "message_limit_exceeded" => ProviderError::RateLimited {
            call,
            status,
            retry_after_ms: reply.retry_after_ms(),
        },
        "fatal_error" | "internal_error" | "request_timeout" | "service_unavailable" => {
            ProviderError::Unavailable {
                call,
                status,
                retry_after_ms: reply.retry_after_ms(),
            }
        }
        "invalid_auth" | "not_authed" | "account_inactive" | "token_revoked" | "token_expired" => {
            ProviderError::Unauthorized { call, status }
        }
        "missing_scope"
        | "no_permission"
        | "access_denied"
        | "not_allowed_token_type"
        | "team_access_not_granted" => ProviderError::Forbidden { call, status },
        known if REFUSALS.contains(&known) => ProviderError::Rejected { call, status, code },
        _ => ProviderError::Unexpected { call, status, code },
    }
}

#[cfg(test)]
mod tests;
