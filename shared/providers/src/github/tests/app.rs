use serde::Deserialize;

use super::*;

// Made for this test; it opens nothing.
const PRIVATE_KEY: &str = include_str!("app_key.pem");
const PUBLIC_KEY: &str = include_str!("app_key.pub.pem");

#[derive(Deserialize)]
struct Claims {
    iat: u64,
    exp: u64,
    iss: String,
}

#[test]
fn the_apps_token_verifies_and_is_the_same_at_the_same_time() {
    let jwt = app_jwt("1234", &Secret::new(PRIVATE_KEY), NOW_MS).unwrap();
    let one_line = PRIVATE_KEY.replace('\n', "\\n");
    assert_eq!(
        app_jwt("1234", &Secret::new(one_line), NOW_MS).unwrap().expose(),
        jwt.expose()
    );
    let mut rules = Validation::new(jsonwebtoken::Algorithm::RS256);
    rules.validate_exp = false;
    let key = DecodingKey::from_rsa_pem(PUBLIC_KEY.as_bytes()).unwrap();
    let Claims { iat, exp, iss } = decode::<Claims>(jwt.expose(), &key, &rules).unwrap().claims;
    let now_s = NOW_MS / 1000;
    assert_eq!((iat, exp, iss.as_str()), (now_s - 60, now_s + 540, "1234"));
}

#[test]
fn a_key_that_is_none_is_told_without_showing_it() {
    let error = app_jwt("1234", &Secret::new("hunter2"), NOW_MS).unwrap_err();
    assert_eq!(
        error.to_string(),
        "github sign app token: request cannot be built, check `private key`"
    );
}

macro_rules! app {
    ($canned:expr) => {
        App::new($canned.wire(), "https://api.github.com", &Secret::new("jwt"))
    };
}

#[tokio::test]
async fn an_installation_token_comes_with_its_end() {
    let canned = Canned::new(&[
        (
            201,
            r#"{"token":"ghs_1234_x","expires_at":"2026-11-21T11:00:00Z","permissions":{}}"#,
        ),
        (201, r#"{"token":"t","expires_at":"soon"}"#),
    ]);
    let token = app!(canned).installation_token("5678").await.unwrap();
    assert_eq!(
        (token.token.expose(), token.expires_at_ms),
        ("ghs_1234_x", NOW_MS + 3_600_000)
    );
    assert_eq!(
        canned.lines(),
        ["POST https://api.github.com/app/installations/5678/access_tokens"]
    );
    assert_eq!(canned.headers("authorization")[0].as_deref(), Some("!Bearer jwt"));
    assert!(matches!(
        app!(canned).installation_token("5678").await,
        Err(ProviderError::Malformed { .. })
    ));
}

#[tokio::test]
async fn missed_deliveries_are_listed_and_asked_for_again() {
    let link = r#"<https://api.github.com/app/hook/deliveries?per_page=100&cursor=v1_1>; rel="prev", <https://api.github.com/app/hook/deliveries?per_page=100&cursor=v1_2>; rel="next""#;
    let page = r#"[{"id":12345678,"guid":"g1","delivered_at":"2026-11-21T09:00:00Z","redelivery":false,"status":"Invalid HTTP Response","status_code":502,"event":"pull_request","action":"closed"}]"#;
    let canned = Canned::default()
        .then(200, &[("link", link)], page)
        .then(200, &[], "[]")
        .then(202, &[], "{}");
    let first = app!(canned).deliveries(None).await.unwrap();
    assert_eq!(
        (first.cursor.as_deref(), first.deliveries[0].status_code),
        (Some("v1_2"), 502)
    );
    assert_eq!(app!(canned).deliveries(Some("v1_2")).await.unwrap().cursor, None);
    app!(canned).redeliver(first.deliveries[0].id).await.unwrap();
    assert_eq!(
        canned.lines(),
        [
            "GET https://api.github.com/app/hook/deliveries?per_page=100",
            "GET https://api.github.com/app/hook/deliveries?per_page=100&cursor=v1_2",
            "POST https://api.github.com/app/hook/deliveries/12345678/attempts",
        ]
    );
}
