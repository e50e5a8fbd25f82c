//! A way to GitHub as the app itself, for what no installation may do: its webhook's deliveries.

use ratchet_domain::settings::GithubAuth;
use ratchet_guard::StageError;
use ratchet_providers::github::{App, app_jwt};
use ratchet_providers::secret::Secret;

use super::{Connection, Door};
use crate::outcome::not_read;

/// A way to GitHub as the app itself.
#[derive(Debug, Clone)]
pub struct AppAccess {
    door: Door,
    api_url: String,
    jwt: Secret,
}

impl AppAccess {
    /// A client for one call.
    #[must_use]
    pub fn client(&self) -> App<'_> {
        App::new(self.door.wire(), &self.api_url, &self.jwt)
    }
}

impl Connection {
    /// The org's GitHub App, or nothing when the org has none: a personal token sees no deliveries.
    ///
    /// # Errors
    /// [`StageError::NotRead`] when its key cannot be had.
    pub async fn github_app(&self) -> Result<Option<AppAccess>, StageError> {
        let Some(settings) = self.settings.github.as_ref() else {
            return Ok(None);
        };
        let GithubAuth::App {
            app_id, private_key, ..
        } = &settings.auth
        else {
            return Ok(None);
        };
        let key = self.connector.orgs.secret(private_key).await?;
        let jwt = app_jwt(app_id, &key, self.connector.clock.now_ms()).map_err(|error| not_read(&error))?;
        Ok(Some(AppAccess {
            door: self.transport(self.connector.client_timeout_ms),
            api_url: settings.api_url.clone(),
            jwt,
        }))
    }
}
