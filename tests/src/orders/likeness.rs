//! When two instants of the shop are so alike that whatever follows from the one follows from the other.

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{Shop, Variant, locked};
use crate::shadow::{number, text};

/// Texts of a row that decide something.
const TEXTS: [&str; 8] = [
    "step",
    "state",
    "content",
    "intent",
    "body",
    "external_id",
    "reason",
    "message",
];

/// Times of a row that decide something while it is not sealed; only their distance from now does.
const TIMES: [&str; 3] = ["lease_until", "due_at", "resume_at"];

/// The likeness of this instant; none while a request is on its way, since it may hold anything.
///
/// Left out are the times of what is past, the ids of attempts and the height of a fence: they only tell one attempt
/// from another. Which fault a point meets, and how, follows from its number by 2, 3 and 4, so that is kept by 12.
pub(super) fn of(shop: &Shop) -> Option<[u8; 16]> {
    let now_ms = shop.hub.points.now_ms();
    let mut hasher = Sha256::new();
    {
        let inner = shop.hub.points.lock();
        let host = &inner.at.host;
        if !inner.at.held.is_empty() {
            return None;
        }
        let hook_in_ms = shop.next_hook_of(host).map(|at_ms| at_ms.saturating_sub(now_ms));
        let begun = host.delivered > 0;
        hasher.update(format!(
            "{} {hook_in_ms:?} {} {} {begun} {}",
            inner.at.point % 12,
            host.hooks,
            host.looks,
            host.faults
        ));
        if let Variant::Naive(_) = shop.variant {
            let again_in_ms = host.again_ms.map(|at_ms| at_ms.saturating_sub(now_ms));
            // A time in a key is what it is.
            hasher.update(format!("{now_ms} {again_in_ms:?} {}", host.delivered));
        }
    }
    hasher.update(format!("{:?} {:?}", *shop.hub.doubles(), *locked(&shop.memory)));
    let mut rows = shop.hub.rows();
    rows.sort_by_key(|row| text(row, "step").to_owned());
    for row in &rows {
        hasher.update(line(row, now_ms));
    }
    hasher.finalize().get(..16)?.try_into().ok()
}

fn line(row: &Value, now_ms: u64) -> String {
    let mut line = TEXTS.map(|name| text(row, name)).join("\u{1}");
    if text(row, "state") != "sealed" {
        for name in TIMES {
            let in_ms = number(row, name).map(|at_ms| at_ms.saturating_sub(now_ms));
            line.push_str(&format!(" {in_ms:?}"));
        }
        let may_have_sent = number(row, "clean_fence").unwrap_or(0) != number(row, "fence").unwrap_or(0);
        let (attempts, resumed) = (number(row, "attempts"), number(row, "resumed_at").is_some());
        line.push_str(&format!(" {may_have_sent} {attempts:?} {resumed}"));
    }
    line.push('\n');
    line
}
