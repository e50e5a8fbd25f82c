//! The orgs' settings and secrets, read when first needed and kept for a while.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::types::AttributeValue;
use ratchet_domain::ids::OrgId;
use ratchet_domain::settings::{Controls, SecretRef, Settings};
use ratchet_guard::StageError;
use ratchet_guard::clock::{Clock, Millis};
use ratchet_providers::secret::Secret;
use thiserror::Error;

use crate::config::Env;
use crate::secrets::{SecretError, SecretSource};

/// Settings that could not be had.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum OrgError {
    /// Nobody put settings for it.
    #[error("org has no settings org=`{0}`")]
    Unknown(OrgId),
    /// What is on record no longer validates; put it again.
    #[error("settings on record do not validate, put them again org=`{org}` problems=`{problems}`")]
    Invalid {
        /// Whose.
        org: OrgId,
        /// How many problems.
        problems: usize,
    },
    /// The table did not answer.
    #[error("settings could not be read org=`{org}` code=`{code}`")]
    Unread {
        /// Whose.
        org: OrgId,
        /// The service's code.
        code: String,
    },
    /// The provider that the work needs is not in the settings.
    #[error("settings have no such provider org=`{org}` provider=`{provider}`")]
    Absent {
        /// Whose.
        org: OrgId,
        /// Which.
        provider: &'static str,
    },
    /// A secret is missing.
    #[error(transparent)]
    Secret(#[from] SecretError),
}

/// The list of orgs could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("orgs could not be listed code=`{0}`")]
pub struct OrgsUnread(pub String);

impl From<OrgError> for StageError {
    /// An operator mends settings and secrets; until then the message waits, and nothing is lost.
    fn from(error: OrgError) -> Self {
        Self::NotRead {
            why: format!("settings: {error}"),
            retry_after_ms: None,
        }
    }
}

/// Key of the row with the deployment's own controls, which hold for every org. No org can be called so.
pub const DEPLOYMENT: &str = "*";

/// The settings of one org.
#[derive(Debug, Clone)]
struct Kept {
    settings: Arc<Settings>,
    until: Millis,
}

/// All orgs of the deployment.
#[derive(Clone)]
pub struct Orgs {
    client: Client,
    table: Arc<str>,
    clock: Arc<dyn Clock>,
    secrets: Arc<dyn SecretSource>,
    cache_ms: u64,
    env: Env,
    kept: Arc<Mutex<BTreeMap<OrgId, Kept>>>,
    kept_secrets: Arc<Mutex<BTreeMap<SecretRef, (Secret, Millis)>>>,
    kept_controls: Arc<Mutex<Option<(Controls, Millis)>>>,
}

impl Orgs {
    /// Orgs of `table`, kept for `cache_seconds`.
    ///
    /// **Shape** of a row: key `org` (S), `document` (S, the JSON as it was put), `version` (N, raised by every put).
    #[must_use]
    pub fn new(
        client: Client,
        table: impl Into<Arc<str>>,
        clock: Arc<dyn Clock>,
        secrets: Arc<dyn SecretSource>,
        cache_seconds: u64,
    ) -> Self {
        Self {
            client,
            table: table.into(),
            clock,
            secrets,
            cache_ms: cache_seconds.saturating_mul(1000),
            env: Env::default(),
            kept: Arc::default(),
            kept_secrets: Arc::default(),
            kept_controls: Arc::default(),
        }
    }

    /// The same orgs, with `env:` references read from `env`.
    #[must_use]
    pub fn with_env(mut self, env: &Env) -> Self {
        self.env = env.clone();
        self
    }

    /// An org's settings.
    ///
    /// # Errors
    /// [`OrgError`].
    pub async fn settings(&self, org: &OrgId) -> Result<Arc<Settings>, OrgError> {
        let now_ms = self.clock.now_ms();
        let kept = self
            .kept
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(org)
            .cloned();
        if let Some(kept) = kept.filter(|kept| kept.until > now_ms) {
            return Ok(kept.settings);
        }
        let settings = Arc::new(self.read(org).await?);
        let kept = Kept {
            settings: Arc::clone(&settings),
            until: now_ms.saturating_add(self.cache_ms),
        };
        self.kept
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(org.clone(), kept);
        Ok(settings)
    }

