use super::*;

type Headers = &'static [(&'static str, &'static str)];
/// Status, headers, body; message and wait.
type Row = (u16, Headers, &'static str, &'static str, Option<u64>);

const EXHAUSTED: Headers = &[
    ("x-ratelimit-remaining", "0"),
    ("x-ratelimit-reset", "1795255290"),
];
const PLENTY: Headers = &[
    ("x-ratelimit-remaining", "4000"),
    ("x-ratelimit-reset", "1795255290"),
];
const SECONDARY: &str = r#"{"message":"You have exceeded a secondary rate limit. Please wait."}"#;
const PERMISSION: &str = r#"{"message":"Resource not accessible by integration"}"#;
const EMPTY: &str = r#"{"message":"Git Repository is empty."}"#;
const HAS_PULL: &str = r#"{"message":"Validation Failed","errors":[{"resource":"PullRequest","code":"custom","message":"A pull request already exists for acme:ratchet/b1."}]}"#;
const NO_COMMITS: &str =
    r#"{"message":"Validation Failed","errors":["No commits between main and ratchet/b1"]}"#;
const BAD_HEAD: &str = r#"{"message":"Validation Failed","errors":[{"resource":"PullRequest","field":"head","code":"invalid"}]}"#;

const TABLE: &[Row] = &[
    (
        401,
        &[],
        r#"{"message":"Bad credentials"}"#,
        "credentials are refused status=`401`",
        None,
    ),
    (403, PLENTY, PERMISSION, "not permitted status=`403`", None),
    (
        403,
        EXHAUSTED,
        r#"{"message":"exceeded"}"#,
        "rate limited status=`403`",
        Some(90_000),
    ),
    (
        403,
        &[("retry-after", "30")],
        "",
        "rate limited status=`403`",
        Some(30_000),
    ),
    (403, PLENTY, SECONDARY, "rate limited status=`403`", Some(60_000)),
    (429, &[], "", "rate limited status=`429`", Some(60_000)),
    (404, &[], "", "not found status=`404`", None),
    (
        410,
        &[],
        r#"{"message":"Issues are disabled for this repo"}"#,
        "not found status=`410`",
        None,
    ),
    (409, &[], EMPTY, "repository is empty status=`409`", None),
    (
        409,
        &[],
        r#"{"message":"x"}"#,
        "object has changed since it was read status=`409`",
        None,
    ),
    (
        422,
        &[],
        r#"{"message":"Reference already exists"}"#,
        "already exists status=`422`",
        None,
    ),
    (422, &[], HAS_PULL, "already exists status=`422`", None),
    (
        422,
        &[],
        NO_COMMITS,
        "no commits between base and head status=`422`",
        None,
    ),
    (422, &[], BAD_HEAD, "refused status=`422` code=`invalid`", None),
    (422, &[], "[]", "refused status=`422` code=``", None),
    (503, &[], "<html>", "provider failed status=`503`", None),
    (
        301,
        &[],
        r#"{"message":"Moved Permanently"}"#,
        "answer is not understood status=`301` code=``",
        None,
    ),
];

#[tokio::test]
async fn every_answer_of_github_has_its_meaning() {
    for (status, headers, body, message, wait) in TABLE {
        let canned = Canned::default().then(*status, headers, body);
        let error = github!(canned).repo(&repo()).await.unwrap_err();
        assert_eq!(error.to_string(), format!("github read repository: {message}"));
        assert_eq!(error.retry_after_ms(), *wait, "{message}");
        assert_eq!(
            error.has_no_side_effects(),
            (400..500).contains(status),
            "{message}"
        );
    }
}
