//! The guard's example under the search: every single fault, and every version that is wrong. The pairs take longer:
//! `sweep orders`.

use anyhow::Result;
use ratchet_tests::orders::{Part, Sum};

#[test]
fn order_is_invoiced_once_under_every_single_fault_and_wrong_versions_are_caught() -> Result<()> {
    let sum = Sum::of(Part::Singles)?;
    let lines = sum.lines();
    assert!(sum.is_sound(), "{lines:#?}");
    assert_eq!(sum.points, [("keys", 18), ("bare", 18)], "{lines:#?}");
    assert_eq!(sum.caught.len(), 8);
    assert!(sum.looks > 0, "nobody had to look, or this search shows nothing");
    Ok(())
}
