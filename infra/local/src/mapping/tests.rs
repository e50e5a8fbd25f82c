//! What becomes of messages by what the function answers.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use aws_lambda_events::event::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent};
use futures::FutureExt as _;
use ratchet_guard::clock::{Clock, ManualClock, SystemClock};

use super::{Endless, Handler, Mapping, Unanswered, drain};
use crate::sqs::{Redrive, Sqs, arn};
use crate::template::Source;

/// The queue `work`, in batches of so many.
fn work(batch_size: u64) -> Source {
    Source {
        queue: "work".to_owned(),
        batch_size,
        window_seconds: 0,
        concurrency_max: Some(2),
    }
}

type Answered = Result<SqsBatchResponse, Unanswered>;

/// Queues `work`, with `receives_max`, and `dead`, at second 1000.
fn queues(receives_max: u32) -> (Arc<ManualClock>, Sqs) {
    let clock = Arc::new(ManualClock::at(1_000_000));
    let sqs = Sqs::new(Arc::<ManualClock>::clone(&clock));
    for name in ["dead", "work"] {
        let body = format!(r#"{{"QueueName":"{name}"}}"#);
        assert_eq!(sqs.answer("AmazonSQS.CreateQueue", body.as_bytes()).status, 200);
    }
    sqs.edit(|state, _| {
        let redrive = Redrive {
            dead_letter_target_arn: arn("dead"),
            max_receive_count: receives_max,
        };
        state.queues.get_mut("work").unwrap().settings.redrive = Some(redrive);
    });
    (clock, sqs)
}

fn send(sqs: &Sqs, bodies: &[&str]) {
    for body in bodies {
        let request =
            serde_json::json!({ "QueueUrl": Sqs::queue_url("work"), "MessageBody": body }).to_string();
        assert_eq!(
            sqs.answer("AmazonSQS.SendMessage", request.as_bytes()).status,
            200
        );
    }
}

fn handler(answer: impl Fn(&SqsEvent) -> Answered + Send + Sync + 'static) -> Handler {
    Arc::new(move |event| std::future::ready(answer(&event)).boxed())
}

fn failing(ids: impl IntoIterator<Item = String>) -> Answered {
    let mut response = SqsBatchResponse::default();
    for id in ids {
        let mut failure = BatchItemFailure::default();
        failure.item_identifier = id;
        response.batch_item_failures.push(failure);
    }
    Ok(response)
}

fn ids(event: &SqsEvent, body: &str) -> Vec<String> {
    let chosen = event
        .records
        .iter()
        .filter(|record| record.body.as_deref() == Some(body));
    chosen.filter_map(|record| record.message_id.clone()).collect()
}

#[tokio::test]
async fn answer_decides_which_messages_are_deleted() {
    type Answer = fn(&SqsEvent) -> Answered;
    let cases: [(&str, Answer, &[&str]); 6] = [
        ("none failed", |_| failing([]), &[]),
        ("one failed", |event| failing(ids(event, "b")), &["b"]),
        (
            "a name that is not in the batch",
            |_| failing(["other".to_owned()]),
            &["a", "b", "c"],
        ),
        ("an empty name", |_| failing([String::new()]), &["a", "b", "c"]),
        (
            "a right and a wrong name",
            |event| failing([ids(event, "b"), vec![String::new()]].concat()),
            &["a", "b", "c"],
        ),
        (
            "no answer",
            |_| {
                Err(Unanswered {
                    reason: "crash".to_owned(),
                })
            },
            &["a", "b", "c"],
        ),
    ];
    for (case, answer, left) in cases {
        let (clock, sqs) = queues(9);
        send(&sqs, &["a", "b", "c"]);
        let mapping = Mapping::new(sqs.clone(), &work(10), handler(answer));
        assert!(mapping.step().await, "{case}");
        assert!(!mapping.step().await, "{case}: what is left is hidden");
        clock.advance(30_000);
        let bodies: Vec<String> = sqs
            .receive("work", 10)
            .into_iter()
            .map(|received| received.message.body)
            .collect();
        assert_eq!(bodies, left, "{case}");
    }
}

#[tokio::test]
async fn event_has_the_shape_that_lambda_gives_it() {
    let (_, sqs) = queues(9);
    let request = serde_json::json!({
        "QueueUrl": Sqs::queue_url("work"),
        "MessageBody": "hello",
        "MessageAttributes": {
            "order": { "DataType": "String", "StringValue": "42" },
            "raw": { "DataType": "Binary", "BinaryValue": "AAE=" },
        },
        "MessageSystemAttributes": { "AWSTraceHeader": { "DataType": "String", "StringValue": "Root=1-2-3" } },
    });
    assert_eq!(
        sqs.answer("AmazonSQS.SendMessage", request.to_string().as_bytes())
            .status,
        200
    );
    let mapping = Mapping::new(sqs, &work(1), handler(|_| failing([])));
    let batch = mapping.poll().unwrap();

    let event = serde_json::to_value(&batch.event).unwrap();
    let record = &event["Records"][0];
    for (path, expected) in [
        ("/body", "hello"),
        ("/md5OfBody", "5d41402abc4b2a76b9719d911017c592"),
        ("/eventSource", "aws:sqs"),
        ("/eventSourceARN", "arn:aws:sqs:eu-central-1:000000000000:work"),
        ("/awsRegion", "eu-central-1"),
        ("/attributes/ApproximateReceiveCount", "1"),
        ("/attributes/SentTimestamp", "1000000"),
        ("/attributes/ApproximateFirstReceiveTimestamp", "1000000"),
        ("/attributes/AWSTraceHeader", "Root=1-2-3"),
        ("/messageAttributes/order/stringValue", "42"),
        ("/messageAttributes/order/dataType", "String"),
        ("/messageAttributes/raw/binaryValue", "AAE="),
    ] {
        assert_eq!(
            record.pointer(path).and_then(|value| value.as_str()),
            Some(expected),
            "{path}"
        );
    }
    assert!(record["messageId"].as_str().is_some_and(|id| id.len() == 36));
    let read: SqsEvent = serde_json::from_value(event).unwrap();
    assert_eq!(read, batch.event);
}

#[tokio::test]
async fn drained_queue_ends_in_success_or_among_the_dead_letters() {
    let (clock, sqs) = queues(3);
    send(&sqs, &["good", "poison", "slow"]);
    let slow = AtomicUsize::new(0);
    let own = sqs.clone();
    let answer = move |event: &SqsEvent| {
        let record = &event.records[0];
        match record.body.as_deref() {
            Some("poison") => failing(ids(event, "poison")),
            Some("slow") if slow.fetch_add(1, Ordering::SeqCst) < 2 => {
                let request = serde_json::json!({
                    "QueueUrl": Sqs::queue_url("work"),
                    "ReceiptHandle": record.receipt_handle,
                    "VisibilityTimeout": 600,
                });
                let reply = own.answer(
                    "AmazonSQS.ChangeMessageVisibility",
                    request.to_string().as_bytes(),
                );
                assert_eq!(reply.status, 200);
                failing(ids(event, "slow"))
            }
            _ => failing([]),
        }
    };
    let mapping = Mapping::new(sqs.clone(), &work(1), handler(answer));

    assert_eq!(drain(&[mapping], &clock, 100).await, Ok(7));

    assert_eq!(
        clock.now_ms(),
        1_000_000 + 2 * 600_000,
        "the clock went where the last message was due"
    );
    assert_eq!(sqs.depth("work"), crate::sqs::Depth::default());
    assert_eq!(sqs.receive("dead", 10)[0].message.body, "poison");
}

#[tokio::test]
async fn drain_says_when_work_does_not_end() {
    let (clock, sqs) = queues(1_000);
    send(&sqs, &["a"]);
    let mapping = Mapping::new(sqs, &work(1), handler(|event| failing(ids(event, "a"))));
    assert_eq!(
        drain(&[mapping], &clock, 5).await,
        Err(Endless {
            invocations: 6,
            now_ms: 1_000_000 + 5 * 30_000
        })
    );
}

#[tokio::test]
async fn running_mapping_takes_what_arrives_and_finishes_before_it_stops() {
    let clock = Arc::new(SystemClock);
    let sqs = Sqs::new(Arc::<SystemClock>::clone(&clock));
    assert_eq!(
        sqs.answer("AmazonSQS.CreateQueue", br#"{"QueueName":"work"}"#)
            .status,
        200
    );
    let (entered, mut seen) = tokio::sync::mpsc::unbounded_channel();
    let (open, gate) = tokio::sync::watch::channel(false);
    let done = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&done);
    let handler: Handler = Arc::new(move |event| {
        let (entered, mut gate, log) = (entered.clone(), gate.clone(), Arc::clone(&log));
        async move {
            let body = event.records[0].body.clone().unwrap_or_default();
            entered.send(body.clone()).unwrap();
            gate.wait_for(|open| *open).await.unwrap();
            log.lock().unwrap().push(body);
            failing([])
        }
        .boxed()
    });
    let mapping = Mapping::new(sqs.clone(), &work(1), handler);
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let feeding = mapping.run(clock.as_ref(), async {
        stopped.await.unwrap();
    });
    let script = async {
        send(&sqs, &["a", "b", "c"]);
        assert_eq!(seen.recv().await.as_deref(), Some("a"));
        assert_eq!(seen.recv().await.as_deref(), Some("b"));
        assert_eq!(sqs.depth("work").visible, 1, "two at once, and no third");
        stop.send(()).unwrap();
        open.send(true).unwrap();
    };
    tokio::join!(feeding, script);
    done.lock().unwrap().sort_unstable();
    assert_eq!(*done.lock().unwrap(), ["a", "b"]);
    assert_eq!((sqs.depth("work").visible, sqs.depth("work").in_flight), (1, 0));
}

#[tokio::test]
async fn a_batch_takes_as_many_as_its_source_says_also_beyond_one_receive() {
    for (size, expected) in [(1, 1), (10, 10), (25, 25), (40, 30)] {
        let (_, sqs) = queues(9);
        let bodies: Vec<String> = (0..30).map(|number| number.to_string()).collect();
        send(&sqs, &bodies.iter().map(String::as_str).collect::<Vec<_>>());
        let mapping = Mapping::new(sqs, &work(size), handler(|_| failing([])));
        assert_eq!(mapping.poll().unwrap().event.records.len(), expected, "{size}");
    }
}

#[tokio::test]
async fn a_batch_that_is_not_full_waits_for_its_window_and_a_full_one_does_not() {
    let (clock, sqs) = queues(9);
    let source = Source {
        window_seconds: 5,
        ..work(3)
    };
    let mapping = Mapping::new(sqs.clone(), &source, handler(|_| failing([])));
    send(&sqs, &["a"]);
    assert!(mapping.poll().is_none());
    clock.advance(4_000);
    send(&sqs, &["b"]);
    assert!(mapping.poll().is_none(), "the first message's window counts");
    clock.advance(1_000);
    let both = mapping.poll().unwrap();
    assert_eq!(both.event.records.len(), 2);
    mapping.invoke(both).await;
    send(&sqs, &["c", "d", "e"]);
    let full = mapping.poll().unwrap();
    assert_eq!(full.event.records.len(), 3);
    mapping.invoke(full).await;
    // A drain waits for the window, too.
    send(&sqs, &["f"]);
    assert_eq!(drain(&[mapping], &clock, 10).await, Ok(1));
}
