//! Ways to an org's providers, within one invocation: settings, secrets, and a transport that ends with it.

mod access;
mod app;
mod desk;
mod door;
mod installation;
mod model;

use std::sync::Arc;

use ratchet_domain::ids::{OrgId, Provider};
use ratchet_domain::settings::{Controls, Effects, GithubAuth, SecretRef, Settings};
use ratchet_guard::clock::{Clock, Millis};
use ratchet_guard::{Claim, Ledger, Park, StageError};
use ratchet_providers::transport::Transport;

pub use access::{GithubAccess, JiraAccess, LinearAccess, SlackAccess};
pub use app::AppAccess;
pub use desk::{Desk, IntercomAccess, ZendeskAccess};
pub use door::Door;
pub use model::{ModelAccess, Reply};

use crate::config::Reader;
use crate::deployment::Deployment;
use crate::http::Deadlined;
use crate::orgs::{OrgError, Orgs};
use door::Patience;
use installation::{Installations, Slot};

/// Makes connections; one a process.
#[derive(Clone)]
pub struct Connector {
    orgs: Orgs,
    transport: Arc<dyn Transport>,
    clock: Arc<dyn Clock>,
    client_timeout_ms: u64,
    model_timeout_ms: u64,
    hold_ms: u64,
    patience: Patience,
    installations: Installations,
}

impl Connector {
    /// Reads `SETTINGS_TABLE`, `SETTINGS_CACHE_SECONDS`, `CLIENT_TIMEOUT_MS`, `PROVIDER_LIMIT_WAIT_MS` and
    /// `PROVIDER_CLOCK_MARGIN_SECONDS`.
    pub fn new(deployment: &Deployment, reader: &mut Reader<'_>) -> Self {
        Self {
            orgs: deployment.orgs(reader),
            transport: Arc::clone(&deployment.transport),
            clock: Arc::clone(&deployment.clock),
            client_timeout_ms: reader.positive("CLIENT_TIMEOUT_MS"),
            model_timeout_ms: 0,
            hold_ms: 0,
            patience: Patience::of(reader),
            installations: Installations::default(),
        }
    }

    /// Reads `MODEL_TIMEOUT_MS` too, for a stage that asks a model.
    #[must_use]
    pub fn asking(mut self, reader: &mut Reader<'_>) -> Self {
        self.model_timeout_ms = reader.positive("MODEL_TIMEOUT_MS");
        self
    }

    /// Effects that are off are looked at again after `hold_ms`.
    #[must_use]
    pub fn holding(mut self, hold_ms: u64) -> Self {
        self.hold_ms = hold_ms;
        self
    }

    /// The orgs whose settings it reads.
    #[must_use]
    pub fn orgs(&self) -> &Orgs {
        &self.orgs
    }

    /// Connections of one org, until the ledger's invocation ends.
    ///
    /// # Errors
    /// [`StageError::NotRead`] while the org has no usable settings.
    pub async fn org(&self, org: &OrgId, ledger: &Ledger) -> Result<Connection, StageError> {
        let settings = self.orgs.settings(org).await?;
        Ok(Connection {
            connector: self.clone(),
            controls: self.orgs.controls(org).await?,
            settings,
            deadline_ms: ledger.deadline_ms(),
        })
    }
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connector")
            .field("orgs", &self.orgs)
            .finish_non_exhaustive()
    }
}

/// One org's providers, within one invocation.
#[derive(Debug, Clone)]
pub struct Connection {
    connector: Connector,
    settings: Arc<Settings>,
    controls: Controls,
    deadline_ms: Millis,
}

impl Connection {
    /// The org's settings.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Hands the claim of an outside effect through while effects are on. While they are off, or in the shadow, the
    /// work waits on record instead: planned, with its intent, and not made. After a restore, an effect that no row tells
    /// of is looked for first.
    ///
    /// # Errors
    /// [`StageError::Parked`] when the effect is not to be made now; otherwise as [`Claim::park`].
    pub async fn acting(&self, claim: Claim) -> Result<Claim, StageError> {
        let claim = match self.controls.restored_to_ms {
            None => claim,
            Some(since_ms) => claim.suspecting(since_ms),
        };
        let park = match self.controls.effects {
            Effects::On => return Ok(claim),
            Effects::Off => Park::until(
                "effects_off",
                "outside effects are off; made once they are on",
                claim.now_ms().saturating_add(self.connector.hold_ms),
            ),
            Effects::Shadow => Park::for_a_person("shadow", "what would have been made"),
        };
        Err(StageError::Parked(claim.park(park).await?))
    }

