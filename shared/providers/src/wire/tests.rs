use proptest::prelude::*;

use super::*;
use crate::canned::{Canned, NOW_MS};

const CALL: Call = Call {
    provider: "test",
    operation: "call",
};

async fn reply(canned: &Canned) -> Result<Reply, ProviderError> {
    let url = endpoint(CALL, "https://api.test", &["x"], &[]).unwrap();
    canned.wire().send(Draft::get(CALL, &url)).await
}

async fn failure(status: u16, headers: &[(&str, &str)]) -> ProviderError {
    reply(&Canned::default().then(status, headers, ""))
        .await
        .unwrap()
        .failure(String::new())
}

#[test]
fn segments_and_queries_cannot_lead_elsewhere() {
    let url = |segments: &[&str]| endpoint(CALL, "https://host.test/api/v3/", segments, &[("q", "a&b=c")]);
    assert_eq!(
        url(&["a/b", "c?d#e%2e"]).unwrap().as_str(),
        "https://host.test/api/v3/a%2Fb/c%3Fd%23e%252e?q=a%26b%3Dc"
    );
    for bad in ["", ".", ".."] {
        assert_eq!(
            url(&["a", bad]),
            Err(ProviderError::Unsendable {
                call: CALL,
                what: "path"
            })
        );
    }
    for base in ["", "host.test", "ftp://host.test", "mailto:a@b", "https://"] {
        assert_eq!(
            endpoint(CALL, base, &[], &[]),
            Err(ProviderError::Unsendable {
                call: CALL,
                what: "base url"
            })
        );
    }
}

#[tokio::test]
async fn a_secret_that_is_no_header_is_never_sent() {
    let canned = Canned::default();
    let url = endpoint(CALL, "https://api.test", &[], &[]).unwrap();
    let draft = Draft::get(CALL, &url).bearer(&Secret::new("line\nbreak"));
    let error = canned.wire().send(draft).await.err().unwrap();
    assert_eq!(
        error,
        ProviderError::Unsendable {
            call: CALL,
            what: "secret"
        }
    );
    assert!(canned.lines().is_empty());
}

#[tokio::test]
async fn a_transport_failure_keeps_its_meaning_and_loses_its_address() {
    let cause = "timed out at https://host.test/?token=t while reading".to_owned();
    let error = reply(&Canned::default().then_fails(TransportError::Lost(cause)))
        .await
        .err()
        .unwrap();
    assert_eq!(
        error.to_string(),
        "test call: answer was lost cause=`timed out at [address] while reading`"
    );
    let error = reply(&Canned::default().then_fails(TransportError::NotSent("refused".to_owned())))
        .await
        .err()
        .unwrap();
    assert_eq!(
        error,
        ProviderError::NotSent {
            call: CALL,
            cause: "refused".to_owned()
        }
    );
}

#[tokio::test]
async fn an_answer_over_the_limit_is_refused() {
    let canned = Canned::new(&[(200, "12345"), (200, "12345")]);
    let url = endpoint(CALL, "https://api.test", &[], &[]).unwrap();
    assert!(
        canned
            .wire()
            .send(Draft::get(CALL, &url).bytes_max(5))
            .await
            .is_ok()
    );
    let error = canned
        .wire()
        .send(Draft::get(CALL, &url).bytes_max(4))
        .await
        .err();
    assert_eq!(
        error,
        Some(ProviderError::TooLarge {
            call: CALL,
            what: "bytes",
            limit: 4
        })
    );
}

#[tokio::test]
async fn every_status_has_one_meaning() {
    // (status, retryable, surely without effect)
    let table = [
        (100, true, false),
        (301, true, false),
        (302, true, false),
        (400, false, true),
        (401, false, true),
        (402, false, true),
        (403, false, true),
        (404, false, true),
        (405, false, true),
        (408, true, false),
        (409, true, true),
        (410, false, true),
        (413, false, true),
        (422, false, true),
        (429, true, true),
        (500, true, false),
        (502, true, false),
        (503, true, false),
        (504, true, false),
        (529, true, false),
        (600, true, false),
        (999, true, false),
    ];
    for (status, retryable, no_effect) in table {
        let error = failure(status, &[]).await;
        assert_eq!(
            (error.is_retryable(), error.has_no_side_effects()),
            (retryable, no_effect),
            "{error}"
        );
    }
}

#[tokio::test]
async fn unknown_statuses_fail_closed_on_side_effects() {
    for status in (100..=199).chain(300..=399).chain(500..=999) {
        assert!(!failure(status, &[]).await.has_no_side_effects(), "{status}");
    }
    for status in (400..=499).filter(|status| *status != 408) {
        assert!(failure(status, &[]).await.has_no_side_effects(), "{status}");
    }
}

#[tokio::test]
async fn the_wait_is_read_in_seconds_or_as_a_date() {
    for (status, text, wait) in [
        (429, "41", Some(41_000)),
        (503, "5", Some(5_000)),
        (429, "Sat, 21 Nov 2026 10:00:30 GMT", Some(30_000)),
        (429, "Sat, 21 Nov 2020 10:00:30 GMT", Some(0)),
        (429, "18446744073709551615", Some(WAIT_MS_MAX)),
        (429, "soon", None),
        (404, "41", None),
    ] {
        assert_eq!(
            failure(status, &[("retry-after", text)]).await.retry_after_ms(),
            wait,
            "{text}"
        );
    }
    assert_eq!(NOW_MS % 1000, 0);
}

#[test]
fn every_call_can_move_between_threads() {
    fn is_send<T: Send>(_: &T) {}
    let canned = Canned::default();
    is_send(&reply(&canned));
}

proptest! {
    #[test]
    fn a_malformed_body_names_the_place_and_not_the_text(body in prop::collection::vec(any::<u8>(), 0..64)) {
        let reply = Reply { call: CALL, status: 200, headers: HeaderMap::new(), body: body.into(), now_ms: 0 };
        if let Err(error) = reply.json::<Vec<u8>>() {
            prop_assert!(error.to_string().starts_with("test call: answer does not parse, expected fields at line="));
        }
    }
}
