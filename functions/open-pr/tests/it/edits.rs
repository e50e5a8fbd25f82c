//! What the model's edits may do to a file, in the whole deployment.

use anyhow::{Context as _, Result};
use local::sandbox::github::object::Mode;
use local::sandbox::model::answers::{self, Answer};
use local::sandbox::source::SourceFile;
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

#[tokio::test]
async fn a_script_that_is_patched_stays_executable_and_other_files_stay_as_they_are() -> Result<()> {
    let script = "#!/usr/bin/env python3\n# Restocks a walnut bowl in the cart: adds the quantity to the product.\n\
        def add_quantity(cart, product, quantity):\n    cart[product] = quantity\n";
    let known = knowing(|answer| {
        let mut place = answer.locations.first().cloned();
        if let Some(place) = &mut place {
            place.path = "bin/restock.py".to_owned();
            place.symbol = "add_quantity".to_owned();
        }
        answer.locations.extend(place);
        let mut edit = answer.edits.first().cloned();
        if let Some(edit) = &mut edit {
            edit.path = "bin/restock.py".to_owned();
            edit.search = "cart[product] = quantity".to_owned();
            edit.replace = "cart[product] += quantity".to_owned();
        }
        answer.edits.extend(edit);
    })?;
    let stand = Stand::knowing(known).await?;
    let file = SourceFile {
        path: "bin/restock.py".to_owned(),
        mode: Mode::Executable,
        content: script.as_bytes().to_vec(),
    };
    stand
        .sandbox
        .edit(|outside, now_ms| outside.github.push(now_ms, "acme/shop", "main", &[file]));
    stand.open("acme", A_BUG, TICKET).await?;
    stand.drain().await?;
    let modes = stand.sandbox.read(|outside| {
        let pull = outside.github.pulls("acme/shop").into_iter().next()?;
        let mode = |path| outside.github.mode("acme/shop", &pull.head, path);
        let script = outside.github.file("acme/shop", &pull.head, "bin/restock.py")?;
        Some((script.contains("+="), mode("bin/restock.py"), mode("src/cart.rs")))
    });
    assert_eq!(modes, Some((true, Some(Mode::Executable), Some(Mode::File))));
    Ok(())
}
