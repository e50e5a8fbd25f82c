use super::*;
use crate::text::Text;

fn commit() -> NewCommit {
    NewCommit {
        message: "Fix the cart\n".into(),
        tree: "t1".to_owned(),
        parent: "c0".to_owned(),
        author: Person {
            name: "Ratchet".to_owned(),
            email: "ratchet@acme.test".to_owned(),
            date: "2026-11-21T10:00:00Z".to_owned(),
        },
    }
}

fn pull() -> NewPull {
    NewPull {
        title: "Fix the cart".into(),
        head: "ratchet/b1".to_owned(),
        base: "main".to_owned(),
        body: Text::from("Text\n").marker("e1"),
    }
}

#[tokio::test]
async fn a_commit_is_written_with_fixed_bytes() {
    let canned = Canned::new(&[
        (201, r#"{"sha":"b1","url":".."}"#),
        (201, r#"{"sha":"t1"}"#),
        (201, r#"{"sha":"c1"}"#),
        (201, r#"{"ref":"refs/heads/ratchet/b1","object":{"sha":"c1"}}"#),
    ]);
    let secret = Secret::new("t");
    let github = Github::new(canned.wire(), "https://ghe.acme.test/api/v3/", &secret);
    let entry = |path: &str, content| TreeEntry {
        path: path.to_owned(),
        mode: "100644".to_owned(),
        content,
    };
    let entries = [
        entry("a.rs", TreeContent::Blob("b1".to_owned())),
        entry("b.rs", TreeContent::Text("hi\n".to_owned())),
        entry("c.rs", TreeContent::Deleted),
    ];
    assert_eq!(github.create_blob(&repo(), b"hi\n").await.unwrap(), "b1");
    assert_eq!(github.create_tree(&repo(), "t0", &entries).await.unwrap(), "t1");
    assert_eq!(github.create_commit(&repo(), &commit()).await.unwrap(), "c1");
    github.create_branch(&repo(), "ratchet/b1", "c1").await.unwrap();
    assert_eq!(
        canned.lines(),
        [
            "POST https://ghe.acme.test/api/v3/repos/acme/shop/git/blobs",
            "POST https://ghe.acme.test/api/v3/repos/acme/shop/git/trees",
            "POST https://ghe.acme.test/api/v3/repos/acme/shop/git/commits",
            "POST https://ghe.acme.test/api/v3/repos/acme/shop/git/refs",
        ]
    );
    let person = r#"{"name":"Ratchet","email":"ratchet@acme.test","date":"2026-11-21T10:00:00Z"}"#;
    assert_eq!(
        canned.bodies(),
        [
            r#"{"content":"aGkK","encoding":"base64"}"#.to_owned(),
            concat!(
                r#"{"base_tree":"t0","tree":[{"path":"a.rs","mode":"100644","type":"blob","sha":"b1"},"#,
                r#"{"path":"b.rs","mode":"100644","type":"blob","content":"hi\n"},"#,
                r#"{"path":"c.rs","mode":"100644","type":"blob","sha":null}]}"#
            )
            .to_owned(),
            format!(
                r#"{{"message":"Fix the cart\n","tree":"t1","parents":["c0"],"author":{person},"committer":{person}}}"#
            ),
            r#"{"ref":"refs/heads/ratchet/b1","sha":"c1"}"#.to_owned(),
        ]
    );
}

#[tokio::test]
async fn a_pull_is_opened_as_a_draft() {
    let canned = Canned::new(&[(201, PULL)]);
    let opened = github!(canned).create_pull(&repo(), &pull()).await.unwrap();
    assert_eq!(
        (
            opened.number,
            opened.head_sha.as_str(),
            opened.state,
            opened.draft
        ),
        (7, "c1", PullState::Open, true)
    );
    assert!(opened.body.contains(&html_marker("e1")));
    assert_eq!(
        canned.bodies(),
        [
            r#"{"title":"Fix the cart","head":"ratchet/b1","base":"main","body":"Text\n<!-- ratchet:e1 -->","draft":true}"#
        ]
    );
}

#[tokio::test]
async fn a_repository_without_drafts_gets_a_plain_pull() {
    let sentence = "Draft pull requests are not supported in this repository.";
    for body in [
        json!({"message": sentence}),
        json!({"message": "Validation Failed", "errors": [{"message": sentence}]}),
    ] {
        let canned = Canned::default()
            .then(422, &[], body.to_string())
            .then(201, &[], PULL);
        github!(canned).create_pull(&repo(), &pull()).await.unwrap();
        let second = canned.bodies().pop().unwrap();
        assert!(
            second.starts_with(r#"{"title":"[WIP] Fix the cart","#) && second.ends_with(r#""draft":false}"#)
        );
    }
    let other = Canned::new(&[(
        422,
        r#"{"message":"Validation Failed","errors":[{"field":"base","code":"invalid"}]}"#,
    )]);
    assert!(matches!(
        github!(other).create_pull(&repo(), &pull()).await,
        Err(ProviderError::Rejected { .. })
    ));
    assert_eq!(other.lines().len(), 1);
}

#[tokio::test]
async fn a_pull_is_found_in_every_state_and_only_by_its_own_branch() {
    let mut closed: Value = serde_json::from_str(PULL).unwrap();
    closed["state"] = json!("closed");
    let mut merged = closed.clone();
    merged["merged_at"] = json!("2026-11-21T10:00:00Z");
    let mut other = closed.clone();
    other["head"]["ref"] = json!("ratchet/b2");
    let canned = Canned::default().then(200, &[], json!([closed, merged, other]).to_string());
    let found = github!(canned).find_pulls(&repo(), "ratchet/b1").await.unwrap();
    assert_eq!(
        found.iter().map(|pull| pull.state).collect::<Vec<_>>(),
        [PullState::Closed, PullState::Merged]
    );
    assert_eq!(
        canned.lines(),
        [
            "GET https://api.github.com/repos/acme/shop/pulls?head=acme%3Aratchet%2Fb1&state=all&per_page=100&page=1"
        ]
    );
}

#[tokio::test]
async fn a_full_page_is_followed_by_the_next() {
    let page: Vec<Value> = (0..100).map(|n| json!({"filename": format!("{n}.rs")})).collect();
    let canned = Canned::default().then(200, &[], json!(page).to_string()).then(
        200,
        &[],
        r#"[{"filename":"new.rs","previous_filename":"old.rs","status":"renamed"}]"#,
    );
    let files = github!(canned).changed_files(&repo(), 7).await.unwrap();
    assert_eq!(
        (files.len(), files[100].as_str(), files[101].as_str()),
        (102, "new.rs", "old.rs")
    );
    assert_eq!(
        canned.lines()[1],
        "GET https://api.github.com/repos/acme/shop/pulls/7/files?per_page=100&page=2"
    );
    let cut = Canned::default()
        .then(200, &[], json!(page).to_string())
        .then(500, &[], "");
    assert!(github!(cut).changed_files(&repo(), 7).await.is_err());
}

#[tokio::test]
async fn a_pull_of_as_many_files_as_github_lists_is_too_large() {
    let page = |files: u64| {
        let files: Vec<Value> = (0..files)
            .map(|n| json!({"filename": format!("{n}.rs")}))
            .collect();
        json!(files).to_string()
    };
    let full = (0..29).fold(Canned::default(), |canned, _| canned.then(200, &[], page(100)));
    let almost = full.then(200, &[], page(99));
    assert_eq!(
        github!(almost).changed_files(&repo(), 7).await.unwrap().len(),
        2_999
    );
    let full = (0..30).fold(Canned::default(), |canned, _| canned.then(200, &[], page(100)));
    let all = full.then(200, &[], "[]");
    let refused = github!(all)
        .changed_files(&repo(), 7)
        .await
        .map(|files| files.len());
    assert!(
        matches!(refused, Err(ProviderError::TooLarge { .. })),
        "{refused:?}"
    );
    assert_eq!(all.lines().len(), 30, "nobody asks for the empty page after them");
}

#[tokio::test]
async fn an_issue_carries_its_marker_and_is_found_by_it() {
    let new = NewIssue {
        title: "Cart".into(),
        body: "Text".into(),
        effect: "e1".to_owned(),
    };
    let marked = r#"{"number":9,"html_url":"u9","body":"Text\n\n<!-- ratchet:e1 -->"}"#;
    let canned = Canned::default().then(201, &[], marked).then(
        200,
        &[],
        format!(r#"[{{"number":8,"html_url":"u8","body":null}},{{"number":7,"html_url":"u7","body":"<!-- ratchet:e1 -->","pull_request":{{}}}},{marked}]"#),
    );
    let created = github!(canned).create_issue(&repo(), &new).await.unwrap();
    assert_eq!(created.key, "acme/shop#9");
    let found = github!(canned)
        .find_issue(&repo(), "e1", "2026-11-21T09:59:00Z")
        .await
        .unwrap();
    assert_eq!(found, Some(created));
    assert_eq!(
        canned.bodies()[0],
        r#"{"title":"Cart","body":"Text\n\n<!-- ratchet:e1 -->"}"#
    );
    assert_eq!(
        canned.lines()[1],
        concat!(
            "GET https://api.github.com/repos/acme/shop/issues?state=all&since=2026-11-21T09%3A59%3A00Z",
            "&sort=created&direction=desc&per_page=100&page=1"
        )
    );
}
