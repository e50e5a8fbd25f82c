//! What the model's edits may do to a file, in the whole deployment.

use anyhow::{Context as _, Result};
use local::sandbox::model::answers::{self, Answer};
use local::stand::Stand;
use ratchet_guard::State;

const TICKET: u64 = 5101;

/// The bug that the sample's first ticket reports.
const A_BUG: usize = 0;

/// The sample's model, with another answer to the first bug.
fn knowing(change: impl FnOnce(&mut Answer)) -> Result<Vec<Answer>> {
    let mut known = answers::sample()?;
    change(known.first_mut().context("the sample has a bug")?);
    Ok(known)
}

#[tokio::test]
async fn edits_that_add_an_address_are_held_for_a_person_and_reach_no_repository() -> Result<()> {
    let known = knowing(|answer| {
        for edit in &mut answer.edits {
            edit.replace.push_str("        // **jo@acme.test** said so\n");
        }
    })?;
    let stand = Stand::knowing(known).await?;
    stand.open("acme", A_BUG, TICKET).await?;
    stand.drain().await?;
    let life = stand.life("acme", TICKET).await?;
    let patch = life.get("patch#acme/shop").context("the patch is on record")?;
    assert_eq!(
        (patch.state, patch.reason.as_deref()),
        (State::Parked, Some("patch_adds_private"))
    );
    let detail = patch.detail.as_deref().unwrap_or_default();
    assert!(
        detail.contains("an e-mail address") && !detail.contains("jo@"),
        "{detail}"
    );
    let branches = stand.sandbox.read(|outside| outside.github.branches("acme/shop"));
    assert_eq!(branches.len(), 1, "{branches:?}");
    Ok(())
}
