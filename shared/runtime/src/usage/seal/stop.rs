//! Where sealing stopped: an entry that does not verify. Whoever reads sealed entries learns from it why there are no more.

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::AttributeValue;
use ratchet_domain::ids::OrgId;
use ratchet_domain::period::Period;
use ratchet_guard::store::Item;
use serde::{Deserialize, Serialize};

use super::super::{Usage, UsageError};
use super::{body, seals};

/// The entry that stopped it.
///
/// **Shape** in the usage table, partition of the seals, sort `stop#<before>` (six digits): `body` (S, this as JSON) and
/// `stopped_at` (N). **Lifetime**: for ever; it says nothing any more once there is a batch of that number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stop {
    /// The number of the batch that would have been next.
    pub before: u64,
    /// The partition that has the entry.
    pub partition: String,
    /// The entry's sort key.
    pub key: String,
    /// Why it does not verify.
    pub fault: String,
    /// When it was found, in ms.
    pub stopped_at: u64,
}

impl Usage {
    /// What keeps the batch of that number from being sealed; nothing where the entry verifies by now.
    ///
    /// # Errors
    /// [`UsageError`].
    pub async fn stop(&self, org: &OrgId, period: &Period, before: u64) -> Result<Option<Stop>, UsageError> {
        let output = self
            .client
            .get_item()
            .table_name(&*self.table)
            .key("org_period", seals(org, period))
            .key("sk", AttributeValue::S(sort_key(before)))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| UsageError::of("GetItem", &error))?;
        let Some(stop) = output.item.as_ref().map(body::<Stop>).transpose()? else {
            return Ok(None);
        };
        let entry = self.entry(&stop.partition, &stop.key).await?;
        let is_mended = entry.is_none_or(|entry| entry.verified().is_ok());
        Ok((!is_mended).then_some(stop))
    }

    /// Puts a stop on record; a later one of the same number stands for it.
    pub(super) async fn put_stop(&self, org: &OrgId, period: &Period, stop: &Stop) -> Result<(), UsageError> {
        let stopped_at = AttributeValue::N(stop.stopped_at.to_string());
        let item = Item::from([
            ("org_period".to_owned(), seals(org, period)),
            ("sk".to_owned(), AttributeValue::S(sort_key(stop.before))),
            ("stopped_at".to_owned(), stopped_at.clone()),
            (
                "body".to_owned(),
                AttributeValue::S(serde_json::to_string(stop).unwrap_or_default()),
            ),
        ]);
        let answer = self
            .client
            .put_item()
            .table_name(&*self.table)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(org_period) OR stopped_at < :stopped_at")
            .expression_attribute_values(":stopped_at", stopped_at)
            .send()
            .await;
        match answer {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(_)) => Ok(()),
                _ => Err(UsageError::of("PutItem", &error)),
            },
        }
    }
}

fn sort_key(before: u64) -> String {
    format!("stop#{before:06}")
}
