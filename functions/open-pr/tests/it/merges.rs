//! From GitHub's word of a merge to one credit, to a root cause that waited for it, or to nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use local::demo::sandbox_settings;
use local::sandbox::webhook::Delivery;
use local::stand::{MINUTE_MS, Stand};
use ratchet_domain::bill::{CREDIT_WINDOW_MS, Kind};
use ratchet_domain::credit::{Judged, Verdict};
use ratchet_domain::stage::Stage;
use ratchet_domain::step;
use ratchet_guard::State;
use serde_json::{Value, json};

const ORG: &str = "acme";
const REPO: &str = "acme/shop";
const TICKET: u64 = 5101;

/// Where the sample's first bug is mapped to.
const MAPPED: &str = "src/cart.rs";

/// GitHub says it to this address.
const HOOK: &str = "/hooks/acme/github";

/// Crash points that a merge may have at most; more would mean that the loop over them does not end.
const CALLS_MAX: usize = 100;

/// A billed bug with its pull request.
async fn proposed(rca: &str) -> Stand {
    let stand = Stand::new().await.unwrap();
    let mut document = sandbox_settings(ORG, &[REPO.to_owned()]);
    let rca = json!({ "publish": rca, "visibility": "internal" });
    document.as_object_mut().unwrap().insert("rca".to_owned(), rca);
    stand.put(ORG, &document).await.unwrap();
    stand.open(ORG, 0, TICKET).await.unwrap();
    stand.drain().await.unwrap();
    assert_eq!(kinds(&stand).await, [Kind::MappedBug]);
    stand.hooks();
    stand
}

/// A person merges something else than what was proposed; GitHub's delivery of it.
fn merged_elsewhere(stand: &Stand) -> Delivery {
    let pull = stand.only_pull(REPO).unwrap();
    stand.reworked(REPO, &pull, &[MAPPED], "src/product.rs").unwrap();
    merged(stand)
}

/// A person merges the pull request as it is; GitHub's delivery of it.
fn merged(stand: &Stand) -> Delivery {
    let pull = stand.only_pull(REPO).unwrap();
    stand.merge(REPO, pull.number).unwrap();
    let mut hooks = stand.hooks();
    assert_eq!(hooks.len(), 1);
    hooks.remove(0)
}

/// The intake's word about a delivery.
async fn told(stand: &Stand, delivery: &Delivery) -> String {
    let (status, body) = stand.post(HOOK, delivery).await.unwrap();
    assert_eq!(status, 200, "{body}");
    let answer: Value = serde_json::from_str(&body).unwrap();
    let status = answer.get("status").and_then(Value::as_str);
    status.unwrap_or_default().to_owned()
}

async fn kinds(stand: &Stand) -> Vec<Kind> {
    let entries = stand.entries(ORG).await.unwrap();
    let mut kinds: Vec<Kind> = entries.into_iter().map(|(kind, _)| kind).collect();
    kinds.sort_by_key(|kind| kind.as_str());
    kinds.reverse();
    kinds
}

/// The claims about the ticket's bug, judged.
async fn judged(stand: &Stand) -> Vec<Judged> {
    let life = stand.life(ORG, TICKET).await.unwrap();
    let claims = life
        .into_iter()
        .filter(|(step, _)| step.starts_with(&step::credit_claim("")));
    claims.map(|(_, record)| record.result().unwrap()).collect()
}

/// How many comments of ours the ticket has.
async fn comments(stand: &Stand) -> usize {
    let [_, _, comments] = stand.effects(ORG, TICKET).await.unwrap();
    comments
}

/// Two sweeps: the first finds what is past its lease, the second shows that nothing is left.
async fn settle(stand: &Stand) {
    for _ in 0..2 {
        stand.clock.advance(20 * MINUTE_MS);
        Box::pin(stand.tick()).await.unwrap();
        stand.drain().await.unwrap();
    }
}

