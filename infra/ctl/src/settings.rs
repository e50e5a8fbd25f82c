//! The settings table, as the operator writes it.
//!
//! **Shape** of a row: key `org` (S); `document` (S, the JSON as it was put); `version` (N, raised by one with every put);
//! `put_at` (N, ms); `attempt_id` (S, of the last put). Attributes of others on the row stay as they are.
//! **Lifetime**: for ever.

use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use ratchet_domain::ids::OrgId;
use ratchet_domain::settings::Settings;
use ratchet_guard::clock::{AttemptIds, Clock, Millis};
use ratchet_guard::store::Item;
use ratchet_runtime::deployment::Deployment;

use crate::failure::Failure;

/// An org's settings on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnRecord {
    /// The JSON as it was put.
    pub document: String,
    /// How often it was put; 0 for a row that was not put by this command.
    pub version: u64,
    /// When, ms.
    pub put_at_ms: Option<Millis>,
}

/// What a put came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// The document is on record with this version.
    Written {
        /// One more than before.
        version: u64,
    },
    /// Nothing was written: another version is on record than the one to be replaced.
    Changed {
        /// The version on record.
        found: u64,
    },
}

/// The settings of all orgs.
#[derive(Clone)]
pub struct SettingsTable {
    client: Client,
    table: String,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn AttemptIds>,
}

impl SettingsTable {
    /// Settings in `table`.
    #[must_use]
    pub fn new(deployment: &Deployment, table: String) -> Self {
        Self {
            client: deployment.dynamo.clone(),
            table,
            clock: Arc::clone(&deployment.clock),
            ids: Arc::clone(&deployment.ids),
        }
    }

    /// What is on record for the org, read after every write that was answered; none where nobody put anything.
    ///
    /// # Errors
    /// [`Failure::Aws`]; [`Failure::Row`] for a row without a document.
    pub async fn read(&self, org: &OrgId) -> Result<Option<OnRecord>, Failure> {
        self.read_row(org.as_str()).await
    }

    /// The org's settings, as the functions read them.
    ///
    /// # Errors
    /// [`Failure::NotFound`] where nobody put any; [`Failure::Row`] for a document that does not validate; [`Failure::Aws`].
    pub async fn valid(&self, org: &OrgId) -> Result<Settings, Failure> {
        let on_record = self.read(org).await?;
        let on_record = on_record.ok_or_else(|| absent(org))?;
        let document = serde_json::from_str(&on_record.document).unwrap_or_default();
        Settings::parse(&document)
            .map_err(|_| Failure::Row(format!("settings on record are not valid org=`{org}`")))
    }

    /// Nothing, for an org that somebody put: a misspelt one is no org without work.
    ///
    /// # Errors
    /// [`Failure::NotFound`] where nobody put any settings; as [`Self::read`].
    pub async fn known(&self, org: &OrgId) -> Result<(), Failure> {
        match self.read(org).await? {
            Some(_) => Ok(()),
            None => Err(absent(org)),
        }
    }

    /// The same for any row: the deployment's own controls stand beside the orgs.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub async fn read_row(&self, org: &str) -> Result<Option<OnRecord>, Failure> {
        let output = self
            .client
            .get_item()
            .table_name(&self.table)
            .key("org", AttributeValue::S(org.to_string()))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| Failure::aws("GetItem", &error))?;
        let Some(item) = output.item else { return Ok(None) };
        let document = item
            .get("document")
            .and_then(|value| value.as_s().ok())
            .ok_or_else(|| Failure::Row(format!("settings have no document org=`{org}`")))?;
        Ok(Some(OnRecord {
            document: document.clone(),
            version: number(&item, "version").unwrap_or(0),
            put_at_ms: number(&item, "put_at"),
        }))
    }

    /// Puts a document in the place of version `over` (0 for an org that has none): one conditional write.
    ///
    /// The SDK sends it again when a reply is lost. The second send then meets the first one's row, and the attempt's id on
    /// it tells that it was us.
    ///
    /// # Errors
    /// [`Failure::Aws`]; the write may or may not have landed then.
    pub async fn put(&self, org: &OrgId, document: &str, over: u64) -> Result<Put, Failure> {
        self.put_row(org.as_str(), document, over).await
    }

    /// The same for any row.
    ///
    /// # Errors
    /// As [`Self::put`].
    pub async fn put_row(&self, org: &str, document: &str, over: u64) -> Result<Put, Failure> {
        let attempt_id = self.ids.fresh();
        let version = over.saturating_add(1);
        let mut request = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("org", AttributeValue::S(org.to_string()))
            .update_expression(
                "SET #document = :document, #version = :version, #put_at = :now, #attempt = :attempt",
            )
            .expression_attribute_names("#document", "document")
            .expression_attribute_names("#version", "version")
            .expression_attribute_names("#put_at", "put_at")
            .expression_attribute_names("#attempt", "attempt_id")
            .expression_attribute_values(":document", AttributeValue::S(document.to_owned()))
            .expression_attribute_values(":version", AttributeValue::N(version.to_string()))
            .expression_attribute_values(":now", AttributeValue::N(self.clock.now_ms().to_string()))
            .expression_attribute_values(":attempt", AttributeValue::S(attempt_id.clone()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        request = if over == 0 {
            request.condition_expression("attribute_not_exists(#version)")
        } else {
            request
                .condition_expression("#version = :over")
                .expression_attribute_values(":over", AttributeValue::N(over.to_string()))
        };
        let error = match request.send().await {
            Ok(_) => return Ok(Put::Written { version }),
            Err(error) => error,
        };
        let Some(UpdateItemError::ConditionalCheckFailedException(lost)) = error.as_service_error() else {
            return Err(Failure::aws("UpdateItem", &error));
        };
        let found = lost.item().cloned().unwrap_or_default();
        let is_ours = found.get("attempt_id") == Some(&AttributeValue::S(attempt_id));
        Ok(if is_ours {
            Put::Written { version }
        } else {
            Put::Changed {
                found: number(&found, "version").unwrap_or(0),
            }
        })
    }
}

impl std::fmt::Debug for SettingsTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SettingsTable")
            .field("table", &self.table)
            .finish_non_exhaustive()
    }
}

fn number(item: &Item, name: &str) -> Option<u64> {
    item.get(name)
        .and_then(|value| value.as_n().ok())
        .and_then(|digits| digits.parse().ok())
}

fn absent(org: &OrgId) -> Failure {
    Failure::NotFound(format!("org has no settings org=`{org}`"))
}
