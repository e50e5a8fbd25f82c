//! The shop's outside calls: what each fault makes of them, and the rules after each.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use local::aws::{Broken, Call, Choke, Next, Reply};
use ratchet_guard::clock::Millis;
use serde_json::{Value, json};

use super::workflow::api::{Door, Unanswered};
use super::workflow::doubles::{Service, status};
use super::{Hub, Late};
use crate::engine::{Fault, Held, Outside};
use crate::hub::aws;
use crate::shadow::{self, Row};

/// What the ledger's client waits for an answer, in ms.
const AWS_TIMEOUT_MS: Millis = 3_000;

/// How long a write to the tables may linger before it lands, in ms: longer than any lease.
const LINGER_MS: Millis = 7_200_000;

/// What the services' client waits for an answer, in ms.
const CLIENT_TIMEOUT_MS: Millis = 5_000;

struct TableCall<'h> {
    hub: &'h Hub,
    call: Call,
    next: Next,
}

struct ServiceCall<'h> {
    hub: &'h Hub,
    request: Request<Bytes>,
}

impl Outside for TableCall<'_> {
    type Answer = Result<Reply, Broken>;
    type Late = Late;

    fn label(&self) -> String {
        aws::label(&self.call)
    }

    fn is_resend(&self) -> bool {
        self.call.attempt > 1
    }

    fn apply(&self, run: usize) -> Self::Answer {
        Ok(self.hub.apply_aws(run, &self.call, &self.next))
    }

    fn refused(&self, _: usize, point: u32, _: Fault) -> Self::Answer {
        match point % 4 {
            0 => Ok(Reply::throttled(self.call.service)),
            1 => Err(Broken::Refused),
            2 => Ok(Reply::unavailable()),
            _ => Ok(Reply::internal_error()),
        }
    }

    fn lost(&self, run: usize, _: Fault) -> Self::Answer {
        self.hub.apply_aws(run, &self.call, &self.next);
        Err(Broken::Reset)
    }

    fn timed_out(&self) -> Self::Answer {
        Err(Broken::TimedOut)
    }

    fn timeout_ms(&self) -> Millis {
        AWS_TIMEOUT_MS
    }

    fn late(&self, now_ms: Millis, _: Millis) -> (Late, Millis) {
        (
            Late::Aws(self.call.clone(), self.next.clone()),
            now_ms + LINGER_MS,
        )
    }

    fn land(&self, due: Vec<Held<Late>>) {
        self.hub.land(due);
    }
}

impl Outside for ServiceCall<'_> {
    type Answer = Result<Response<Bytes>, Unanswered>;
    type Late = Late;

    fn label(&self) -> String {
        let uri = self.request.uri();
        let host = uri.host().unwrap_or_default();
        format!("{} {host}{}", self.request.method(), uri.path())
    }

    fn apply(&self, run: usize) -> Self::Answer {
        self.hub.apply_service(run, &self.request)
    }

    fn refused(&self, _: usize, point: u32, fault: Fault) -> Self::Answer {
        match (fault, point % 2) {
            (Fault::Refused, 0) => Err(Unanswered::NotSent),
            (Fault::Refused, _) => Ok(status(StatusCode::TOO_MANY_REQUESTS)),
            (_, 0) => Ok(status(StatusCode::SERVICE_UNAVAILABLE)),
            (_, _) => Ok(status(StatusCode::INTERNAL_SERVER_ERROR)),
        }
    }

    fn lost(&self, run: usize, fault: Fault) -> Self::Answer {
        let applied = self.hub.apply_service(run, &self.request);
        // It is applied, and the gateway in front of it says that it failed.
        if fault == Fault::Lost && applied.is_ok() {
            return Ok(status(StatusCode::BAD_GATEWAY));
        }
        Err(Unanswered::Lost)
    }

    fn timed_out(&self) -> Self::Answer {
        Err(Unanswered::Lost)
    }

    fn timeout_ms(&self) -> Millis {
        CLIENT_TIMEOUT_MS
    }

    fn late(&self, _: Millis, end_ms: Millis) -> (Late, Millis) {
        let life_ms = super::TIMING.request_life_ms_max;
        (Late::Service(self.request.clone()), end_ms + life_ms - 1_000)
    }

    fn land(&self, due: Vec<Held<Late>>) {
        self.hub.land(due);
    }
}