#[tokio::test]
async fn merge_that_touched_no_mapped_file_is_one_credit_however_often_it_is_told() {
    let stand = proposed("on_pr").await;
    let delivery = merged_elsewhere(&stand);
    assert_eq!(told(&stand, &delivery).await, "accepted");
    let message = stand.queued(Stage::OpenPr);
    assert_eq!(told(&stand, &delivery).await, "duplicate");
    let mut again = delivery.clone();
    let guid = again.headers.get_mut("x-github-delivery").unwrap();
    "another-delivery-of-the-same-outcome".clone_into(guid);
    assert_eq!(
        told(&stand, &again).await,
        "duplicate",
        "another hook's word of it"
    );
    stand.drain().await.unwrap();

    assert_eq!(kinds(&stand).await, [Kind::MappedBug, Kind::Credit]);
    let entries = stand.entries(ORG).await.unwrap();
    let (_, credit) = entries.iter().find(|(kind, _)| *kind == Kind::Credit).unwrap();
    let (_, charge) = entries.iter().find(|(kind, _)| *kind == Kind::MappedBug).unwrap();
    assert_eq!(credit.entry.get("source"), Some("merge"));
    assert_eq!(credit.entry.get("charge"), Some(charge.key.as_str()));
    assert_eq!(credit.entry.get("charge_hash"), Some(charge.hash.as_str()));

    // The queue brings the merge twice more, and the claim of it.
    for message in &message {
        for _ in 0..2 {
            stand
                .cloud
                .aws
                .link()
                .sqs()
                .send_message()
                .queue_url(local::sqs::Sqs::queue_url("OpenPrQueue"))
                .message_body(message)
                .send()
                .await
                .unwrap();
            stand.drain().await.unwrap();
        }
    }
    assert_eq!(kinds(&stand).await, [Kind::MappedBug, Kind::Credit]);
    let judged = judged(&stand).await;
    let [claim] = judged.as_slice() else {
        panic!("{judged:?}")
    };
    assert_eq!(claim.verdict, Verdict::Credited);
}

#[tokio::test]
async fn merge_that_crashes_anywhere_is_one_credit_all_the_same() {
    let before = proposed("on_pr").await;
    let delivery = merged_elsewhere(&before);
    assert_eq!(told(&before, &delivery).await, "accepted");
    for crash_at in 0..CALLS_MAX {
        let stand = before.fork().unwrap();
        let crashed = Arc::new(AtomicBool::new(false));
        let (calls, tell) = (AtomicUsize::new(0), Arc::clone(&crashed));
        stand.tap.crash_before(move |_| {
            let is_it = calls.fetch_add(1, Ordering::SeqCst) == crash_at;
            tell.fetch_or(is_it, Ordering::SeqCst);
            is_it
        });
        stand.drain().await.unwrap();
        if !crashed.load(Ordering::SeqCst) {
            assert_eq!(kinds(&stand).await, [Kind::MappedBug, Kind::Credit]);
            assert!(crash_at > 10, "only {crash_at} calls were crashed");
            return;
        }
        settle(&stand).await;
        assert_eq!(
            kinds(&stand).await,
            [Kind::MappedBug, Kind::Credit],
            "crash before call {crash_at}"
        );
        assert_eq!(judged(&stand).await.len(), 1, "crash before call {crash_at}");
        assert_eq!(stand.effects(ORG, TICKET).await.unwrap(), [1, 1, 1]);
    }
    panic!("a merge has more than {CALLS_MAX} calls");
}

#[tokio::test]
async fn merge_that_touched_a_mapped_file_gives_nothing_back() {
    let stand = proposed("on_pr").await;
    let delivery = merged(&stand);
    assert_eq!(told(&stand, &delivery).await, "accepted");
    stand.drain().await.unwrap();
    let life = stand.life(ORG, TICKET).await.unwrap();
    let merge = life.get(&format!("merged#{REPO}")).unwrap();
    assert_eq!(merge.state, State::Sealed, "the merge is on record");
    assert_eq!(kinds(&stand).await, [Kind::MappedBug]);
    assert!(judged(&stand).await.is_empty(), "nobody claims anything");
}

#[tokio::test]
async fn pull_request_that_was_closed_without_a_merge_is_on_record_and_gives_nothing_back() {
    let stand = proposed("on_merge").await;
    let pull = stand.only_pull(REPO).unwrap();
    stand.reworked(REPO, &pull, &[MAPPED], "src/product.rs").unwrap();
    stand
        .sandbox
        .edit(|outside, now_ms| assert!(outside.github.close_pr(now_ms, REPO, pull.number)));
    let hooks = stand.hooks();
    assert_eq!(hooks.len(), 1);
    for delivery in &hooks {
        assert_eq!(told(&stand, delivery).await, "accepted");
        assert_eq!(told(&stand, delivery).await, "duplicate");
    }
    stand.drain().await.unwrap();
    let life = stand.life(ORG, TICKET).await.unwrap();
    let closed = life.get(&format!("closed#{REPO}")).unwrap();
    assert_eq!(closed.state, State::Sealed, "the closing is on record");
    assert_eq!(kinds(&stand).await, [Kind::MappedBug]);
    assert!(judged(&stand).await.is_empty());
    assert_eq!(
        comments(&stand).await,
        0,
        "a root cause that waits for a merge still waits"
    );
}

