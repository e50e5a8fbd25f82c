use super::*;
use crate::canned::Canned;

fn new() -> NewIssue {
    NewIssue {
        project: "ENG".to_owned(),
        issue_type: "Bug".to_owned(),
        summary: "Cart".into(),
        description: "One.\n\n\n\nTwo.".into(),
        effect: "a".to_owned(),
    }
}

macro_rules! jira {
    ($canned:expr) => {
        Jira::new(
            $canned.wire(),
            "https://acme.atlassian.net/",
            "bot@acme.test",
            &Secret::new("tok"),
        )
    };
}

#[tokio::test]
async fn an_issue_is_created_with_fixed_bytes_and_its_label() {
    let canned = Canned::new(&[(
        201,
        r#"{"id":"10001","key":"ENG-12","self":"https://acme.atlassian.net/rest/api/3/issue/10001"}"#,
    )]);
    let issue = jira!(canned).create_issue(&new()).await.unwrap();
    assert_eq!(
        (issue.key.as_str(), issue.url.as_str()),
        ("ENG-12", "https://acme.atlassian.net/browse/ENG-12")
    );
    assert_eq!(
        canned.lines(),
        ["POST https://acme.atlassian.net/rest/api/3/issue"]
    );
    assert_eq!(
        canned.headers("authorization")[0].as_deref(),
        Some("!Basic Ym90QGFjbWUudGVzdDp0b2s=")
    );
    assert_eq!(
        canned.bodies(),
        [concat!(
            r#"{"fields":{"project":{"key":"ENG"},"issuetype":{"name":"Bug"},"summary":"Cart","description":{"type":"doc","version":1,"content":["#,
            r#"{"type":"paragraph","content":[{"type":"text","text":"One."}]},{"type":"paragraph","content":[{"type":"text","text":"Two."}]}]},"#,
            r#""labels":["ratchet","ratchet-e566d120-55fe-4517-b37a-5e60fe2eb3df"]}}"#
        )]
    );
}

#[tokio::test]
async fn of_several_issues_the_lowest_is_the_one() {
    let canned = Canned::new(&[
        (
            200,
            r#"{"issues":[{"id":"10002","key":"ENG-3"},{"id":"9999","key":"ENG-1"}],"isLast":true}"#,
        ),
        (200, r#"{"issues":[]}"#),
    ]);
    assert_eq!(
        jira!(canned).find_issue("ENG", "a").await.unwrap().unwrap().key,
        "ENG-1"
    );
    assert_eq!(jira!(canned).find_issue("E\"N\\G", "a").await, Ok(None));
    assert_eq!(
        canned.bodies()[0],
        concat!(
            r#"{"jql":"project = \"ENG\" AND labels = \"ratchet-e566d120-55fe-4517-b37a-5e60fe2eb3df\" ORDER BY created ASC","#,
            r#""fields":["key"],"maxResults":50}"#
        )
    );
    assert!(canned.bodies()[1].contains(r#"project = \"E\\\"N\\\\G\" AND"#));
}

#[tokio::test]
async fn a_link_has_one_global_id_an_address() {
    let canned = Canned::new(&[(201, r#"{"id":1}"#), (200, r#"{"id":1}"#)]);
    for _ in 0..2 {
        jira!(canned)
            .link("ENG-12", "https://acme.zendesk.com/agent/tickets/1", "Ticket 1")
            .await
            .unwrap();
    }
    let bodies = canned.bodies();
    assert_eq!(bodies[0], bodies[1]);
    assert!(bodies[0].starts_with(r#"{"globalId":"ratchet="#));
    assert_eq!(
        canned.lines()[0],
        "POST https://acme.atlassian.net/rest/api/3/issue/ENG-12/remotelink"
    );
}

#[tokio::test]
async fn every_answer_of_jira_has_its_meaning() {
    for (status, message) in [
        (400, "refused status=`400` code=``"),
        (401, "credentials are refused status=`401`"),
        (403, "not permitted status=`403`"),
        (404, "not found status=`404`"),
        (429, "rate limited status=`429`"),
        (503, "provider failed status=`503`"),
        (204, "answer is not understood status=`204` code=``"),
    ] {
        let canned = Canned::default().then(
            status,
            &[("retry-after", "9")],
            r#"{"errorMessages":["jo@acme.test"],"errors":{}}"#,
        );
        let error = jira!(canned).create_issue(&new()).await.unwrap_err();
        assert_eq!(error.to_string(), format!("jira create issue: {message}"));
        assert_eq!(error.retry_after_ms().is_some(), matches!(status, 429 | 503));
    }
}

#[tokio::test]
async fn issues_of_an_effect_come_lowest_id_first_and_one_is_deleted_by_its_key() {
    let canned = Canned::new(&[
        (
            200,
            r#"{"issues":[{"id":"10002","key":"ENG-3"},{"id":"9999","key":"ENG-1"}],"isLast":true}"#,
        ),
        (204, ""),
        (404, r#"{"errorMessages":["gone"]}"#),
    ]);
    let found = jira!(canned).find_issues("ENG", "a").await.unwrap();
    let keys: Vec<&str> = found.iter().map(|issue| issue.key.as_str()).collect();
    assert_eq!(keys, ["ENG-1", "ENG-3"]);
    jira!(canned).delete_issue("ENG-3").await.unwrap();
    let gone = jira!(canned).delete_issue("ENG-3").await.unwrap_err();
    assert!(matches!(gone, ProviderError::NotFound { .. }), "{gone:?}");
    assert_eq!(
        canned.lines()[1],
        "DELETE https://acme.atlassian.net/rest/api/3/issue/ENG-3"
    );
}
