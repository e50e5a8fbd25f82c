//! What a period's bill is paid under, as it was when the period was signed off: settings change, and an old bill does not.

use ratchet_domain::settings::Billing;
use serde::{Deserialize, Serialize};

/// The settings that a bill is read by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// Mapped bugs that the plan includes.
    pub included: u64,
    /// Most mapped bugs of a period; none without a cap.
    pub mapped_bug_cap: Option<u64>,
    /// The IANA name of the zone whose months the periods are.
    pub time_zone: String,
}

impl Terms {
    /// Those of the settings.
    #[must_use]
    pub fn of(billing: &Billing) -> Self {
        Self {
            included: billing.included,
            mapped_bug_cap: billing.mapped_bug_cap,
            time_zone: billing.time_zone.name().to_owned(),
        }
    }
}