#[tokio::test]
async fn merge_that_somebody_else_tells_is_refused_and_one_of_another_branch_ignored() {
    let stand = proposed("on_pr").await;
    let delivery = merged_elsewhere(&stand);
    let (status, _) = stand.post(HOOK, &delivery.clone().tampered()).await.unwrap();
    assert_eq!(status, 401);
    let mut unsigned = delivery.clone();
    unsigned.headers.remove("x-hub-signature-256");
    let (status, _) = stand.post(HOOK, &unsigned).await.unwrap();
    assert_eq!(status, 401);
    assert!(stand.queued(Stage::OpenPr).is_empty());
    stand.drain().await.unwrap();
    assert_eq!(kinds(&stand).await, [Kind::MappedBug]);
}

#[tokio::test]
async fn merge_after_seven_days_is_on_record_and_gives_nothing_back() {
    let stand = proposed("on_pr").await;
    stand.clock.advance(CREDIT_WINDOW_MS + MINUTE_MS);
    let delivery = merged_elsewhere(&stand);
    assert_eq!(told(&stand, &delivery).await, "accepted");
    stand.drain().await.unwrap();
    assert_eq!(kinds(&stand).await, [Kind::MappedBug]);
    let judged = judged(&stand).await;
    assert_eq!(
        judged.iter().map(|claim| claim.verdict).collect::<Vec<_>>(),
        [Verdict::TooLate]
    );
}

#[tokio::test]
async fn merge_within_seven_days_that_we_hear_of_later_is_credited() {
    let stand = proposed("on_pr").await;
    stand.clock.advance(CREDIT_WINDOW_MS - 60 * MINUTE_MS);
    let delivery = merged_elsewhere(&stand);
    stand.clock.advance(24 * 60 * MINUTE_MS);
    assert_eq!(told(&stand, &delivery).await, "accepted");
    stand.drain().await.unwrap();
    assert_eq!(kinds(&stand).await, [Kind::MappedBug, Kind::Credit]);
    let judged = judged(&stand).await;
    assert_eq!(
        judged.iter().map(|claim| claim.verdict).collect::<Vec<_>>(),
        [Verdict::Credited]
    );
}

#[tokio::test]
async fn root_cause_that_waits_for_the_merge_goes_out_once_with_it() {
    let stand = proposed("on_merge").await;
    assert_eq!(comments(&stand).await, 0);
    let waiting = stand.life(ORG, TICKET).await.unwrap();
    let waiting = waiting.get(step::RCA_COMMENT).unwrap();
    assert_eq!(waiting.reason.as_deref(), Some("awaiting_publication"));
    let delivery = merged(&stand);
    assert_eq!(told(&stand, &delivery).await, "accepted");
    stand.drain().await.unwrap();
    assert_eq!(comments(&stand).await, 1);
    assert_eq!(told(&stand, &delivery).await, "duplicate");
    settle(&stand).await;
    assert_eq!(comments(&stand).await, 1);
    assert_eq!(
        kinds(&stand).await,
        [Kind::MappedBug],
        "the merge proved the mapping right"
    );
}

#[tokio::test]
async fn root_cause_of_a_merge_whose_process_crashed_goes_out_once_all_the_same() {
    let before = proposed("on_merge").await;
    let delivery = merged(&before);
    assert_eq!(told(&before, &delivery).await, "accepted");
    for operation in ["PutItem", "UpdateItem", "SendMessage"] {
        for nth in 0..3 {
            let stand = before.fork().unwrap();
            let seen = AtomicUsize::new(0);
            stand.tap.crash_before(move |call| {
                call.operation.starts_with(operation) && seen.fetch_add(1, Ordering::SeqCst) == nth
            });
            stand.drain().await.unwrap();
            settle(&stand).await;
            assert_eq!(comments(&stand).await, 1, "{nth}. {operation}");
        }
    }
}
