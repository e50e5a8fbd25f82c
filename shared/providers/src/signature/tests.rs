use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const ZENDESK_SECRET: &str = "dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ==";
const ZENDESK_TIME: &str = "2021-03-25T05:09:27Z";
const ZENDESK_TIME_MS: u64 = 1_616_648_967_000;
const ZENDESK_BODY: &[u8] = br#"{"event":"ticket.updated","id":123}"#;
const ZENDESK_SIGNATURE: &str = "S/RDdU2ERmj7LHDDoWJ2onPYH+t7/f2+LTM4dL7UiLM=";

type Verdict = Result<(), SignatureError>;

fn by_name<'h>(headers: &'h BTreeMap<&str, String>) -> impl Fn(&str) -> Option<&'h str> {
    |name| headers.get(name).map(String::as_str)
}

fn zendesk_says(time: &str, signature: &str, body: &[u8], now_ms: u64) -> Verdict {
    let headers = BTreeMap::from([
        ("x-zendesk-webhook-signature", signature.to_owned()),
        ("x-zendesk-webhook-signature-timestamp", time.to_owned()),
    ]);
    zendesk(by_name(&headers), body, &Secret::new(ZENDESK_SECRET), now_ms)
}

fn intercom_says(signature: &str, body: &[u8], secret: &str) -> Verdict {
    let headers = BTreeMap::from([("x-hub-signature", signature.to_owned())]);
    intercom(by_name(&headers), body, &Secret::new(secret))
}

fn github_says(signature: &str, body: &[u8], secret: &str) -> Verdict {
    let headers = BTreeMap::from([("x-hub-signature-256", signature.to_owned())]);
    github(by_name(&headers), body, &Secret::new(secret))
}

fn flip(bytes: &[u8], bit: usize) -> Vec<u8> {
    let mut flipped = bytes.to_vec();
    flipped[bit / 8] ^= 1 << (bit % 8);
    flipped
}

fn reason(verdict: Verdict) -> &'static str {
    verdict.map_or_else(|error| error.reason(), |()| "valid")
}

#[test]
fn the_vectors_of_zendesk_verify() {
    assert_eq!(
        zendesk_says(ZENDESK_TIME, ZENDESK_SIGNATURE, ZENDESK_BODY, ZENDESK_TIME_MS),
        Ok(())
    );
    let empty = "wCdBvXaHttn0wRVIYctzZ9O6O0bnqWakJMEKZ9VoRWw=";
    assert_eq!(zendesk_says(ZENDESK_TIME, empty, b"", ZENDESK_TIME_MS), Ok(()));
}

#[test]
fn the_vectors_of_intercom_and_github_verify() {
    let ping = br#"{"type":"notification_event","topic":"ping"}"#;
    let sha1 = "sha1=a9a86d569c3cf75748b5320b8a71226029b4d0f0";
    assert_eq!(intercom_says(sha1, ping, "test-client-secret"), Ok(()));
    let sha256 = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    assert_eq!(
        github_says(sha256, b"Hello, World!", "It's a Secret to Everybody"),
        Ok(())
    );
    assert_eq!(
        reason(github_says(
            &sha256.to_uppercase(),
            b"Hello, World!",
            "It's a Secret to Everybody"
        )),
        "malformed"
    );
}

#[test]
fn a_timestamp_is_stale_beyond_five_minutes_either_way() {
    let at = |now_ms| {
        reason(zendesk_says(
            ZENDESK_TIME,
            ZENDESK_SIGNATURE,
            ZENDESK_BODY,
            now_ms,
        ))
    };
    assert_eq!(at(ZENDESK_TIME_MS + 300_000), "valid");
    assert_eq!(at(ZENDESK_TIME_MS + 300_001), "stale");
    assert_eq!(at(ZENDESK_TIME_MS - 300_000), "valid");
    assert_eq!(at(ZENDESK_TIME_MS - 300_001), "stale");
    assert_eq!(at(u64::MAX), "stale");
}

#[test]
fn what_is_missing_or_malformed_is_told_apart_only_for_metrics() {
    let no_headers = BTreeMap::new();
    let missing = zendesk(by_name(&no_headers), b"", &Secret::new("s"), 0).unwrap_err();
    assert_eq!(missing.reason(), "missing");
    let mismatch = zendesk_says(ZENDESK_TIME, "", ZENDESK_BODY, ZENDESK_TIME_MS).unwrap_err();
    assert_eq!(mismatch.reason(), "mismatch");
    assert_eq!(missing.to_string(), mismatch.to_string());
    assert_eq!(reason(intercom_says("sha256=00", b"", "s")), "malformed");
}

