//! What a sender is told, and what the log keeps: the two differ wherever a sender is not proved.

use std::fmt::Display;

use aws_lambda_events::encodings::Body;
use aws_lambda_events::event::apigw::ApiGatewayV2httpResponse;
use http::header::{ALLOW, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use ratchet_runtime::metric;
use serde_json::{Map, Value};

/// The function's name in its logs.
pub(crate) const STAGE: &str = "webhook";

/// What a sender waits before the next try. Zendesk tries again only where this is below 60.
const RETRY_AFTER_SECONDS: u16 = 5;

/// Every answer there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// On record and enqueued.
    Accepted {
        /// The subject.
        work: String,
    },
    /// On record before.
    Duplicate {
        /// The subject.
        work: String,
    },
    /// Genuine, and nobody acts on it.
    Ignored {
        /// The kind of event, or the rule.
        why: String,
    },
    /// Somebody asks whether this address is alive.
    Alive,
    /// The sender is not proved; the cause is for the log alone.
    Unauthorized {
        /// One of a closed list of words.
        cause: &'static str,
    },
    /// The body does not hold what is needed.
    BadRequest {
        /// Names the field.
        reason: String,
    },
    /// No such path.
    NotFound,
    /// Neither POST nor HEAD.
    MethodNotAllowed,
    /// The body is over the limit.
    BodyTooLarge,
    /// The body is not JSON by its own account.
    UnsupportedContentType,
    /// It is not on record, or not enqueued; the cause is for the log alone.
    Unavailable {
        /// What did not answer.
        cause: String,
    },
    /// The event's id came before, with another body.
    EventIdReused {
        /// The event's key.
        event: String,
    },
}

/// One line of the answers' table.
struct Row<'a> {
    code: u16,
    status: &'static str,
    work: Option<&'a str>,
    reason: Option<&'a str>,
}

fn row<'a>(code: u16, status: &'static str, work: Option<&'a str>, reason: Option<&'a str>) -> Row<'a> {
    Row {
        code,
        status,
        work,
        reason,
    }
}

impl Answer {
    /// Something did not answer.
    pub(crate) fn unavailable(cause: &impl Display) -> Self {
        Self::Unavailable {
            cause: cause.to_string(),
        }
    }

    /// The whole table.
    fn row(&self) -> Row<'_> {
        match self {
            Self::Accepted { work } => row(200, "accepted", Some(work), None),
            Self::Duplicate { work } => row(200, "duplicate", Some(work), None),
            Self::Ignored { why } => row(200, "ignored", None, Some(why)),
            Self::Alive => row(200, "ignored", None, None),
            Self::EventIdReused { .. } => row(200, "error", None, Some("event_id_reused")),
            Self::BadRequest { reason } => row(400, "error", None, Some(reason)),
            Self::Unauthorized { .. } => row(401, "error", None, Some("unauthorized")),
            Self::NotFound => row(404, "error", None, Some("not_found")),
            Self::MethodNotAllowed => row(405, "error", None, Some("method_not_allowed")),
            Self::BodyTooLarge => row(413, "error", None, Some("body_too_large")),
            Self::UnsupportedContentType => row(415, "error", None, Some("unsupported_content_type")),
            Self::Unavailable { .. } => row(503, "error", None, Some("unavailable")),
        }
    }

    /// The answer as API Gateway takes it.
    pub(crate) fn into_response(self) -> ApiGatewayV2httpResponse {
        let Row {
            code,
            status,
            work,
            reason,
        } = self.row();
        let mut response = ApiGatewayV2httpResponse::default();
        response.status_code = i64::from(code);
        let headers = &mut response.headers;
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if code == 503 {
            headers.insert(RETRY_AFTER, HeaderValue::from(RETRY_AFTER_SECONDS));
        }
        if code == 405 {
            headers.insert(ALLOW, HeaderValue::from_static("POST, HEAD"));
        }
        if self == Self::Alive {
            // The answer to a HEAD has no body.
            return response;
        }
        let fields = [("status", Some(status)), ("work", work), ("reason", reason)];
        let object: Map<String, Value> = fields
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?.into())))
            .collect();
        response.body = Some(Body::Text(Value::Object(object).to_string()));
        response
    }

    /// One line of log an answer; `outcome` says what it was.
    pub(crate) fn log(&self, duration_ms: u64) {
        let Row {
            code,
            status,
            work,
            reason,
        } = self.row();
        let key = work.unwrap_or_default();
        let reason = reason.unwrap_or_default();
        match self {
            Self::EventIdReused { event } => {
                metric::count(metric::EVENT_ID_REUSED, "", 1);
                tracing::error!(
                    stage = STAGE,
                    code,
                    outcome = "event_id_reused",
                    event,
                    duration_ms,
                    "an event id came again with another body"
                );
            }
            Self::Unavailable { cause } => {
                tracing::error!(
                    stage = STAGE,
                    code,
                    outcome = "intake_unavailable",
                    duration_ms,
                    "event is not taken: {cause}"
                );
            }
            Self::Unauthorized { cause } => {
                tracing::warn!(
                    stage = STAGE,
                    code,
                    outcome = "unauthorized",
                    cause,
                    duration_ms,
                    "sender is not proved"
                );
            }
            Self::BadRequest { .. }
            | Self::NotFound
            | Self::MethodNotAllowed
            | Self::BodyTooLarge
            | Self::UnsupportedContentType => {
                tracing::warn!(
                    stage = STAGE,
                    code,
                    outcome = "refused",
                    reason,
                    duration_ms,
                    "request is refused"
                );
            }
            Self::Accepted { .. } | Self::Duplicate { .. } | Self::Ignored { .. } | Self::Alive => {
                tracing::info!(
                    stage = STAGE,
                    code,
                    outcome = status,
                    work.key = key,
                    reason,
                    duration_ms,
                    "event is taken"
                );
            }
        }
    }
}
