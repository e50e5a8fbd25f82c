//! Requests as the vendors send them, and as others do.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha1::Sha1;
use sha2::Sha256;

pub(crate) const ZENDESK_SECRET: &str = "dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ==";
pub(crate) const GLOBEX_SECRET: &str = "Z2xvYmV4";
pub(crate) const INTERCOM_SECRET: &str = "test-client-secret";
pub(crate) const GITHUB_SECRET: &str = "It's a Secret to Everybody";

/// The time of the tests' clock, as Zendesk writes it.
pub(crate) const NOW: &str = "2026-01-15T10:00:00Z";

const SIGNATURE: &str = "x-zendesk-webhook-signature";
const TIMESTAMP: &str = "x-zendesk-webhook-signature-timestamp";

/// One request; every part can be spoilt.
#[derive(Debug, Clone)]
pub(crate) struct Post {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
    pub(crate) base64: bool,
}

impl Post {
    fn to(path: &str, body: impl Into<Vec<u8>>) -> Self {
        let post = Self {
            method: "POST".to_owned(),
            path: path.to_owned(),
            headers: BTreeMap::new(),
            body: body.into(),
            base64: false,
        };
        post.with("content-type", "application/json")
            .with("host", "hooks.example.com")
    }

    /// Signed by Zendesk for acme, now.
    pub(crate) fn zendesk(body: impl Into<Vec<u8>>) -> Self {
        Self::to("/hooks/acme/zendesk", body)
            .with("user-agent", "Zendesk Webhook")
            .with("x-zendesk-account-id", "22129848")
            .with("x-zendesk-webhook-invocation-id", "01KF0000000000000000000002")
            .signed_at(NOW)
    }

    /// Signed by Intercom for acme.
    pub(crate) fn intercom(body: impl Into<Vec<u8>>) -> Self {
        let post = Self::to("/hooks/acme/intercom", body);
        let mut mac = Hmac::<Sha1>::new_from_slice(INTERCOM_SECRET.as_bytes()).expect("a key");
        mac.update(&post.body);
        let signature = format!("sha1={}", hex::encode(mac.finalize().into_bytes()));
        post.with("x-hub-signature", &signature)
    }

    /// Signed by GitHub for acme.
    pub(crate) fn github(event: &str, body: impl Into<Vec<u8>>) -> Self {
        let post = Self::to("/hooks/acme/github", body);
        let mut mac = Hmac::<Sha256>::new_from_slice(GITHUB_SECRET.as_bytes()).expect("a key");
        mac.update(&post.body);
        let signature = format!("sha256={}", hex::encode(mac.finalize().into_bytes()));
        post.with("x-hub-signature-256", &signature)
            .with("x-github-event", event)
            .with("x-github-delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958")
    }

    pub(crate) fn with(mut self, header: &str, value: &str) -> Self {
        self.headers.insert(header.to_owned(), value.to_owned());
        self
    }

    pub(crate) fn without(mut self, header: &str) -> Self {
        self.headers.remove(header);
        self
    }

    pub(crate) fn method(mut self, method: &str) -> Self {
        self.method = method.to_owned();
        self
    }

    pub(crate) fn path(mut self, path: &str) -> Self {
        self.path = path.to_owned();
        self
    }

    pub(crate) fn org(self, org: &str) -> Self {
        let provider = self.path.rsplit('/').next().unwrap_or_default().to_owned();
        self.path(&format!("/hooks/{org}/{provider}"))
    }

    /// The same bytes, as API Gateway hands over what it takes for binary.
    pub(crate) fn in_base64(mut self) -> Self {
        self.base64 = true;
        self
    }

    /// Zendesk's signature at that time.
    pub(crate) fn signed_at(self, time: &str) -> Self {
        self.signed(time, ZENDESK_SECRET)
    }

    /// Zendesk's signature with that secret.
    pub(crate) fn signed_with(self, secret: &str) -> Self {
        self.signed(NOW, secret)
    }

    fn signed(self, time: &str, secret: &str) -> Self {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("a key");
        mac.update(time.as_bytes());
        mac.update(&self.body);
        let signature = STANDARD.encode(mac.finalize().into_bytes());
        self.with(SIGNATURE, &signature).with(TIMESTAMP, time)
    }

    /// The event of API Gateway, payload 2.0.
    pub(crate) fn event(&self) -> Value {
        let body = if self.base64 {
            STANDARD.encode(&self.body)
        } else {
            String::from_utf8_lossy(&self.body).into_owned()
        };
        json!({
            "version": "2.0", "routeKey": "$default", "rawPath": self.path, "rawQueryString": "",
            "headers": self.headers,
            "requestContext": {
                "accountId": "123456789012", "apiId": "local", "domainName": "hooks.example.com",
                "http": { "method": self.method, "path": self.path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1" },
                "requestId": "c6af9ac6", "routeKey": "$default", "stage": "$default", "timeEpoch": 1_768_471_200_000_u64
            },
            "body": body, "isBase64Encoded": self.base64
        })
    }
}

/// An event of Zendesk's event subscriptions.
pub(crate) fn event(kind: &str, id: &str, ticket: &str) -> Value {
    json!({
        "type": format!("zen:event-type:{kind}"), "account_id": 22_129_848, "id": id, "time": "2026-01-15T09:59:58.123456789Z",
        "zendesk_event_version": "2022-11-06", "subject": format!("zen:ticket:{ticket}"),
        "detail": { "id": ticket, "actor_id": "8447388090495", "requester_id": "8447388090495", "status": "OPEN",
            "priority": "HIGH", "subject": "Export fails", "description": "The export of an empty cart answers 500.",
            "external_id": null, "tags": ["mobile"], "is_public": true, "via": { "channel": "web_service" },
            "created_at": NOW, "updated_at": NOW },
        "event": { "meta": { "sequence": { "id": "01KF0000000000000000000000", "position": 1 } } }
    })
}

/// A comment's event.
pub(crate) fn comment(id: &str, is_public: bool, is_staff: bool, author: &str) -> Value {
    let mut event = event("ticket.comment_added", id, "5158");
    event["event"]["comment"] = json!({ "id": "9876543210", "body": "It still fails.", "is_public": is_public,
        "author": { "id": author, "is_staff": is_staff, "name": "Jo" } });
    event
}

/// A ticket's creation, signed.
pub(crate) fn created(id: &str) -> Post {
    Post::zendesk(event("ticket.created", id, "5158").to_string())
}

/// A notification of Intercom, on its first try.
pub(crate) fn notification(topic: &str, id: &str, conversation: &str) -> Value {
    json!({
        "type": "notification_event", "app_id": "abc", "id": id, "topic": topic,
        "data": { "type": "notification_event_data", "item": { "type": "conversation", "id": conversation,
            "source": { "body": "<p>Export fails</p>", "author": { "type": "user", "id": "u-1" } },
            "conversation_parts": { "conversation_parts": [] } } },
        "delivery_status": "pending", "delivery_attempts": 1, "delivered_at": 0, "first_sent_at": 1_596_633_295,
        "created_at": 1_596_633_294, "links": {}, "self": null
    })
}
