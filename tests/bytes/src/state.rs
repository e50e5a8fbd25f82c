//! What a target keeps from one input to the next: made once a thread.

use std::sync::Arc;

use anyhow::Result;
use local::aws::Aws;
use local::cloud::Cloud;
use local::demo::sandbox_settings;
use ratchet_guard::clock::{Clock, ManualClock, Millis};
use serde_json::{Value, json};

/// 2026-01-15T10:00:00Z.
pub(crate) const NOW_MS: Millis = 1_768_471_200_000;

/// The vendors' secrets for the org `acme`.
pub(crate) const ZENDESK_SECRET: &str = "sandbox-zendesk-signing-secret";
pub(crate) const INTERCOM_SECRET: &str = "sandbox-intercom-client-secret";
pub(crate) const GITHUB_SECRET: &str = "sandbox-github-webhook-secret";

/// What settings refer to, beside what opens the sandbox.
pub(crate) fn secrets() -> [(String, String); 4] {
    [
        ("ZENDESK_SIGNING", ZENDESK_SECRET),
        ("INTERCOM_CLIENT", INTERCOM_SECRET),
        ("GITHUB_WEBHOOK", GITHUB_SECRET),
        ("UNUSED", "unused"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
}

/// The template's resources in memory at [`NOW_MS`], with the org `acme`.
pub(crate) async fn cloud(
    secrets: impl IntoIterator<Item = (String, String)>,
) -> Result<(Cloud, Arc<dyn Clock>)> {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(NOW_MS));
    let aws = Aws::memory(Arc::clone(&clock))?;
    let cloud = Cloud::deploy(aws, secrets.into_iter().collect()).await?;
    let request = json!({
        "TableName": "SettingsTable",
        "Item": { "org": { "S": "acme" }, "document": { "S": settings().to_string() }, "version": { "N": "1" } },
    });
    let (status, body) = cloud
        .aws
        .dynamo
        .answer("DynamoDB_20120810.PutItem", request.to_string().as_bytes());
    anyhow::ensure!(status == 200, "settings are not stored: {body}");
    Ok((cloud, clock))
}

/// An org that every vendor may write to.
fn settings() -> Value {
    let mut document = sandbox_settings("acme", &["acme/shop".to_owned()]);
    if let Some(fields) = document.as_object_mut() {
        fields.insert(
            "intercom".to_owned(),
            json!({ "base_url": "https://api.intercom.io", "client_secret": "env:INTERCOM_CLIENT",
                "access_token": "env:UNUSED", "admin_id": "3156780" }),
        );
    }
    document
}
