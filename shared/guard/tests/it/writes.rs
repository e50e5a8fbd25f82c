//! What a step costs, counted on the wire.

use ratchet_guard::effect::probed;
use ratchet_guard::{Companion, Outbox, pass};

use crate::provider::Provider;
use crate::wire::lock;
use crate::world::{World, item, key, replay, s, work};

#[tokio::test]
async fn guarded_step_costs_two_writes_and_its_replay_one_failed_write() {
    let world = World::new().await;
    let provider = Provider::default();
    let acted = world.act(&work(), probed(provider.post())).await.unwrap();
    acted.seal().await.unwrap();
    assert_eq!(world.wire.seen(), [put(200), update(200)]);

    world.wire.reset();
    replay(world.ledger().claim(&work()).await);
    assert_eq!(world.wire.seen(), [put(400)]);
    assert_eq!(provider.sends(), 1);
}

#[tokio::test]
async fn work_that_is_held_or_waits_costs_one_failed_write_and_a_later_attempt_one_more() {
    let world = World::new().await;
    drop(world.claim(&work()).await);
    world.wire.reset();
    crate::world::busy(world.ledger().claim(&work()).await);
    assert_eq!(world.wire.seen(), [put(400)]);

    world.pass_lease();
    world.wire.reset();
    let claim = world.claim(&work()).await;
    assert_eq!(world.wire.seen(), [put(400), update(200)]);
    claim
        .park(ratchet_guard::Park::for_a_person("odd", ""))
        .await
        .unwrap();

    world.wire.reset();
    crate::world::parked(world.ledger().claim(&work()).await);
    assert_eq!(world.wire.seen(), [put(400)]);
}

#[tokio::test]
async fn joint_seal_costs_one_write_and_one_transaction() {
    let world = World::new().await;
    let entry = item([("org_period", s("p")), ("sk", s("e"))]);
    let entry = Companion::entry("usage", "org_period", entry).unwrap();
    let acted = world.claim(&work()).await.decide(1);
    drop(acted.seal_with(vec![entry]).await.unwrap());
    assert_eq!(
        world.wire.seen(),
        [put(200), ("TransactWriteItems".to_owned(), 200)]
    );
}

#[tokio::test]
async fn every_write_is_conditional_and_asks_for_what_stood_in_its_way() {
    let world = World::new().await;
    let provider = Provider::saying([
        crate::provider::Say::Stale("second"),
        crate::provider::Say::NotNow(None),
    ]);
    crate::world::retry(world.act(&work(), probed(provider.post())).await);
    let acted = world.act(&work(), probed(provider.post())).await.unwrap();
    acted.seal().await.unwrap();
    let calls = world.wire.calls();
    assert_eq!(
        calls.len(),
        6,
        "claim, restate, release, two for the next claim, seal"
    );
    for call in calls {
        assert!(
            call.request["ConditionExpression"].is_string(),
            "{}",
            call.request
        );
        assert_eq!(call.request["ReturnValuesOnConditionCheckFailure"], "ALL_OLD");
        let written = [
            &call.request["ExpressionAttributeValues"][":attempt"],
            &call.request["Item"]["attempt_id"],
        ];
        assert!(written.iter().any(|id| id["S"].is_string()), "{}", call.request);
    }
}

#[derive(Default)]
struct Queue(std::sync::Mutex<Vec<(String, String)>>);

impl Outbox for Queue {
    type Error = &'static str;

    async fn put(&self, messages: &[(&str, String)]) -> Result<(), Self::Error> {
        if messages.iter().any(|(stage, _)| *stage == "closed") {
            return Err("closed");
        }
        let messages = messages
            .iter()
            .map(|(stage, body)| ((*stage).to_owned(), body.clone()));
        lock(&self.0).extend(messages);
        Ok(())
    }
}

#[tokio::test]
async fn what_follows_is_passed_on_from_the_record_at_every_replay() {
    let world = World::new().await;
    let queue = Queue::default();
    let sealed = world.claim(&work()).await.decide("body").seal().await.unwrap();
    let next = |sealed: &ratchet_guard::Sealed| [("map", sealed.result::<String>().unwrap())];
    pass(&sealed, &queue, &next(&sealed)).await.unwrap();
    let again = replay(world.ledger().claim(&work()).await);
    pass(&again, &queue, &next(&again)).await.unwrap();
    let expected = ("map".to_owned(), "body".to_owned());
    assert_eq!(*lock(&queue.0), [expected.clone(), expected]);
    pass(&sealed, &queue, &[]).await.unwrap();
    assert_eq!(lock(&queue.0).len(), 2);
    assert_eq!(
        pass(&sealed, &queue, &[("closed", String::new())]).await,
        Err("closed")
    );
    assert_eq!(ratchet_guard::OnRecord::key(&sealed), &key());
}

fn put(status: u16) -> (String, u16) {
    ("PutItem".to_owned(), status)
}

fn update(status: u16) -> (String, u16) {
    ("UpdateItem".to_owned(), status)
}
