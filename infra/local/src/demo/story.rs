//! What happens in the demo, in order: who writes, what arrives twice, what breaks.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context, Result};
use aws_lambda_events::encodings::Body;
use aws_lambda_events::event::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use ratchet_runtime::serve::Function;
use serde_json::Value;

use super::setup::{CAPPED_ORG, ORG, Ticket, World, tickets};
use crate::mapping::drain;
use crate::process::Process;
use crate::sandbox::Provider;
use crate::sandbox::fault::Fault;
use crate::sandbox::webhook::Delivery;

/// How long a webhook's function runs at most, in ms.
const WEBHOOK_TIMEOUT_MS: u64 = 10_000;

/// How long the sealer runs at most, in ms.
const SEALER_TIMEOUT_MS: u64 = 300_000;

/// Invocations that one part of the story may take, before it counts as endless.
const INVOCATIONS_MAX: u64 = 10_000;

/// What the story told, for the report.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// Tickets in the order they came: org and number.
    pub(crate) tickets: Vec<(String, String)>,
    /// Answers of the intake, by status and word.
    pub(crate) answers: BTreeMap<String, u64>,
    /// Processes that crashed.
    pub(crate) crashes: u64,
}

/// Tells the story.
pub(crate) async fn tell(world: &World) -> Result<Told> {
    let mut told = Told::default();
    let process = Arc::new(world.process()?);
    let mappings = process.mappings(&world.cloud)?;
    let sample = tickets()?;

    // The reply to the first pull request is lost after GitHub created it, and the process that posts the first
    // comment dies before it can write that down.
    world.sandbox.edit(|outside, _| {
        outside
            .faults
            .plan(Provider::Github, Some("pulls.create"), Fault::LoseReply, 1)
    });
    world.watch.crash_at("rca-comment");

    for ticket in &sample {
        world.open(ticket, ticket.id.parse().context("ticket id")?);
        told.tickets.push((ORG.to_owned(), ticket.id.clone()));
    }
    Box::pin(first_day(world, &process, &mut told)).await?;
    drain(&mappings, &world.clock, INVOCATIONS_MAX).await?;

    // A day later: a customer adds what was missing, and the two events arrive in the wrong order, one of them late.
    world.clock.advance(24 * 3_600_000);
    second_day(world, &process, &mut told, &sample).await?;
    drain(&mappings, &world.clock, INVOCATIONS_MAX).await?;

    // The other org has room for one bug, and reports two.
    for (number, id) in [(0_usize, 6101_u64), (1, 6102)] {
        let ticket = sample.get(number).context("the sample has too few tickets")?;
        world.open(ticket, id);
        told.tickets.push((CAPPED_ORG.to_owned(), id.to_string()));
        let events = deliveries(world, id);
        for delivery in &events {
            post(world, &process, &mut told, CAPPED_ORG, delivery).await?;
        }
    }
    drain(&mappings, &world.clock, INVOCATIONS_MAX).await?;

    // The hour is over: the sealer links the entries.
    let deadline_ms = world.now_ms() + SEALER_TIMEOUT_MS;
    let call = seal_bills::Call { org: None };
    let sealed = process.functions().seal_bills.call(call, deadline_ms).await;
    sealed.map_err(anyhow::Error::msg)?;

    told.crashes = process.crashes();
    Ok(told)
}

/// Every webhook of the first day, the first ticket's twice at once, then tampered and stale ones.
async fn first_day(world: &World, process: &Process, told: &mut Told) -> Result<()> {
    let ids = world.sandbox.read(|outside| outside.zendesk.ticket_ids());
    for (index, id) in ids.iter().enumerate() {
        for delivery in deliveries(world, *id) {
            if index % 4 == 0 {
                let request = request(ORG, &delivery);
                let deadline_ms = world.now_ms() + WEBHOOK_TIMEOUT_MS;
                let functions = process.functions();
                let webhook = &functions.webhook;
                let (one, other) = tokio::join!(
                    webhook.call(request.clone(), deadline_ms),
                    webhook.call(request, deadline_ms)
                );
                note(told, &one.map_err(anyhow::Error::msg)?);
                note(told, &other.map_err(anyhow::Error::msg)?);
            } else {
                post(world, process, told, ORG, &delivery).await?;
            }
        }
    }
    let some = ids.first().copied().context("there is no ticket")?;
    let delivery = deliveries(world, some)
        .into_iter()
        .next()
        .context("the ticket has no event")?;
    post(world, process, told, ORG, &delivery.clone().tampered()).await?;
    let stale = world.sandbox.read(|outside| {
        let event = outside.zendesk.events_of(some).next().cloned();
        event.map(|event| outside.zendesk.delivery(&event, world.now_ms() - 3_600_000, 1))
    });
    post(
        world,
        process,
        told,
        ORG,
        &stale.context("the ticket has no event")?,
    )
    .await
}

/// The later comments, newest event first; and every event of the first day again.
async fn second_day(world: &World, process: &Process, told: &mut Told, sample: &[Ticket]) -> Result<()> {
    for ticket in sample {
        let id: u64 = ticket.id.parse().context("ticket id")?;
        let later: Vec<&str> = ticket
            .comments
            .iter()
            .filter(|comment| comment.later)
            .map(|comment| comment.text.as_str())
            .collect();
        for text in &later {
            world
                .sandbox
                .edit(|outside, now_ms| outside.zendesk.customer_comment(now_ms, id, text));
        }
        for delivery in deliveries(world, id).into_iter().rev() {
            post(world, process, told, ORG, &delivery).await?;
        }
    }
    Ok(())
}

/// Every event of a ticket so far, signed now.
fn deliveries(world: &World, ticket: u64) -> Vec<Delivery> {
    let now_ms = world.now_ms();
    world.sandbox.read(|outside| {
        let events: Vec<_> = outside.zendesk.events_of(ticket).cloned().collect();
        events
            .iter()
            .map(|event| outside.zendesk.delivery(event, now_ms, 1))
            .collect()
    })
}

async fn post(
    world: &World,
    process: &Process,
    told: &mut Told,
    org: &str,
    delivery: &Delivery,
) -> Result<()> {
    let deadline_ms = world.now_ms() + WEBHOOK_TIMEOUT_MS;
    let answer = process
        .functions()
        .webhook
        .call(request(org, delivery), deadline_ms)
        .await;
    note(told, &answer.map_err(anyhow::Error::msg)?);
    Ok(())
}

pub(crate) fn request(org: &str, delivery: &Delivery) -> ApiGatewayV2httpRequest {
    let mut request = ApiGatewayV2httpRequest::default();
    request.raw_path = Some(format!("/hooks/{org}/zendesk"));
    request.request_context.http.method = http::Method::POST;
    for (name, value) in &delivery.headers {
        if let (Ok(name), Ok(value)) = (name.parse::<http::HeaderName>(), value.parse()) {
            request.headers.insert(name, value);
        }
    }
    request.body = Some(String::from_utf8_lossy(&delivery.body).into_owned());
    request
}

fn note(told: &mut Told, answer: &ApiGatewayV2httpResponse) {
    let body: Value = match &answer.body {
        Some(Body::Text(text)) => serde_json::from_str(text).unwrap_or_default(),
        Some(Body::Binary(bytes)) => serde_json::from_slice(bytes).unwrap_or_default(),
        _ => Value::Null,
    };
    let word = body.get("status").and_then(Value::as_str).unwrap_or("-");
    *told
        .answers
        .entry(format!("{} {word}", answer.status_code))
        .or_default() += 1;
}
