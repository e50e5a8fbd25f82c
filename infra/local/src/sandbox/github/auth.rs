//! Who may ask: a personal token, or an app that shows a signed token and gets one for an installation.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use ratchet_guard::clock::Millis;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Github;
use super::api::{Answer, Call, error};
use super::object::Person;
use crate::sandbox::ask::Ask;
use crate::sandbox::reply::{self, Reply};
use crate::sandbox::time;

/// What opens the repositories.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    /// A personal token.
    pub token: String,
    /// The app's id, the issuer of its signed tokens.
    pub app_id: String,
    /// The app's installation.
    pub installation_id: String,
    /// PEM of the app's RSA public key. Without one, the signature of an app's token is not checked; its
    /// claims are.
    pub app_public_key: Option<String>,
    /// Signs the webhooks.
    pub webhook_secret: String,
    /// The colleague who pushes, merges and closes.
    pub colleague: String,
}

impl Default for Access {
    fn default() -> Self {
        Self {
            token: "sandbox-github-token".to_owned(),
            app_id: "1234".to_owned(),
            installation_id: "5678".to_owned(),
            app_public_key: None,
            webhook_secret: "sandbox-github-webhook-secret".to_owned(),
            colleague: "casey".to_owned(),
        }
    }
}

impl Access {
    pub(crate) fn person(&self, at_ms: Millis) -> Person {
        Person::new(&self.colleague, &format!("{}@acme.test", self.colleague), at_ms)
    }
}

/// Who is asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Caller {
    /// The holder of the personal token.
    Token,
    /// An installation of the app.
    Installation,
    /// The app itself.
    App,
    /// No one: a link that needs no token.
    Nobody,
}

impl Caller {
    /// The login that what they make carries.
    pub(crate) fn login(self) -> &'static str {
        match self {
            Self::Token => "ratchet-dev",
            Self::Installation | Self::App | Self::Nobody => "ratchet[bot]",
        }
    }

    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::Token => "User",
            Self::Installation | Self::App | Self::Nobody => "Bot",
        }
    }
}

/// An installation token lives an hour.
const TOKEN_LIFE_MS: Millis = 3_600_000;
/// An app's own token may end at most this far ahead, in seconds.
const JWT_LIFE_SECONDS_MAX: u64 = 600;

impl Github {
    pub(crate) fn caller(&self, ask: &Ask<'_>) -> Result<Caller, Reply> {
        let token = ask
            .bearer()
            .ok_or_else(|| error(401, "Requires authentication"))?;
        if ask.segments.first().is_some_and(|part| part == "app") {
            return self.check_app(token, ask.now_ms).map(|()| Caller::App);
        }
        if token == self.access.token {
            return Ok(Caller::Token);
        }
        match self.tokens.get(token) {
            Some(&until) if ask.now_ms < until => Ok(Caller::Installation),
            Some(_) | None => Err(error(401, "Bad credentials")),
        }
    }

    fn check_app(&self, token: &str, now_ms: Millis) -> Result<(), Reply> {
        let refused = |what: &str| error(401, what);
        let claims = self
            .claims(token)
            .ok_or_else(|| refused("A JSON web token could not be decoded"))?;
        let issuer = claims
            .get("iss")
            .map(|iss| iss.as_str().map_or_else(|| iss.to_string(), str::to_owned));
        if issuer.as_deref() != Some(self.access.app_id.as_str()) {
            return Err(refused("'Issuer' claim ('iss') must be an Integer"));
        }
        let seconds = |name: &str| claims.get(name).and_then(Value::as_u64).unwrap_or_default();
        let now = now_ms / 1000;
        if seconds("iat") > now {
            return Err(refused(
                "'Issued at' claim ('iat') must be a time that has passed",
            ));
        }
        if seconds("exp") <= now {
            return Err(refused("'Expiration time' claim ('exp') must be a time to come"));
        }
        if seconds("exp") > now + JWT_LIFE_SECONDS_MAX {
            return Err(refused(
                "'Expiration time' claim ('exp') is too far in the future",
            ));
        }
        Ok(())
    }

    /// The claims of an RS256 token; none where it is no such token or its signature does not verify.
    fn claims(&self, token: &str) -> Option<Value> {
        if let Some(pem) = &self.access.app_public_key {
            let key = DecodingKey::from_rsa_pem(pem.as_bytes()).ok()?;
            let mut validation = Validation::new(Algorithm::RS256);
            // The times are compared with the injected clock, not with the machine's.
            validation.validate_exp = false;
            validation.required_spec_claims.clear();
            return jsonwebtoken::decode::<Value>(token, &key, &validation)
                .ok()
                .map(|token| token.claims);
        }
        let mut parts = token.split('.');
        let (header, claims, _signature) = (parts.next()?, parts.next()?, parts.next()?);
        let read = |part: &str| serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(part).ok()?).ok();
        (read(header)?.get("alg")? == "RS256")
            .then(|| read(claims))
            .flatten()
    }

    pub(crate) fn create_token(&mut self, call: &mut Call<'_>) -> Answer {
        if call.part(2) != self.access.installation_id {
            return Err(error(404, "Integration not found"));
        }
        let until_ms = call.ask.now_ms + TOKEN_LIFE_MS;
        let serial = self.fresh_id();
        // Tokens carry a signed token of their own these days, so they are long and hold dots.
        let token = format!(
            "ghs_{}_e30.{}.c2FuZGJveA",
            self.access.app_id,
            URL_SAFE_NO_PAD.encode(format!("{}-{serial}", self.seed))
        );
        self.tokens.retain(|_, until| *until > call.ask.now_ms);
        self.tokens.insert(token.clone(), until_ms);
        let permissions = call.body().get("permissions").cloned();
        Ok(reply::json(
            201,
            &json!({
                "token": token,
                "expires_at": time::seconds(until_ms),
                "permissions": permissions.unwrap_or_else(|| json!({"contents": "write",
                    "pull_requests": "write", "metadata": "read"})),
                "repository_selection": "all",
            }),
        ))
    }
}
