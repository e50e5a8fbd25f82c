//! One door, named as the binary that this is built into.

#![no_main]

use libfuzzer_sys::fuzz_target;
use ratchet_bytes::TARGETS;

fuzz_target!(|input: &[u8]| {
    let door = TARGETS.iter().find(|target| target.name == env!("CARGO_BIN_NAME"));
    let verdict = door.map(|target| (target.run)(input));
    assert!(matches!(verdict, Some(Ok(_))), "{verdict:?}");
});
