use super::*;
use crate::canned::{Canned, NOW_MS};

const ISSUE: &str = r#"{"id":"e566d120-55fe-4517-b37a-5e60fe2eb3df","identifier":"ENG-12","url":"https://linear.app/acme/issue/ENG-12"}"#;
const TAKEN: &str = r#"{"errors":[{"message":"conflict on insert of Issue","extensions":{"code":"INPUT_ERROR","statusCode":400,"userError":true,"userPresentableMessage":"Entity Issue with id e566d120-55fe-4517-b37a-5e60fe2eb3df already exists."}}],"data":null}"#;
const ABSENT: &str =
    r#"{"errors":[{"message":"Entity not found: Issue","extensions":{"code":"INPUT_ERROR"}}],"data":null}"#;

fn created() -> String {
    format!(r#"{{"data":{{"issueCreate":{{"success":true,"issue":{ISSUE}}}}}}}"#)
}

fn read() -> String {
    format!(r#"{{"data":{{"issue":{ISSUE}}}}}"#)
}

fn new() -> NewIssue {
    NewIssue {
        team_id: "t".to_owned(),
        title: "Cart".into(),
        description: "Text".into(),
        effect: "a".to_owned(),
    }
}

macro_rules! linear {
    ($canned:expr) => {
        Linear::new(
            $canned.wire(),
            "https://api.linear.app/graphql",
            &Secret::new("lin_api_1"),
        )
    };
}

#[tokio::test]
async fn an_issue_is_created_with_an_id_of_its_effect() {
    let canned = Canned::new(&[(200, &created())]);
    let issue = linear!(canned).create_issue(&new()).await.unwrap();
    assert_eq!(issue.key, "ENG-12");
    assert_eq!(canned.lines(), ["POST https://api.linear.app/graphql"]);
    assert_eq!(canned.headers("authorization")[0].as_deref(), Some("!lin_api_1"));
    assert_eq!(
        canned.bodies(),
        [concat!(
            r#"{"query":"mutation IssueCreate($input: IssueCreateInput!) { issueCreate(input: $input) { success issue { id identifier url } } }","#,
            r#""variables":{"input":{"id":"e566d120-55fe-4517-b37a-5e60fe2eb3df","teamId":"t","title":"Cart","description":"Text"}}}"#
        )]
    );
}

#[tokio::test]
async fn a_second_creation_is_the_first_issue() {
    for status in [200, 400] {
        let canned = Canned::new(&[(status, TAKEN), (200, &read())]);
        assert_eq!(linear!(canned).create_issue(&new()).await.unwrap().key, "ENG-12");
    }
    let trashed = Canned::new(&[(200, TAKEN), (200, ABSENT)]);
    assert!(matches!(
        linear!(trashed).create_issue(&new()).await,
        Err(ProviderError::AlreadyExists { .. })
    ));
}

#[tokio::test]
async fn an_absent_issue_is_none_and_a_failed_read_is_not() {
    assert_eq!(
        linear!(Canned::new(&[(200, ABSENT)])).find_issue("a").await,
        Ok(None)
    );
    assert!(
        linear!(Canned::new(&[(200, r#"{"data":{"issue":null}}"#)]))
            .find_issue("a")
            .await
            .is_err()
    );
    assert!(linear!(Canned::new(&[(500, "")])).find_issue("a").await.is_err());
    assert!(
        linear!(Canned::new(&[(200, &read())]))
            .find_issue("a")
            .await
            .unwrap()
            .is_some()
    );
}

#[tokio::test]
async fn a_link_is_put_by_its_address() {
    let canned = Canned::new(&[
        (200, r#"{"data":{"attachmentCreate":{"success":true}}}"#),
        (200, r#"{"data":{"attachmentCreate":{"success":false}}}"#),
    ]);
    linear!(canned)
        .link("i", "https://acme.zendesk.com/agent/tickets/1", "Ticket 1")
        .await
        .unwrap();
    assert!(canned.bodies()[0].ends_with(
        r#"{"input":{"issueId":"i","url":"https://acme.zendesk.com/agent/tickets/1","title":"Ticket 1"}}}"#
    ));
    assert!(linear!(canned).link("i", "u", "t").await.is_err());
}

/// Status, code; message, surely without effect.
const ANSWERS: &[(u16, &str, &str, bool)] = &[
    (
        200,
        "INVALID_INPUT",
        "refused status=`200` code=`INVALID_INPUT`",
        true,
    ),
    (
        400,
        "GRAPHQL_VALIDATION_FAILED",
        "refused status=`400` code=`GRAPHQL_VALIDATION_FAILED`",
        true,
    ),
    (400, "RATELIMITED", "rate limited status=`400`", true),
    (
        401,
        "AUTHENTICATION_ERROR",
        "credentials are refused status=`401`",
        true,
    ),
    (200, "FORBIDDEN", "not permitted status=`200`", true),
    (
        200,
        "INTERNAL_SERVER_ERROR",
        "provider failed status=`200`",
        false,
    ),
    (
        200,
        "SOMETHING_NEW",
        "answer is not understood status=`200` code=`SOMETHING_NEW`",
        false,
    ),
    (502, "SOMETHING_NEW", "provider failed status=`502`", false),
];

#[tokio::test]
async fn every_answer_of_linear_has_its_meaning() {
    for (status, code, message, no_effect) in ANSWERS {
        let body =
            json!({"errors": [{"message": "x", "extensions": {"code": code}}], "data": null}).to_string();
        let reset = (NOW_MS + 5_000).to_string();
        let canned = Canned::default().then(*status, &[("x-ratelimit-requests-reset", &reset)], body);
        let error = linear!(canned).create_issue(&new()).await.unwrap_err();
        assert_eq!(error.to_string(), format!("linear create issue: {message}"));
        assert_eq!(error.has_no_side_effects(), *no_effect, "{code}");
        assert_eq!(error.retry_after_ms(), (*code == "RATELIMITED").then_some(5_000));
    }
    for (status, body) in [
        (200, ""),
        (200, "{}"),
        (200, r#"{"data":{"issueCreate":{"success":true}}}"#),
        (503, "<html>"),
    ] {
        let error = linear!(Canned::new(&[(status, body)]))
            .create_issue(&new())
            .await
            .unwrap_err();
        assert!(!error.has_no_side_effects(), "{error}");
    }
}
