//! Steps that run at once in one process, with equal payloads: none takes another's key, row or result.

use std::collections::BTreeSet;

use futures::future::join_all;
use ratchet_guard::effect::probed;
use ratchet_guard::{Decision, OnRecord, StageError, Work, WorkKey};

use crate::provider::{Provider, Receipt};
use crate::world::World;

const STEPS: [&str; 5] = ["extract", "map", "bill", "pr", "rca"];
const ROUNDS: usize = 40;

#[tokio::test]
async fn five_steps_with_equal_payloads_at_concurrency_32_never_mix_their_keys() {
    let world = World::new().await;
    let ledger = world.ledger();
    let providers: [Provider; 5] = std::array::from_fn(|_| Provider::default());
    let mut effects = 0;
    for round in 0..ROUNDS {
        // 32 deliveries at once: six of each step and two more of the first, all with the same payload.
        let deliveries = (0..32).map(|n| {
            let step = n % STEPS.len();
            let key = WorkKey::new(format!("ticket#{round}"), STEPS[step]);
            let work = Work::new(key, "the same payload").intending("the same payload");
            deliver(&ledger, work, &providers[step])
        });
        let sealed: Vec<_> = join_all(deliveries).await.into_iter().flatten().collect();
        assert_eq!(sealed.len(), STEPS.len(), "one of each step's deliveries does it");
        effects += sealed.len();
        for (key, receipt) in sealed {
            assert_eq!(
                receipt.marker,
                key.effect().to_string(),
                "the result is this step's own"
            );
            let record = world.record(&key).await;
            assert_eq!(record.result::<Receipt>().unwrap(), receipt);
        }
    }
    let markers: BTreeSet<String> = providers.iter().flat_map(Provider::markers).collect();
    let sends: usize = providers.iter().map(Provider::sends).sum();
    assert_eq!((effects, sends, markers.len()), (200, 200, 200));
}

/// One delivery: the key and the result if it was the one that acted, nothing if another one has it.
async fn deliver(ledger: &ratchet_guard::Ledger, work: Work, at: &Provider) -> Option<(WorkKey, Receipt)> {
    let claim = match ledger.claim(&work).await {
        Ok(Decision::Run(claim)) => claim,
        Ok(Decision::Replay(_)) | Err(StageError::Busy { .. }) => return None,
        other => panic!("neither run nor busy but {other:?}"),
    };
    let sealed = claim.act(probed(at.post())).await.unwrap().seal().await.unwrap();
    Some((OnRecord::key(&sealed).clone(), sealed.result().unwrap()))
}
