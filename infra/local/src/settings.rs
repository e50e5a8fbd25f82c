//! Orgs' settings in the local cloud's table: put once and the operator's from then on, or laid over as they are.

use anyhow::{Context, Result, bail};
use aws_sdk_dynamodb::types::AttributeValue;
use ratchet_domain::settings::Settings;
use serde_json::Value;

use crate::cloud::Cloud;

const TABLE: &str = "SettingsTable";

/// An org's settings on record.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct OnRecord {
    pub(crate) document: Value,
    version: u64,
}

/// What is on record for the org.
pub(crate) async fn read(cloud: &Cloud, org: &str) -> Result<Option<OnRecord>> {
    let dynamo = cloud.aws.link().dynamo();
    let get = dynamo.get_item().table_name(TABLE).consistent_read(true);
    let found = get.key("org", AttributeValue::S(org.to_owned())).send().await?;
    let Some(row) = found.item else { return Ok(None) };
    let document = row.get("document").and_then(|value| value.as_s().ok());
    let document = document.with_context(|| format!("settings of {org} have no document"))?;
    let version = row.get("version").and_then(|value| value.as_n().ok());
    Ok(Some(OnRecord {
        document: serde_json::from_str(document).with_context(|| format!("settings of {org}"))?,
        version: version.and_then(|digits| digits.parse().ok()).unwrap_or(0),
    }))
}

/// Puts a document in the place of what was read; nothing where it says the same.
pub(crate) async fn put(cloud: &Cloud, document: &Value, over: Option<&OnRecord>) -> Result<()> {
    let org = valid(document)?.org.to_string();
    if over.is_some_and(|kept| kept.document == *document) {
        return Ok(());
    }
    let version = over.map_or(0, |kept| kept.version).saturating_add(1);
    let dynamo = cloud.aws.link().dynamo();
    let put = dynamo
        .update_item()
        .table_name(TABLE)
        .key("org", AttributeValue::S(org.clone()))
        .update_expression("SET #document = :document, #version = :version")
        .expression_attribute_names("#document", "document")
        .expression_attribute_names("#version", "version")
        .expression_attribute_values(":document", AttributeValue::S(document.to_string()))
        .expression_attribute_values(":version", AttributeValue::N(version.to_string()));
    let put = match over {
        None => put.condition_expression("attribute_not_exists(org)"),
        Some(kept) => put
            .condition_expression("#version = :over")
            .expression_attribute_values(":over", AttributeValue::N(kept.version.to_string())),
    };
    put.send()
        .await
        .with_context(|| format!("settings of {org} could not be stored"))?;
    Ok(())
}

/// Puts a document as it is, whatever was there and whether or not it validates: for tests.
pub(crate) async fn overwrite(cloud: &Cloud, org: &str, document: &Value) -> Result<()> {
    let put = cloud.aws.link().dynamo().put_item().table_name(TABLE);
    put.item("org", AttributeValue::S(org.to_owned()))
        .item("document", AttributeValue::S(document.to_string()))
        .send()
        .await?;
    Ok(())
}

fn valid(document: &Value) -> Result<Settings> {
    Settings::parse(document).or_else(|problems| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        bail!("settings do not validate:\n  {}", lines.join("\n  "))
    })
}