#[test]
fn a_signed_timestamp_that_is_no_time_is_malformed() {
    let mac = STANDARD.encode(sha256(&Secret::new(ZENDESK_SECRET), &[b"yesterday", ZENDESK_BODY]).unwrap());
    assert_eq!(
        reason(zendesk_says("yesterday", &mac, ZENDESK_BODY, ZENDESK_TIME_MS)),
        "malformed"
    );
}

#[test]
fn an_empty_secret_verifies_nothing() {
    let mut mac = Hmac::<Sha256>::new_from_slice(b"").unwrap();
    mac.update(b"body");
    let forged = format!("sha256={}", hex::encode(mac.finalize().into_bytes()));
    assert_eq!(reason(github_says(&forged, b"body", "")), "no_secret");
}

#[test]
fn every_one_bit_change_of_the_zendesk_vector_is_refused() {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).ok();
    for bit in 0..ZENDESK_BODY.len() * 8 {
        let body = flip(ZENDESK_BODY, bit);
        assert!(
            zendesk_says(ZENDESK_TIME, ZENDESK_SIGNATURE, &body, ZENDESK_TIME_MS).is_err(),
            "body bit {bit}"
        );
    }
    for bit in 0..ZENDESK_TIME.len() * 8 {
        // What is not text cannot be a header.
        let Some(time) = text(flip(ZENDESK_TIME.as_bytes(), bit)) else {
            continue;
        };
        assert!(
            zendesk_says(&time, ZENDESK_SIGNATURE, ZENDESK_BODY, ZENDESK_TIME_MS).is_err(),
            "time bit {bit}"
        );
    }
    for bit in 0..ZENDESK_SIGNATURE.len() * 8 {
        let Some(signature) = text(flip(ZENDESK_SIGNATURE.as_bytes(), bit)) else {
            continue;
        };
        assert!(
            zendesk_says(ZENDESK_TIME, &signature, ZENDESK_BODY, ZENDESK_TIME_MS).is_err(),
            "mac bit {bit}"
        );
    }
}

fn hub_signature(algorithm: &str, body: &[u8], secret: &str) -> String {
    if algorithm == "sha1" {
        let mut mac = Hmac::<Sha1>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(body);
        return format!("sha1={}", hex::encode(mac.finalize().into_bytes()));
    }
    format!(
        "sha256={}",
        hex::encode(sha256(&Secret::new(secret), &[body]).unwrap())
    )
}

proptest! {
    #[test]
    fn one_flipped_bit_of_any_signed_body_is_refused(
        body in prop::collection::vec(any::<u8>(), 1..200),
        secret in "[ -~]{1,40}",
        at in any::<prop::sample::Index>(),
    ) {
        let broken = flip(&body, at.index(body.len() * 8));
        let sha1 = hub_signature("sha1", &body, &secret);
        prop_assert_eq!(reason(intercom_says(&sha1, &body, &secret)), "valid");
        prop_assert_eq!(reason(intercom_says(&sha1, &broken, &secret)), "mismatch");
        let sha256 = hub_signature("sha256", &body, &secret);
        prop_assert_eq!(reason(github_says(&sha256, &body, &secret)), "valid");
        prop_assert_eq!(reason(github_says(&sha256, &broken, &secret)), "mismatch");
    }

    #[test]
    fn one_flipped_bit_of_any_signature_is_refused(
        body in prop::collection::vec(any::<u8>(), 0..64),
        at in any::<prop::sample::Index>(),
    ) {
        for algorithm in ["sha1", "sha256"] {
            let signature = hub_signature(algorithm, &body, "secret");
            let Ok(broken) = String::from_utf8(flip(signature.as_bytes(), at.index(signature.len() * 8))) else { continue };
            let verdict = if algorithm == "sha1" {
                intercom_says(&broken, &body, "secret")
            } else {
                github_says(&broken, &body, "secret")
            };
            prop_assert!(verdict.is_err());
        }
    }

    #[test]
    fn any_headers_and_any_body_never_panic(
        time in ".{0,40}", signature in ".{0,80}", body in prop::collection::vec(any::<u8>(), 0..64), now_ms in any::<u64>(),
    ) {
        prop_assert!(zendesk_says(&time, &signature, &body, now_ms).is_err());
        prop_assert!(intercom_says(&signature, &body, "secret").is_err());
        prop_assert!(github_says(&signature, &body, "secret").is_err());
    }
}
