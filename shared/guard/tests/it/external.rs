//! The provider's id of an effect: it goes on record beside the receipt, whatever the policy.

use ratchet_guard::effect::{Act, Effect, Guarded, accept_duplicates, accept_loss, call, keyed, probed};
use ratchet_guard::{Finding, Outcome, Sealed};

use crate::provider::Provider;
use crate::world::{World, work};

const WHY: &str = "the test counts them";

#[tokio::test]
async fn providers_id_goes_on_record_under_every_policy() {
    let provider = Provider::default();
    let sealed = [
        sealed(probed(provider.post())).await,
        sealed(keyed(provider.post())).await,
        sealed(accept_duplicates(provider.post(), WHY)).await,
        sealed(accept_loss(provider.post(), WHY)).await,
    ];
    let ids = sealed.map(|sealed| sealed.external_id().map(str::to_owned));
    assert_eq!(ids, [1, 2, 3, 4].map(|id| Some(format!("post-{id}"))));
}

#[tokio::test]
async fn effect_of_a_provider_without_ids_has_none_on_record() {
    struct Ring;
    impl Effect for Ring {
        type Receipt = ();
        async fn send(&self, _act: &Act) -> Outcome<()> {
            Outcome::Done(())
        }
    }
    let world = World::new().await;
    let acted = world.act(&work(), accept_loss(Ring, WHY)).await.unwrap();
    assert_eq!(acted.seal().await.unwrap().external_id(), None);
}

#[tokio::test]
async fn providers_id_of_a_call_goes_on_record_under_every_policy() {
    async fn send(_act: Act) -> Outcome<u32> {
        Outcome::Done(7)
    }
    async fn probe(_act: Act) -> Finding<u32> {
        Finding::Absent
    }
    let posting = || call(send).known_as(|id| format!("post-{id}"));
    let sealed = [
        sealed(probed(posting().asking(probe))).await,
        sealed(keyed(posting().key_is_permanent())).await,
        sealed(accept_duplicates(posting(), WHY)).await,
        sealed(accept_loss(call(send), WHY)).await,
    ];
    let ids = sealed.map(|sealed| sealed.external_id().map(str::to_owned));
    let known = Some("post-7".to_owned());
    assert_eq!(ids, [known.clone(), known.clone(), known, None]);
}

async fn sealed<G: Guarded>(effect: G) -> Sealed {
    let acted = World::new().await.act(&work(), effect).await;
    acted.unwrap().seal().await.unwrap()
}