    fn transport(&self, timeout_ms: u64) -> Door {
        let Connector { transport, clock, .. } = &self.connector;
        let transport = Deadlined::new(
            Arc::clone(transport),
            Arc::clone(clock),
            self.deadline_ms,
            timeout_ms,
        );
        Door {
            transport: Arc::new(transport),
            clock: Arc::clone(clock),
            patience: self.connector.patience,
        }
    }

    fn absent(&self, provider: &'static str) -> OrgError {
        OrgError::Absent {
            org: self.settings.org.clone(),
            provider,
        }
    }

    /// The desk that tickets of this provider are at.
    ///
    /// # Errors
    /// [`StageError::NotRead`] when the settings have none, or its secret cannot be had.
    pub async fn desk(&self, provider: Provider) -> Result<Desk, StageError> {
        let door = self.transport(self.connector.client_timeout_ms);
        match provider {
            Provider::Zendesk => {
                let settings = self
                    .settings
                    .zendesk
                    .clone()
                    .ok_or_else(|| self.absent("zendesk"))?;
                let token = self.connector.orgs.secret(&settings.api_token).await?;
                Ok(Desk::Zendesk(ZendeskAccess {
                    door,
                    settings,
                    token,
                }))
            }
            Provider::Intercom => {
                let settings = self
                    .settings
                    .intercom
                    .clone()
                    .ok_or_else(|| self.absent("intercom"))?;
                let token = self.connector.orgs.secret(&settings.access_token).await?;
                Ok(Desk::Intercom(IntercomAccess {
                    door,
                    settings,
                    token,
                }))
            }
        }
    }

    /// Linear, with the key that the tracker's settings name.
    ///
    /// # Errors
    /// [`StageError::NotRead`] when its secret cannot be had.
    pub async fn linear(&self, api_url: &str, api_key: &SecretRef) -> Result<LinearAccess, StageError> {
        let key = self.connector.orgs.secret(api_key).await?;
        Ok(LinearAccess {
            door: self.transport(self.connector.client_timeout_ms),
            api_url: api_url.to_owned(),
            key,
        })
    }

    /// Jira, with the token that the tracker's settings name.
    ///
    /// # Errors
    /// [`StageError::NotRead`] when its secret cannot be had.
    pub async fn jira(
        &self,
        site_url: &str,
        email: &str,
        api_token: &SecretRef,
    ) -> Result<JiraAccess, StageError> {
        let token = self.connector.orgs.secret(api_token).await?;
        let door = self.transport(self.connector.client_timeout_ms);
        Ok(JiraAccess {
            door,
            site_url: site_url.to_owned(),
            email: email.to_owned(),
            token,
        })
    }

    /// Slack, or nothing when the settings have none.
    ///
    /// # Errors
    /// [`StageError::NotRead`] when its secret cannot be had.
    pub async fn slack(&self) -> Result<Option<SlackAccess>, StageError> {
        let Some(settings) = self.settings.slack.clone() else {
            return Ok(None);
        };
        let token = self.connector.orgs.secret(&settings.bot_token).await?;
        Ok(Some(SlackAccess {
            door: self.transport(self.connector.client_timeout_ms),
            settings,
            token,
        }))
    }

    /// GitHub, with the personal token or with one of the app's installation.
    ///
    /// # Errors
    /// [`StageError::NotRead`] when the settings have none, or no token can be had.
    pub async fn github(&self) -> Result<GithubAccess, StageError> {
        let settings = self
            .settings
            .github
            .clone()
            .ok_or_else(|| self.absent("github"))?;
        let mut door = self.transport(self.connector.client_timeout_ms);
        let token = match &settings.auth {
            GithubAuth::Token(reference) => self.connector.orgs.secret(reference).await?,
            GithubAuth::App {
                app_id,
                installation_id,
                private_key,
            } => {
                let key = self.connector.orgs.secret(private_key).await?;
                let slot = Slot {
                    org: self.settings.org.clone(),
                    api_url: settings.api_url.clone(),
                    installation_id: installation_id.clone(),
                };
                let installations = &self.connector.installations;
                let token = installations.token(&slot, &door, app_id, &key).await?;
                door = installations.dropping(slot, door);
                token
            }
        };
        Ok(GithubAccess {
            door,
            settings,
            token,
        })
    }

    /// The model.
    ///
    /// # Errors
    /// [`StageError::NotRead`] when the settings have none, or its secret cannot be had.
    pub async fn model(&self) -> Result<ModelAccess, StageError> {
        let settings = self.settings.model.clone().ok_or_else(|| self.absent("model"))?;
        let key = match &settings.api_key {
            Some(reference) => Some(self.connector.orgs.secret(reference).await?),
            None => None,
        };
        Ok(ModelAccess::new(
            self.transport(self.connector.model_timeout_ms),
            settings,
            key,
        ))
    }
}
