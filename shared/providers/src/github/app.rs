//! A GitHub App: its own token, its installations' tokens, and the deliveries that its webhook missed.

use chrono::DateTime;
use http::Method;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde::{Deserialize, Serialize};
use url::Url;

use super::{call, send};
use crate::error::ProviderError;
use crate::secret::Secret;
use crate::wire::{Draft, Wire, endpoint};

/// How far back a token is dated, in seconds, for a server whose clock is behind. Source: GitHub's page on app tokens.
const BACKDATED_SECONDS: u64 = 60;

/// How long an app's token lives, in seconds. Source: the same page allows 600 at most.
const LIFE_SECONDS: u64 = 540;

#[derive(Serialize)]
struct Claims<'a> {
    iat: u64,
    exp: u64,
    iss: &'a str,
}

/// The token that an app signs for itself (RS256). It speaks for the app alone; reading and writing repositories needs
/// an [`InstallationToken`].
///
/// # Errors
/// [`ProviderError::Unsendable`] when the key is no RSA key in PEM.
pub fn app_jwt(app_id: &str, private_key: &Secret, now_ms: u64) -> Result<Secret, ProviderError> {
    let unsendable = || ProviderError::Unsendable {
        call: call("sign app token"),
        what: "private key",
    };
    // A PEM that came through one line of configuration has its line ends spelled out.
    let pem = private_key.expose().replace("\\n", "\n");
    let key = EncodingKey::from_rsa_pem(pem.as_bytes()).map_err(|_| unsendable())?;
    let now_s = now_ms / 1000;
    let claims = Claims {
        iat: now_s.saturating_sub(BACKDATED_SECONDS),
        exp: now_s.saturating_add(LIFE_SECONDS),
        iss: app_id,
    };
    encode(&Header::new(Algorithm::RS256), &claims, &key)
        .map(Secret::new)
        .map_err(|_| unsendable())
}

/// A token for the repositories of one installation.
#[derive(Debug, Clone)]
pub struct InstallationToken {
    /// The token; of any length and form.
    pub token: Secret,
    /// When it ends, in milliseconds since 1970: an hour from its making.
    pub expires_at_ms: u64,
}

/// One delivery of the app's webhook as GitHub recorded it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookDelivery {
    /// Names it for [`App::redeliver`].
    pub id: u64,
    /// The event's id: the same on every redelivery.
    pub guid: String,
    /// RFC 3339.
    pub delivered_at: String,
    /// What our endpoint answered; 0 where it did not.
    pub status_code: u16,
    /// `pull_request`, `check_suite`, ..
    pub event: String,
}

/// One page of deliveries, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookDeliveries {
    /// The page.
    pub deliveries: Vec<HookDelivery>,
    /// Leads to the next, older page.
    pub cursor: Option<String>,
}

#[derive(Deserialize)]
struct TokenWire {
    token: String,
    expires_at: String,
}

#[derive(Deserialize)]
struct DeliveryWire {
    id: u64,
    guid: String,
    delivered_at: String,
    #[serde(default)]
    status_code: u16,
    event: String,
}

/// What an app may do as itself.
#[derive(Clone, Copy)]
pub struct App<'a> {
    wire: Wire<'a>,
    api_url: &'a str,
    jwt: &'a Secret,
}

impl<'a> App<'a> {
    /// `jwt` is [`app_jwt`]'s.
    #[must_use]
    pub fn new(wire: Wire<'a>, api_url: &'a str, jwt: &'a Secret) -> Self {
        Self { wire, api_url, jwt }
    }

    /// A fresh token of an installation. Whoever keeps it must drop it on [`ProviderError::Unauthorized`].
    ///
    /// # Errors
    /// [`ProviderError::NotFound`] when the app is not installed there.
    pub async fn installation_token(
        &self,
        installation_id: &str,
    ) -> Result<InstallationToken, ProviderError> {
        let call = call("create installation token");
        let url = endpoint(
            call,
            self.api_url,
            &["app", "installations", installation_id, "access_tokens"],
            &[],
        )?;
        let reply = send(
            self.wire,
            Draft::new(call, Method::POST, &url).bearer(self.jwt).json("{}"),
        )
        .await?;
        let TokenWire { token, expires_at } = reply.json()?;
        let expires_at_ms = DateTime::parse_from_rfc3339(&expires_at)
            .ok()
            .and_then(|at| u64::try_from(at.timestamp_millis()).ok())
            .ok_or_else(|| reply.malformed("expected a time at `expires_at`"))?;
        Ok(InstallationToken {
            token: Secret::new(token),
            expires_at_ms,
        })
    }

    /// The webhook's latest deliveries, or those before a cursor. GitHub never repeats a failed one by itself.
    ///
    /// # Errors
    /// As any read.
    pub async fn deliveries(&self, cursor: Option<&str>) -> Result<HookDeliveries, ProviderError> {
        let call = call("list deliveries");
        let mut query = vec![("per_page", "100")];
        query.extend(cursor.map(|cursor| ("cursor", cursor)));
        let url = endpoint(call, self.api_url, &["app", "hook", "deliveries"], &query)?;
        let reply = send(self.wire, Draft::get(call, &url).bearer(self.jwt)).await?;
        let deliveries: Vec<DeliveryWire> = reply.json()?;
        let delivery = |wire: DeliveryWire| HookDelivery {
            id: wire.id,
            guid: wire.guid,
            delivered_at: wire.delivered_at,
            status_code: wire.status_code,
            event: wire.event,
        };
        Ok(HookDeliveries {
            deliveries: deliveries.into_iter().map(delivery).collect(),
            cursor: reply.header("link").and_then(next_cursor),
        })
    }

    /// Asks GitHub to deliver once more, with the same event id.
    ///
    /// # Errors
    /// [`ProviderError::NotFound`] for a delivery that GitHub no longer keeps.
    pub async fn redeliver(&self, delivery: u64) -> Result<(), ProviderError> {
        let call = call("redeliver");
        let delivery = delivery.to_string();
        let url = endpoint(
            call,
            self.api_url,
            &["app", "hook", "deliveries", &delivery, "attempts"],
            &[],
        )?;
        send(self.wire, Draft::new(call, Method::POST, &url).bearer(self.jwt))
            .await
            .map(|_| ())
    }
}

/// The `cursor` of the link with `rel="next"`.
fn next_cursor(link: &str) -> Option<String> {
    let next = link.split(',').find(|part| part.contains(r#"rel="next""#))?;
    let address = next.split_once('<')?.1.split_once('>')?.0;
    let url = Url::parse(address).ok()?;
    url.query_pairs()
        .find(|(name, _)| name == "cursor")
        .map(|(_, value)| value.into_owned())
}
