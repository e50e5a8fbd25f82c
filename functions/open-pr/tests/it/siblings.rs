//! The last child of a bug hands on, however the others ended.

use ratchet_guard::State;

use crate::world::{BELOW, REPOS, World};

#[tokio::test]
async fn a_child_whose_repository_refuses_the_app_is_parked_on_its_own_row_and_keeps_nobody_waiting() {
    let world = World::new().await;
    let [first, last] = REPOS;
    assert_eq!(world.deliver(first).await, 0, "the message is settled");
    let row = world.row(&format!("patch#{first}")).await.unwrap();
    assert_eq!(
        (row.state, row.reason.as_deref()),
        (State::Parked, Some("unauthorized"))
    );
    assert_eq!(world.handed_on(), 0, "its sibling has not run");
    assert_eq!(world.deliver(last).await, 0);
    assert_eq!(world.handed_on(), 1);
}

#[tokio::test]
async fn a_message_for_a_repository_that_was_not_billed_is_refused_and_leaves_no_row_of_a_child() {
    let world = World::new().await;
    for other in [BELOW, "acme/other"] {
        assert_eq!(world.deliver(other).await, 0);
        assert!(world.row(&format!("patch#{other}")).await.is_none());
    }
    assert_eq!(world.handed_on(), 0);
}
