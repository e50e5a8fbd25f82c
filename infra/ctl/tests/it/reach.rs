//! Warnings: what validates and will surprise.

use anyhow::Result;
use ctl::failure::Exit;
use serde_json::{Value, json};

use crate::bench::{Bench, acme, json_of, keys};

async fn warned(document: &Value) -> Result<Vec<String>> {
    let bench = Bench::new().await?;
    let answer = bench
        .run_with(&["org", "check", "-", "--json"], &document.to_string())
        .await?;
    assert_eq!(answer.exit, Exit::Done);
    let told = json_of(&answer)?;
    assert_eq!(keys(&told), ["org", "valid", "warnings"]);
    let warnings = told
        .get("warnings")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    Ok(warnings
        .map(|warning| {
            warning
                .get("path")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        })
        .collect())
}

#[tokio::test]
async fn settings_that_hold_no_surprise_are_not_warned_of() -> Result<()> {
    assert_eq!(warned(&acme()).await?, Vec::<String>::new());
    Ok(())
}

#[tokio::test]
async fn what_this_build_does_not_do_is_warned_of() -> Result<()> {
    let mut document = acme();
    document["model"]["provider"] = json!("bedrock");
    document["tracker"] = json!({ "kind": "jira", "api_url": "http://jira.acme.test", "email": "a@acme.test", "api_token": "ssm:/j", "project": "A" });
    document["rca"] = json!({ "publish": "on_deploy" });
    document["billing"] = json!({ "mapped_bug_cap": 0 });
    document["slack"]["api_url"] = json!("http://127.0.0.1:8080/api");
    let expected = [
        "model.provider",
        "rca.publish",
        "billing.mapped_bug_cap",
        "tracker.api_url",
    ];
    assert_eq!(warned(&document).await?, expected);
    Ok(())
}

#[tokio::test]
async fn what_is_absent_and_needed_is_warned_of() -> Result<()> {
    assert_eq!(
        warned(&json!({ "org": "acme" })).await?,
        ["zendesk", "model", "github"]
    );
    let mut document = acme();
    document["github"]["webhook_secret"] = Value::Null;
    assert_eq!(warned(&document).await?, ["github.webhook_secret"]);
    Ok(())
}

/// Each warning of something unreached stands for a place that says no. When such a place is gone, its warning in
/// `src/reach.rs` is a lie: take it out there, and its line here.
#[test]
fn every_place_that_says_no_is_still_there() -> Result<()> {
    let places = [
        (
            "model.provider",
            "shared/runtime/src/connect/model.rs",
            "unsupported(\"model.provider\")",
        ),
        (
            "rca.publish",
            "functions/publish-rca/src/lib.rs",
            "RcaPublish::OnDeploy | RcaPublish::Manual => false",
        ),
    ];
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    for (path, file, no) in places {
        let text = std::fs::read_to_string(format!("{root}/{file}"))?;
        assert!(text.contains(no), "{path}: {file} does not say no any more");
    }
    Ok(())
}
