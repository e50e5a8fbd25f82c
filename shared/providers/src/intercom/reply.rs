//! A reply of ours: the bytes that post it and the line that proves it.

use serde::{Deserialize, Serialize};

use crate::html::escape;
use crate::text::{Html, Text};
use crate::wire::to_json;

/// What to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplyRequest<'a> {
    /// The text. The line with the effect key is added below it.
    pub html_body: &'a Text<Html>,
    /// A reply to the customer, or else a note to the team.
    pub public: bool,
    /// The admin who writes.
    pub admin_id: &'a str,
    /// The effect key.
    pub effect: &'a str,
}

/// The reply as Intercom recorded it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplyPosted {
    /// Id of the conversation part.
    pub part_id: String,
}

#[derive(Serialize)]
struct ReplyBody<'a> {
    message_type: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    admin_id: &'a str,
    body: &'a str,
}

/// The exact body that writes it: equal requests give equal bytes, to be kept as the effect's intent.
#[must_use]
pub fn reply_body(request: &ReplyRequest<'_>) -> String {
    let body = format!(
        "{}<p>{}</p>",
        request.html_body.as_str(),
        escape(&marker_line(request.effect))
    );
    let message_type = if request.public { "comment" } else { "note" };
    to_json(&ReplyBody {
        message_type,
        kind: "admin",
        admin_id: request.admin_id,
        body: &body,
    })
}

/// The visible last line of a reply of ours.
pub(super) fn marker_line(effect: &str) -> String {
    format!("ref {effect}")
}
