//! Calls to tables and queues: their faults, and the rules after each write.

use local::aws::{Broken, Call, Next, Reply, Service};
use ratchet_guard::clock::Millis;
use serde_json::{Value, json};

use super::Hub;
use super::branches::branches;
use crate::engine::{Fault, Held, Outside};
use crate::host::HeldRequest;
use crate::invariants::usage;
use crate::shadow::{self, Row};
use crate::variant::is_claim;

/// How long an AWS request may linger at most before it lands, in ms: longer than any lease.
const LINGER_MS: u64 = 7_200_000;

/// A call to a table or a queue.
pub(super) struct AwsCall<'h> {
    pub(super) hub: &'h Hub,
    pub(super) call: Call,
    pub(super) next: Next,
}

impl Outside for AwsCall<'_> {
    type Answer = Result<Reply, Broken>;
    type Late = HeldRequest;

    fn label(&self) -> String {
        label(&self.call)
    }

    fn is_resend(&self) -> bool {
        self.call.attempt > 1
    }

    fn is_read(&self) -> bool {
        matches!(self.call.operation.as_str(), "GetItem" | "Query")
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
        self.hub.times.aws_timeout_ms
    }

    fn late(&self, now_ms: Millis, _: Millis) -> (HeldRequest, Millis) {
        let request = HeldRequest::Aws(self.call.clone(), self.next.clone());
        (request, now_ms + LINGER_MS)
    }

    fn land(&self, due: Vec<Held<HeldRequest>>) {
        self.hub.land(due);
    }
}

impl Hub {
    /// Has the service do it, as the variant has it done, and looks at what it did.
    pub(super) fn apply_aws(&self, run: usize, call: &Call, next: &Next) -> Reply {
        let number = self.run_number(run);
        let reply = self.variant.aws(self, number, call, next);
        let wrote = matches!(
            call.operation.as_str(),
            "PutItem" | "UpdateItem" | "TransactWriteItems"
        );
        if wrote && call.service == Service::DynamoDb {
            let outcome = if reply.status == 200 { "applied" } else { "refused" };
            self.lock()
                .counters
                .hit(format!("write {} {outcome}", call.operation));
            for branch in branches(&call.json(), &reply, self.now_ms()) {
                self.hit(branch);
            }
            if reply.status == 200 {
                self.wrote(run, &call.json());
            }
        }
        self.heard(run, reply.body.as_bytes());
        reply
    }

    fn wrote(&self, run: usize, body: &Value) {
        let mut claimed = false;
        let mut counts = false;
        for (table, key, request) in writes(body) {
            match table {
                "LedgerTable" => {
                    claimed |= self.wrote_row(&key, request);
                }
                "UsageTable" => counts = true,
                _ => {}
            }
        }
        if counts {
            let found = usage(&self.scan("UsageTable"));
            self.violated(found);
        }
        if claimed {
            self.land_behind(run);
        }
    }

    /// A ledger row was written; whether the write was a claim.
    fn wrote_row(&self, key: &Value, request: &Value) -> bool {
        let values = request
            .get("ExpressionAttributeValues")
            .cloned()
            .unwrap_or_default();
        let mine = shadow::number(&values, ":mine");
        let row = self.row("LedgerTable", key);
        let now = row.as_ref().map(Row::of);
        let at_ms = self.now_ms();
        let named = shadow::key_of(key);
        let found = self.lock().at.host.shadow.wrote(named, now, mine, at_ms);
        self.violated(found);
        is_claim(request)
    }

    /// What was held back lands right behind another attempt's claim.
    fn land_behind(&self, run: usize) {
        if run != usize::MAX {
            let held = self.take_held(|held| matches!(held.what, HeldRequest::Aws(..)));
            self.land(held);
        }
    }

    /// A row as it stands on the wire.
    pub(crate) fn row(&self, table: &str, key: &Value) -> Option<Value> {
        let request = json!({ "TableName": table, "Key": key, "ConsistentRead": true });
        let reply = self.ask("GetItem", &request);
        reply.get("Item").cloned()
    }

    /// Every row of a table, as on the wire.
    pub(crate) fn scan(&self, table: &str) -> Vec<Value> {
        let reply = self.ask("Scan", &json!({ "TableName": table }));
        reply
            .get("Items")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default()
    }

    /// Asks the tables, past every fault.
    pub(crate) fn ask(&self, operation: &str, request: &Value) -> Value {
        let target = format!("DynamoDB_20120810.{operation}");
        let (_, body) = self.aws.dynamo.answer(&target, request.to_string().as_bytes());
        serde_json::from_str(&body).unwrap_or_default()
    }

    /// Asks the queues, past every fault.
    pub(crate) fn ask_sqs(&self, operation: &str, request: &Value) -> Value {
        let reply = self
            .aws
            .sqs
            .answer(&format!("AmazonSQS.{operation}"), request.to_string().as_bytes());
        serde_json::from_str(&reply.body).unwrap_or_default()
    }
}

/// Table, key and request of every write in a body.
pub(crate) fn writes(body: &Value) -> Vec<(&str, Value, &Value)> {
    let parts: Vec<&Value> = match body.get("TransactItems").and_then(Value::as_array) {
        Some(items) => items
            .iter()
            .filter_map(|item| item.as_object()?.values().next())
            .collect(),
        None => vec![body],
    };
    let one = |part: &'_ Value| {
        let key = part
            .get("Key")
            .or_else(|| part.get("Item"))
            .cloned()
            .unwrap_or_default();
        let names: &[&str] = &["subject", "step"];
        let key = match key.get("subject") {
            Some(_) => names
                .iter()
                .filter_map(|name| Some(((*name).to_owned(), key.get(*name)?.clone())))
                .collect::<serde_json::Map<_, _>>()
                .into(),
            None => key,
        };
        key
    };
    parts
        .into_iter()
        .map(|part| {
            (
                part.get("TableName").and_then(Value::as_str).unwrap_or_default(),
                one(part),
                part,
            )
        })
        .collect()
}

/// What a call says, in one line.
pub(crate) fn label(call: &Call) -> String {
    let body = call.json();
    let mut line = call.operation.clone();
    if call.attempt > 1 {
        line.push_str(&format!(" (send {})", call.attempt));
    }
    if call.service == Service::Sqs {
        let queue = body.get("QueueUrl").and_then(Value::as_str).unwrap_or_default();
        line.push(' ');
        line.push_str(queue.rsplit('/').next().unwrap_or_default());
        return line;
    }
    for (table, key, _) in writes(&body) {
        let name = ["step", "event", "sk", "org"]
            .into_iter()
            .map(|name| shadow::text(&key, name))
            .find(|text| !text.is_empty())
            .unwrap_or_default()
            .to_owned();
        line.push_str(&format!(" {table}/{name}"));
    }
    line
}