#[async_trait]
impl Choke for Hub {
    async fn around(&self, call: &Call, next: Next) -> Result<Reply, Broken> {
        let call = TableCall {
            hub: self,
            call: call.clone(),
            next,
        };
        self.points.pass(&call).await
    }
}

#[async_trait]
impl Door for Hub {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Unanswered> {
        self.points.pass(&ServiceCall { hub: self, request }).await
    }
}

/// The same services past every fault.
pub(super) struct Beside(pub(super) Arc<Hub>);

#[async_trait]
impl Door for Beside {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Unanswered> {
        self.0.apply_service(usize::MAX, &request)
    }
}

impl Hub {
    /// Has the tables do it, and looks at what they did.
    pub(super) fn apply_aws(&self, run: usize, call: &Call, next: &Next) -> Reply {
        let reply = next.apply();
        let body = call.json();
        if reply.status == 200 && matches!(call.operation.as_str(), "PutItem" | "UpdateItem") {
            self.points.hit(format!("write {}", call.operation));
            self.wrote(run, &body);
        }
        self.points.heard(run, reply.body.as_bytes());
        reply
    }

    /// A ledger row was written: the rules that hold from one write to the next.
    fn wrote(&self, run: usize, body: &Value) {
        for (_, key, request) in aws::writes(body) {
            let values = request
                .get("ExpressionAttributeValues")
                .cloned()
                .unwrap_or_default();
            let mine = shadow::number(&values, ":mine");
            let row = self.row(&key).as_ref().map(Row::of);
            let now_ms = self.points.now_ms();
            let found = {
                let mut inner = self.points.lock();
                inner
                    .at
                    .host
                    .shadow
                    .wrote(shadow::key_of(&key), row, mine, now_ms)
            };
            self.points.violated(found);
            // What was held back lands right behind another attempt's claim.
            let claims = request
                .get("UpdateExpression")
                .and_then(Value::as_str)
                .is_some_and(|text| text.contains("fence = fence + :one"));
            if claims && run != usize::MAX {
                let held = self.points.take_held(|held| matches!(held.what, Late::Aws(..)));
                self.land(held);
            }
        }
    }

    /// Has the service do it, and looks at what is there then.
    fn apply_service(&self, run: usize, request: &Request<Bytes>) -> Result<Response<Bytes>, Unanswered> {
        let service = request.uri().host().and_then(Service::from_name);
        let service = service.ok_or(Unanswered::NotSent)?;
        let (answer, found) = {
            let mut doubles = self.doubles();
            let answer = doubles.answer(service, request);
            (answer, super::check::at_every_instant(&doubles))
        };
        self.points.violated(found);
        self.points.heard(run, answer.body());
        Ok(answer)
    }

    /// Lets requests that were held land.
    pub(super) fn land(&self, held: Vec<Held<Late>>) {
        for held in held {
            match held.what {
                Late::Aws(call, next) => drop(self.apply_aws(usize::MAX, &call, &next)),
                Late::Service(request) => drop(self.apply_service(usize::MAX, &request)),
            }
        }
    }

    fn row(&self, key: &Value) -> Option<Value> {
        let request = json!({ "TableName": super::TABLE, "Key": key, "ConsistentRead": true });
        self.ask("GetItem", &request).get("Item").cloned()
    }

    /// Every row of the ledger, as on the wire.
    pub(super) fn rows(&self) -> Vec<Value> {
        let reply = self.ask("Scan", &json!({ "TableName": super::TABLE }));
        reply
            .get("Items")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default()
    }

    fn ask(&self, operation: &str, request: &Value) -> Value {
        let target = format!("DynamoDB_20120810.{operation}");
        let (_, body) = self.aws.dynamo.answer(&target, request.to_string().as_bytes());
        serde_json::from_str(&body).unwrap_or_default()
    }
}
