//! Signature headers, without a webhook behind them.

use ratchet_providers::secret::Secret;
use ratchet_providers::signature::{SignatureError, github, intercom, zendesk};

use crate::Verdict;
use crate::headers::Parts;
use crate::intake::{Vendor, is_genuine};
use crate::state::NOW_MS;

/// Each vendor's check over the same headers and the same body; the vendor's own arithmetic says what is right.
pub(crate) fn run(input: &[u8]) -> Verdict {
    let parts = Parts::of(input);
    let headers = parts.headers.unwrap_or_default();
    let header = |name: &str| headers.get(name)?.to_str().ok();
    let mut class = String::new();
    for vendor in Vendor::ALL {
        let secret = Secret::new(vendor.secret());
        let verdict: Result<(), SignatureError> = match vendor {
            Vendor::Zendesk => zendesk(header, &parts.body, &secret, NOW_MS),
            Vendor::Intercom => intercom(header, &parts.body, &secret),
            Vendor::Github => github(header, &parts.body, &secret),
        };
        let genuine = is_genuine(vendor, &headers, &parts.body);
        if verdict.is_ok() && !genuine {
            return Err(format!("{vendor:?} is proved by a signature that is not its own"));
        }
        let stale = verdict
            .as_ref()
            .is_err_and(|error| matches!(error.reason(), "stale" | "malformed"));
        if genuine && verdict.is_err() && !stale {
            return Err(format!("{vendor:?} is refused with its own signature"));
        }
        let reason = verdict.map_or_else(|error| error.reason(), |()| "valid");
        class = format!("{class}{vendor:?} {reason} ");
    }
    Ok(class)
}
