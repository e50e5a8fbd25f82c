//! The repositories of a stand: what people do to pull requests, and GitHub's word of it.

use anyhow::{Context, Result, anyhow};
use aws_lambda_events::event::apigw::ApiGatewayV2httpRequest;
use ratchet_guard::clock::Clock;
use ratchet_runtime::serve::Function;

use super::Stand;
use crate::sandbox::github::Pull;
use crate::sandbox::source::SourceFile;
use crate::sandbox::webhook::Delivery;

impl Stand {
    /// The one pull request of a repository.
    ///
    /// # Errors
    /// When there is none, or more than one.
    pub fn only_pull(&self, repo: &str) -> Result<Pull> {
        let mut pulls = self.sandbox.read(|outside| outside.github.pulls(repo));
        match (pulls.pop(), pulls.is_empty()) {
            (Some(pull), true) => Ok(pull),
            (found, _) => Err(anyhow!(
                "{} pull requests",
                pulls.len() + usize::from(found.is_some())
            )),
        }
    }

    /// A colleague takes the proposal back and changes this file instead, on the pull request's own branch.
    ///
    /// # Errors
    /// When there is no such branch.
    pub fn reworked(&self, repo: &str, pull: &Pull, taken_back: &[&str], instead: &str) -> Result<()> {
        let pushed = self.sandbox.edit(|outside, now_ms| {
            let as_it_was = |path: &&str| {
                let text = outside.github.file(repo, &pull.base, path)?;
                Some(SourceFile::text(path, &text))
            };
            let mut files: Vec<SourceFile> = taken_back.iter().filter_map(as_it_was).collect();
            files.push(SourceFile::text(instead, "mended here\n"));
            outside.github.push(now_ms, repo, &pull.head, &files)
        });
        pushed.map(drop).context("the branch is not there")
    }

    /// A person merges it.
    ///
    /// # Errors
    /// When it does not merge.
    pub fn merge(&self, repo: &str, number: u64) -> Result<()> {
        let merged = self
            .sandbox
            .edit(|outside, now_ms| outside.github.merge_pr(now_ms, repo, number));
        merged.map(drop).context("it does not merge")
    }

    /// GitHub's deliveries that nobody has taken yet, signed.
    pub fn hooks(&self) -> Vec<Delivery> {
        self.sandbox.edit(|outside, _| {
            let hooks = outside.github.take_hooks();
            hooks
                .iter()
                .map(|hook| outside.github.hook_delivery(hook))
                .collect()
        })
    }

    /// The intake's answer to a delivery: its status and its body.
    ///
    /// # Errors
    /// When the stand itself fails.
    pub async fn post(&self, path: &str, delivery: &Delivery) -> Result<(i64, String)> {
        let mut request = ApiGatewayV2httpRequest::default();
        request.raw_path = Some(path.to_owned());
        request.request_context.http.method = http::Method::POST;
        for (name, value) in &delivery.headers {
            request
                .headers
                .insert(name.parse::<http::HeaderName>()?, value.parse()?);
        }
        request.body = Some(String::from_utf8(delivery.body.to_vec())?);
        let deadline_ms = self.clock.now_ms() + 10_000;
        let functions = Box::new(self.functions()?);
        let answer = Box::pin(functions.webhook.call(request, deadline_ms)).await;
        let answer = answer.map_err(|error| anyhow!("{error}"))?;
        let body = match answer.body {
            Some(aws_lambda_events::encodings::Body::Text(text)) => text,
            _ => String::new(),
        };
        Ok((answer.status_code, body))
    }
}
