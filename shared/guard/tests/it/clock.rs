//! The machine's clock and the ids of attempts.

use ratchet_guard::clock::{AttemptIds as _, Clock as _, RandomAttemptIds, SystemClock};
use uuid::{Uuid, Version};

/// 2026-01-01T00:00:00Z in ms.
const BEFORE_MS: u64 = 1_767_225_600_000;
/// 2126-01-01T00:00:00Z in ms.
const AFTER_MS: u64 = 4_922_899_200_000;

#[test]
fn system_clock_counts_milliseconds_since_1970() {
    let now_ms = SystemClock.now_ms();
    assert!((BEFORE_MS..AFTER_MS).contains(&now_ms), "{now_ms}");
}

#[test]
fn random_attempt_ids_are_random_uuids_and_differ() {
    let ids = [RandomAttemptIds.fresh(), RandomAttemptIds.fresh()];
    assert_ne!(ids[0], ids[1]);
    for id in ids {
        assert_eq!(Uuid::parse_str(&id).unwrap().get_version(), Some(Version::Random));
    }
}
