//! The smallest world in which a ticket has its whole life: one org, two repositories of two files.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use local::aws::Aws;
use local::cloud::Cloud;
use local::sandbox::Sandbox;
use local::sandbox::model::Noise;
use local::sandbox::model::answers::{self, Answer};
use local::sandbox::source::SourceFile;
use local::sandbox::zendesk::NewTicket;
use ratchet_guard::clock::Millis;
use ratchet_runtime::config::Env;
use serde_json::json;

use crate::hub::Times;
use crate::script::Script;
use crate::variant::Variant;

/// When every schedule begins: 2026-11-10T10:00:00Z, far from the turn of a month.
pub(crate) const START_MS: Millis = 1_794_304_800_000;

/// The org's repositories; each holds a part of every bug.
pub(crate) const REPOS: [&str; 2] = ["acme/shop", "acme/api"];

/// The values behind the settings' references.
pub(super) fn secrets() -> BTreeMap<String, String> {
    [
        ("ZENDESK_SIGNING", "sandbox-zendesk-signing-secret"),
        ("ZENDESK_TOKEN", "sandbox-zendesk-token"),
        ("GITHUB_TOKEN", "sandbox-github-token"),
        ("MODEL_KEY", "sandbox-anthropic-key"),
        ("SLACK_TOKEN", "xoxb-sandbox-token"),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect()
}

/// The durations that faults know, from the environment of a function that has all of them.
pub(super) fn times(cloud: &Cloud) -> Result<Times> {
    let env = cloud.environment("open-pr")?;
    let of = |name: &str| -> Result<Millis> {
        let text = env
            .get(name)
            .with_context(|| format!("open-pr has no variable name=`{name}`"))?;
        Ok(text.parse()?)
    };
    Ok(Times {
        aws_timeout_ms: of("AWS_TIMEOUT_MS")?,
        client_timeout_ms: of("CLIENT_TIMEOUT_MS")?,
        model_timeout_ms: of("MODEL_TIMEOUT_MS")?,
        request_life_ms: of("REQUEST_LIFE_MAX_MS")?,
    })
}

/// A function's environment; one broken variant does not let its leases cover what may still land.
pub(super) fn environment(cloud: &Cloud, binary: &str, variant: Variant) -> Result<Env> {
    let env = cloud.environment(binary)?;
    Ok(match variant {
        Variant::ShortLease => env.and([("REQUEST_LIFE_MAX_MS".to_owned(), "1".to_owned())]),
        _ => env,
    })
}

/// Puts the org's settings, past everything that could go wrong.
pub(super) fn settings(aws: &Aws) -> Result<()> {
    let document = json!({
        "org": "acme",
        "zendesk": {
            "base_url": "https://acme.zendesk.com", "signing_secret": "env:ZENDESK_SIGNING",
            "email": "bot@acme.test", "api_token": "env:ZENDESK_TOKEN", "integration_user_id": "8447",
        },
        "github": { "api_url": "https://api.github.com", "token": "env:GITHUB_TOKEN", "repos": REPOS },
        "model": {
            "provider": "anthropic", "base_url": "https://api.anthropic.com", "api_key": "env:MODEL_KEY",
            "name": "claude-sonnet-4-5",
        },
        "slack": { "api_url": "https://slack.com/api", "bot_token": "env:SLACK_TOKEN", "channel": "C0123" },
        "tracker": { "kind": "github", "repo": REPOS[0] },
        "rca": { "publish": "on_pr", "visibility": "internal" },
    });
    let request = json!({
        "TableName": "SettingsTable",
        "Item": { "org": { "S": "acme" }, "document": { "S": document.to_string() }, "version": { "N": "1" } },
    });
    let (status, body) = aws
        .dynamo
        .answer("DynamoDB_20120810.PutItem", request.to_string().as_bytes());
    anyhow::ensure!(status == 200, "settings are not stored: {body}");
    Ok(())
}

/// What the model knows: one bug with a place and a change in each repository.
pub(super) fn answers() -> Result<Vec<Answer>> {
    let place = |repo: &str, path: &str| json!({ "repo_suffix": repo, "path": path, "symbol": "cart_total", "explanation": "The sum is off.", "confidence": 0.9 });
    let change = |repo: &str, path: &str| json!({ "repo_suffix": repo, "path": path, "search": "total + 1", "replace": "total" });
    let answer = json!([{
        "when": ["cart", "total"],
        "bug": {
            "is_bug": true, "title": "Cart total is one too high", "severity": "high",
            "steps_to_reproduce": ["Open the cart"], "expected": "The sum", "actual": "One more",
            "affected_feature": "cart", "customer_impact": "Pays too much",
            "quote": "The cart total is wrong", "ai_confidence": 0.9,
        },
        "locations": [place("shop", "src/cart.rs"), place("api", "src/cart_api.rs")],
        "edits": [change("shop", "src/cart.rs"), change("api", "src/cart_api.rs")],
        "rca": { "customer_impact": "Pays too much", "root_cause": "Off by one", "fix": "No one", "prevention": "A test" },
    }]);
    Ok(answers::parse(&answer.to_string())?)
}

/// Repositories and tickets, as people made them.
pub(super) fn people(sandbox: &Sandbox, script: &Script) {
    sandbox.edit(|world, now_ms| {
        world.model.noise = if script.noisy { Noise::Steady } else { Noise::Off };
        for (repo, path) in REPOS.into_iter().zip(["src/cart.rs", "src/cart_api.rs"]) {
            let text = "/// What is to pay for the cart.\npub fn cart_total(prices: &[u64]) -> u64 {\n    \
                let total: u64 = prices.iter().sum();\n    total + 1\n}\n";
            world
                .github
                .add_repo(now_ms, repo, &[SourceFile::text(path, text)]);
        }
        for number in 0..script.tickets {
            let requester = format!("Customer {number}");
            world.zendesk.add_ticket(
                now_ms,
                &NewTicket {
                    subject: "The cart total is wrong",
                    text: "The cart total is one too high.",
                    requester: &requester,
                    ..NewTicket::default()
                },
            );
            if script.comment_first {
                let ids = world.zendesk.ticket_ids();
                if let Some(ticket) = ids.last() {
                    world
                        .zendesk
                        .customer_comment(now_ms, *ticket, "It is the cart total of today.");
                }
            }
        }
    });
}
