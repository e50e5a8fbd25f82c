use proptest::prelude::*;
use proptest::sample::select;

use super::*;

/// What must go, whatever stands around it. Nothing here opens anything.
const PRIVATE: [&str; 28] = [
    "jo@acme.test",
    "jo@x.y",
    "jo.o'neil+bugs@mail.acme-shop.co.uk",
    "jörg@bücher.example",
    "jo%40acme.test",
    "AKIAIOSFODNN7EXAMPLE",
    "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "kX9/aB3dE5/gH7jK9mN1pQ3/sT5vW7yZ9bC1dE3f",
    concat!("ghp", "_16C7e42F292c6912E7710c838347Ae178B4a"),
    concat!("ghs", "_123456_eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiIxIn0.c2ln"),
    concat!("github", "_pat_11ABCDEFG0abcdefghijkl_mnopqrstuvwxyz"),
    concat!("glpat", "-zYxWvUtSrQpOnMlKjIhG"),
    concat!("xoxb", "-123456789012-abcdefghijklmnop"),
    concat!("xoxs", "-123456789012-abcdefghijklmnop"),
    concat!("sk", "_live_4eC39HqLyjWDarjtT1zdp7dc"),
    concat!("whsec", "_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
    concat!("sk", "-abcdefghijkl"),
    concat!("sk", "-ant-api03-abcdefghijkl"),
    "d41d8cd98f00b204e9800998ecf8427e",
    "da39a3ee5e6b4b0d3255bfef95601890afd80709",
    "9F86D081884C7D659A2FEAA0C55AD015A3BF4F1B2B0B822CD15D6C15B0F00A08",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dBjftJeZ4CVP",
    concat!("AIza", "SyA1234567890abcdefghijklmnopqrstuv"),
    concat!("npm", "_abcdefghijklmnopqrstuvwxyz0123456789"),
    concat!("hooks.slack", ".com/services/T0001/B0002/abcDEF123"),
    "Zm9vYmFyQmF6MTIzNDU2Nzg5MHF3ZXJ0eXVpb3A",
    "123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw1",
    "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\nBKcwggSjAgEAAoIBAQ==\n-----END PRIVATE KEY-----",
];

/// What must stay, whatever stands around it.
const PLAIN: [&str; 34] = [
    "src/cart/total.rs:12",
    "some/Very/long/Path/with/Numbers/1234567890/file.rs",
    "app/src/main/java/com/acme/shop/V2/CheckoutController2Test.java",
    "getUserByIdV2FromDatabaseConnectionPool",
    "HTTP2ConnectionPoolManagerFactoryImpl3",
    "MAX_RETRY_ATTEMPTS_BEFORE_CIRCUIT_BREAKER_2",
    "test_that_a_cart_with_3_items_and_1_voucher_is_totalled",
    "a-cart-with-3-items-and-1-voucher-is-totalled-again",
    "lodash@4.17.21",
    "next@15.0.0-canary.next",
    "actions/checkout@v4.1.x",
    "@scope/package@1.2.3",
    "this@MainActivity.binding.total",
    "git@github.test:acme/shop.git",
    "ssh://git@github.test/acme/shop.git",
    "@app.route",
    "https://shop.acme.test/a/b/c?Order=1",
    "https://acme.test:8080/@jo/posts",
    "http://[::1]:8080/a",
    "123e4567-e89b-12d3-a456-426614174000",
    "1f2e3d4",
    "commit da39a3ee5e6b4b0d3255bfef95601890afd80709",
    "https://github.test/acme/shop/commit/da39a3ee5e6b4b0d3255bfef95601890afd80709",
    "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "actions/checkout@da39a3ee5e6b4b0d3255bfef95601890afd80709",
    "v1.2.3-rc.1+build.20260115",
    "2026-01-15T08:00:00.000Z",
    "sk-loading-spinner-wrapper",
    "task-abcdefghijkl",
    "std::collections::BTreeMap",
    "let token = parse_v2_token(input);",
    "password: String",
    "00000000000000000000000000000000",
    "tokens: 4096",
];

/// Markdown, quotes, brackets and punctuation; none of it is part of what it stands around.
const AROUND: [(&str, &str); 21] = [
    ("", ""),
    (" ", " "),
    ("**", "**"),
    ("*", "*"),
    ("`", "`"),
    ("```\n", "\n```"),
    ("\"", "\""),
    ("'", "'"),
    ("(", ")"),
    ("[", "]"),
    ("<", ">"),
    ("{", "}"),
    ("- ", "."),
    ("> ", "!"),
    ("see ", ", then"),
    ("is it ", "?"),
    ("\u{201c}", "\u{201d}"),
    ("| ", " |"),
    ("~~", "~~"),
    ("key: ", "; next"),
    ("a\n", "\nb"),
];

/// The letters and digits of a text: what a reader could still use of it.
fn core(text: &str) -> &str {
    let text = text.strip_prefix("hooks.slack.com/services/").unwrap_or(text);
    text.strip_prefix("-----BEGIN PRIVATE KEY-----\n")
        .and_then(|text| text.get(..20))
        .unwrap_or(text)
}

#[test]
fn every_pattern_reads() {
    assert!(credential::patterns_read());
    assert!(!address::of("jo@acme.test").is_empty());
}

#[test]
fn addresses_and_keys_go_and_prose_stays() {
    let text = concat!(
        "Mail jo@acme.test. key=sk",
        "-abcdefghijkl token:ghp",
        "_0123456789abcdef\nCart total is wrong, see src/cart/total.rs:12"
    );
    assert_eq!(
        redact(text),
        "Mail [e-mail removed]. key=[secret removed] token:[secret removed]\nCart total is wrong, see src/cart/total.rs:12"
    );
}

#[test]
fn what_stands_around_an_address_does_not_hide_it() {
    for (text, redacted) in [
        ("**jo@acme.test**", "**[e-mail removed]**"),
        ("jo@x.y/", "[e-mail removed]/"),
        (
            "mailto:jo@acme.test?subject=a",
            "mailto:[e-mail removed]?subject=a",
        ),
        ("[mail](mailto:jo@acme.test)", "[mail](mailto:[e-mail removed])"),
        (
            "https://a.test/?m=jo%40acme.test&x=1",
            "https://a.test/?m=[e-mail removed]&x=1",
        ),
        ("\"jo smith\"@acme.test", "[e-mail removed]"),
        ("jo@[192.168.0.1]", "[e-mail removed]"),
        ("jo&#64;acme.test", "[e-mail removed]"),
    ] {
        assert_eq!(redact(text), redacted, "{text}");
    }
}

#[test]
fn what_opens_an_address_of_the_web_goes_and_the_host_stays() {
    for (text, redacted) in [
        (
            "https://u:hunter2pw@host.test/x",
            "https://[secret removed]@host.test/x",
        ),
        (
            "postgres://u:p/w#d@db:5432/shop",
            "postgres://[secret removed]@db:5432/shop",
        ),
        ("redis://:hunter2@cache", "redis://[secret removed]@cache"),
        (
            "(https://token@host.test)",
            "(https://[secret removed]@host.test)",
        ),
        ("https://u:p@w@host.test/", "https://[secret removed]@host.test/"),
    ] {
        assert_eq!(redact(text), redacted, "{text}");
    }
}

#[test]
fn a_value_that_is_named_a_secret_goes() {
    for (text, redacted) in [
        ("my password is hunter2!", "my password is [secret removed]"),
        ("DB_PASSWORD=hunter2 make", "DB_PASSWORD=[secret removed] make"),
        (
            "{\"api_key\": \"abc123def\"}",
            "{\"api_key\": \"[secret removed]\"}",
        ),
        (
            "?access_token=abc123def&page=2",
            "?access_token=[secret removed]&page=2",
        ),
        (
            "Authorization: Bearer abcdef0123456789",
            "Authorization: Bearer [secret removed]",
        ),
        ("the token is wrong", "the token is wrong"),
        ("password: required", "password: required"),
    ] {
        assert_eq!(redact(text), redacted, "{text}");
    }
}

#[test]
fn a_key_in_a_block_goes_whole_also_where_it_is_cut_off_or_on_one_line() {
    let body = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC";
    for text in [
        format!("a\n-----BEGIN RSA PRIVATE KEY-----\n{body}\n{body}\nb"),
        format!("a\n-----BEGIN RSA PRIVATE KEY-----\\n{body}\\n-----END RSA PRIVATE KEY-----\nb"),
        format!("a\n> -----BEGIN EC PRIVATE KEY-----\n> {body}\n> -----END EC PRIVATE KEY-----\nb"),
    ] {
        let redacted = redact(&text);
        assert!(
            !redacted.contains("MII") && redacted.starts_with("a\n"),
            "{redacted}"
        );
        assert!(redacted.ends_with("\nb"), "{redacted}");
    }
    assert_eq!(
        redact("it says -----BEGIN PRIVATE KEY----- and stops"),
        "it says -----BEGIN PRIVATE KEY----- and stops"
    );
}

#[test]
fn a_change_adds_what_stood_nowhere_before() {
    let file = "// ask jo@acme.test\nlet a = 1;\n";
    assert_eq!(added(file, "let a = 2; // ask jo@acme.test"), None);
    assert_eq!(added(file, "// ask **mo@acme.test**"), Some(Private::Address));
    assert_eq!(
        added(file, "https://u:hunter2pw@host.test/x"),
        Some(Private::Credential)
    );
    assert_eq!(added(file, "let password = read_v2(input);"), None);
    assert_eq!(added("", "let a = 1;"), None);
}

#[test]
fn what_was_redacted_holds_nothing_more() {
    for text in PRIVATE {
        let once = redact(text);
        assert_eq!(redact(&once), once, "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn nothing_around_hides_what_is_private(
        private in select(&PRIVATE[..]),
        inner in select(&AROUND[..]),
        outer in select(&AROUND[..]),
        words in "[a-z ]{0,12}",
    ) {
        let text = format!("{words} {}{}{private}{}{} {words}", outer.0, inner.0, inner.1, outer.1);
        let redacted = redact(&text);
        prop_assert!(!redacted.contains(core(private)), "{text} became {redacted}");
        prop_assert!(redacted.contains(" removed]"), "{text} became {redacted}");
    }

    #[test]
    fn nothing_around_makes_plain_text_private(
        plain in select(&PLAIN[..]),
        inner in select(&AROUND[..]),
        outer in select(&AROUND[..]),
    ) {
        // `password: ..` behind `key: ` is another text.
        let text = format!("{}{}{plain}{}{}", outer.0, inner.0, inner.1, outer.1);
        prop_assert_eq!(redact(&text), text);
    }

    #[test]
    fn keys_that_a_machine_draws_are_found(key in "[A-Za-z0-9+/]{40}") {
        let count = |is: fn(&char) -> bool| key.chars().filter(is).count();
        prop_assume!(count(char::is_ascii_digit) > 2 && count(char::is_ascii_uppercase) > 8 && count(char::is_ascii_lowercase) > 8);
        let text = format!("aws_secret_access_key=\"{key}\"");
        prop_assert!(!redact(&text).contains(&key), "{text}");
    }

    #[test]
    fn any_text_is_read(text in "\\PC{0,200}") {
        let redacted = redact(&text);
        prop_assert!(redacted.is_char_boundary(redacted.len()));
        prop_assert_eq!(added(&text, &text), None);
    }
}