    /// What is held back for an org: by its own settings, or by the deployment's.
    ///
    /// # Errors
    /// [`OrgError`]: while nobody can tell what is held back, nothing starts.
    pub async fn controls(&self, org: &OrgId) -> Result<Controls, OrgError> {
        let settings = self.settings(org).await?;
        Ok(settings.controls.and(&self.of_deployment(org).await?))
    }

    /// The deployment's own controls; `org` is whose work asks.
    async fn of_deployment(&self, org: &OrgId) -> Result<Controls, OrgError> {
        let now_ms = self.clock.now_ms();
        let kept = self
            .kept_controls
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if let Some((controls, until)) = kept
            && until > now_ms
        {
            return Ok(controls);
        }
        let controls = match self.document(DEPLOYMENT, org).await? {
            None => Controls::default(),
            Some(document) => Controls::parse(&document).map_err(|problems| OrgError::Invalid {
                org: org.clone(),
                problems: problems.len(),
            })?,
        };
        let until = now_ms.saturating_add(self.cache_ms);
        *self.kept_controls.lock().unwrap_or_else(PoisonError::into_inner) = Some((controls.clone(), until));
        Ok(controls)
    }

    async fn read(&self, org: &OrgId) -> Result<Settings, OrgError> {
        let document = self
            .document(org.as_str(), org)
            .await?
            .ok_or_else(|| OrgError::Unknown(org.clone()))?;
        Settings::parse(&document).map_err(|problems| OrgError::Invalid {
            org: org.clone(),
            problems: problems.len(),
        })
    }

    /// The document of a row, read after every write that was answered.
    async fn document(&self, key: &str, org: &OrgId) -> Result<Option<serde_json::Value>, OrgError> {
        let output = self
            .client
            .get_item()
            .table_name(&*self.table)
            .key("org", AttributeValue::S(key.to_owned()))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| OrgError::Unread {
                org: org.clone(),
                code: error.code().unwrap_or("NoAnswer").to_owned(),
            })?;
        let Some(item) = output.item else { return Ok(None) };
        let document = item
            .get("document")
            .and_then(|value| value.as_s().ok())
            .and_then(|text| serde_json::from_str(text).ok());
        document.map(Some).ok_or_else(|| OrgError::Invalid {
            org: org.clone(),
            problems: 1,
        })
    }

    /// Every org that has settings, in order of their names.
    ///
    /// # Errors
    /// The service's code, when the table does not answer.
    pub async fn all(&self) -> Result<Vec<OrgId>, OrgsUnread> {
        let mut found = std::collections::BTreeSet::new();
        let mut start = None;
        loop {
            let page = self
                .client
                .scan()
                .table_name(&*self.table)
                .projection_expression("org")
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(|error| OrgsUnread(error.code().unwrap_or("NoAnswer").to_owned()))?;
            let names = page
                .items()
                .iter()
                .filter_map(|item| item.get("org")?.as_s().ok());
            found.extend(names.filter_map(|name| OrgId::parse(name.as_str()).ok()));
            start = page.last_evaluated_key;
            if start.is_none() {
                return Ok(found.into_iter().collect());
            }
        }
    }

    /// The secret behind a reference.
    ///
    /// # Errors
    /// [`OrgError::Secret`].
    pub async fn secret(&self, reference: &SecretRef) -> Result<Secret, OrgError> {
        let now_ms = self.clock.now_ms();
        let kept = self
            .kept_secrets
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(reference)
            .cloned();
        if let Some((secret, until)) = kept
            && until > now_ms
        {
            return Ok(secret);
        }
        let secret = Secret::new(self.secrets.resolve(&self.env, reference).await?);
        let until = now_ms.saturating_add(self.cache_ms);
        self.kept_secrets
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(reference.clone(), (secret.clone(), until));
        Ok(secret)
    }
}

impl std::fmt::Debug for Orgs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Orgs")
            .field("table", &self.table)
            .finish_non_exhaustive()
    }
}
