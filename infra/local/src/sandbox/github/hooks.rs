//! Webhooks of the app: recorded when something happens, sent by whoever hosts the sandbox, listed and sent
//! again on request. The vendor itself never sends one twice on its own.

use std::collections::BTreeMap;

use bytes::Bytes;
use ratchet_guard::clock::Millis;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::Github;
use super::api::{Answer, Call, error, repo_json};
use super::pulls::{number_of, pull_json};
use crate::sandbox::webhook::{Delivery, github_signature};
use crate::sandbox::{reply, time};

/// One delivery, sent or still to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hook {
    /// The delivery's number: another for every attempt.
    pub id: u64,
    /// `X-GitHub-Delivery`: the same on every attempt.
    pub guid: String,
    /// `X-GitHub-Event`.
    pub event: String,
    /// The body's `action`.
    pub action: String,
    /// The exact body.
    pub body: String,
    /// When it happened, or was asked for again.
    pub at_ms: Millis,
    /// Asked for again.
    pub redelivery: bool,
    /// What the receiver answered; none while it was not sent.
    pub status_code: Option<u16>,
    taken: bool,
}

/// What links in a webhook's body begin with, since no request of a client stands behind them.
const API: &str = "https://api.github.com";

impl Github {
    /// The deliveries that nobody took yet, in order; the host sends them and says what came back with
    /// [`Github::hook_answered`].
    pub fn take_hooks(&mut self) -> Vec<Hook> {
        let mut fresh = Vec::new();
        for hook in self.hooks.iter_mut().filter(|hook| !hook.taken) {
            hook.taken = true;
            fresh.push(hook.clone());
        }
        fresh
    }

    /// Records what the receiver answered; 0 stands for no answer.
    pub fn hook_answered(&mut self, id: u64, status_code: u16) {
        if let Some(hook) = self.hooks.iter_mut().find(|hook| hook.id == id) {
            hook.status_code = Some(status_code);
        }
    }

    /// Headers and body of a delivery, signed.
    #[must_use]
    pub fn hook_delivery(&self, hook: &Hook) -> Delivery {
        let headers = [
            ("content-type", "application/json".to_owned()),
            ("user-agent", "GitHub-Hookshot/sandbox".to_owned()),
            ("x-github-delivery", hook.guid.clone()),
            ("x-github-event", hook.event.clone()),
            ("x-github-hook-id", "1".to_owned()),
            ("x-github-hook-installation-target-type", "integration".to_owned()),
            ("x-github-hook-installation-target-id", self.access.app_id.clone()),
            (
                "x-hub-signature-256",
                github_signature(&self.access.webhook_secret, hook.body.as_bytes()),
            ),
        ];
        let headers: BTreeMap<String, String> = headers
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        Delivery {
            headers,
            body: Bytes::from(hook.body.clone()),
        }
    }

    /// Records the `pull_request` webhook of something that just happened to a pull request.
    pub(crate) fn record_pull(
        &mut self,
        name: &str,
        number: u64,
        action: &str,
        sender: &str,
        now_ms: Millis,
    ) {
        let Some(repo) = self.repos.get(name) else { return };
        let Some(pull) = repo.pulls.get(&number) else {
            return;
        };
        let body = json!({
            "action": action,
            "number": number,
            "pull_request": pull_json(repo, name, pull, API),
            "repository": repo_json(repo, name, API),
            "sender": {"login": sender},
            "installation": {"id": self.access.installation_id.parse::<u64>().unwrap_or_default()},
        });
        let id = self.fresh_id();
        let guid = self.guid(id);
        self.hooks.push(Hook {
            id,
            guid,
            event: "pull_request".to_owned(),
            action: action.to_owned(),
            body: body.to_string(),
            at_ms: now_ms,
            redelivery: false,
            status_code: None,
            taken: false,
        });
    }

    fn guid(&self, id: u64) -> String {
        let digest = hex::encode(Sha256::digest(format!("hook/{}/{id}", self.seed)));
        let part = |from: usize, length: usize| digest.chars().skip(from).take(length).collect::<String>();
        format!(
            "{}-{}-{}-{}-{}",
            part(0, 8),
            part(8, 4),
            part(12, 4),
            part(16, 4),
            part(20, 12)
        )
    }

    /// Newest first; the `Link` header leads on by cursor.
    pub(crate) fn hook_list(&mut self, call: &mut Call<'_>) -> Answer {
        let size = usize::try_from(call.ask.number("per_page").unwrap_or(30))
            .unwrap_or(30)
            .clamp(1, 100);
        let before = call.ask.number("cursor").unwrap_or(u64::MAX);
        // What was not sent yet is no delivery.
        let sent = |hook: &&Hook| hook.status_code.is_some() && hook.id < before;
        let found: Vec<&Hook> = self.hooks.iter().rev().filter(sent).take(size + 1).collect();
        let shown: Vec<Value> = found.iter().take(size).map(|hook| hook_json(hook)).collect();
        let reply = reply::json(200, &json!(shown));
        let last = found.get(size - 1).filter(|_| found.len() > size);
        Ok(match last {
            Some(last) => {
                let base = &call.ask.base;
                let link = format!(
                    "<{base}/app/hook/deliveries?per_page={size}&cursor={}>; rel=\"next\"",
                    last.id
                );
                reply::with(reply, "link", &link)
            }
            None => reply,
        })
    }

    pub(crate) fn hook_redeliver(&mut self, call: &mut Call<'_>) -> Answer {
        let wanted = number_of(call, 3).unwrap_or_default();
        let found = self.hooks.iter().find(|hook| hook.id == wanted).cloned();
        let again = found.ok_or_else(|| error(404, "Not Found"))?;
        let id = self.fresh_id();
        let at_ms = call.ask.now_ms;
        self.hooks.push(Hook {
            id,
            at_ms,
            redelivery: true,
            status_code: None,
            taken: false,
            ..again
        });
        Ok(reply::json(202, &json!({})))
    }
}

fn hook_json(hook: &Hook) -> Value {
    let code = hook.status_code.unwrap_or_default();
    json!({
        "id": hook.id,
        "guid": hook.guid,
        "delivered_at": time::seconds(hook.at_ms),
        "redelivery": hook.redelivery,
        "duration": 0.1,
        "status": if (200..300).contains(&code) { "OK" } else { "Invalid HTTP Response" },
        "status_code": code,
        "event": hook.event,
        "action": hook.action,
        "installation_id": null,
        "repository_id": null,
    })
}
