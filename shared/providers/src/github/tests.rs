use jsonwebtoken::{DecodingKey, Validation, decode};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::canned::{Canned, NOW_MS};
use crate::effect::html_marker;
use crate::event::EventError;

mod answers;
mod app;
mod events;
mod writes;

const PULL: &str = r#"{"number":7,"html_url":"https://github.com/acme/shop/pull/7","state":"open","draft":true,"merged":false,"merged_at":null,
 "head":{"ref":"ratchet/b1","sha":"c1"},"base":{"ref":"main","sha":"c0"},"body":"x <!-- ratchet:e1 -->","user":{"login":"bot"}}"#;

fn repo() -> RepoName {
    RepoName::parse("acme/shop").unwrap()
}

macro_rules! github {
    ($canned:expr) => {
        Github::new($canned.wire(), "https://api.github.com", &Secret::new("ghs_t"))
    };
}
use github;

#[tokio::test]
async fn every_request_names_its_version_and_hides_its_token() {
    let canned = Canned::new(&[(
        200,
        r#"{"id":1,"default_branch":"main","archived":true,"size":12,"private":true}"#,
    )]);
    let read = github!(canned).repo(&repo()).await.unwrap();
    assert_eq!(
        read,
        Repo {
            id: 1,
            default_branch: "main".to_owned(),
            archived: true,
            disabled: false,
            size_kb: 12
        }
    );
    assert_eq!(canned.lines(), ["GET https://api.github.com/repos/acme/shop"]);
    assert_eq!(
        canned.headers("authorization")[0].as_deref(),
        Some("!Bearer ghs_t")
    );
    assert_eq!(
        canned.headers("accept")[0].as_deref(),
        Some("application/vnd.github+json")
    );
    assert_eq!(
        canned.headers("x-github-api-version")[0].as_deref(),
        Some("2022-11-28")
    );
    assert!(
        canned.headers("user-agent")[0]
            .as_deref()
            .is_some_and(|agent| agent.starts_with("ratchet/"))
    );
}

#[tokio::test]
async fn a_head_is_a_commit_and_its_tree() {
    let canned = Canned::new(&[
        (200, r#"{"ref":"refs/heads/a/b","object":{"sha":"c0"}}"#),
        (200, r#"{"sha":"c0","tree":{"sha":"t0"}}"#),
    ]);
    let head = github!(canned).head(&repo(), "a/b").await.unwrap();
    assert_eq!(
        head,
        Head {
            commit: "c0".to_owned(),
            tree: "t0".to_owned()
        }
    );
    assert_eq!(
        canned.lines(),
        [
            "GET https://api.github.com/repos/acme/shop/git/ref/heads/a/b",
            "GET https://api.github.com/repos/acme/shop/git/commits/c0",
        ]
    );
}

#[tokio::test]
async fn an_absent_branch_is_told_from_a_hidden_repository() {
    let canned = Canned::new(&[
        (404, r#"{"message":"Not Found"}"#),
        (200, r#"{"id":1,"default_branch":"main"}"#),
    ]);
    assert_eq!(github!(canned).find_branch(&repo(), "ratchet/b1").await, Ok(None));
    let hidden = Canned::new(&[(404, ""), (404, "")]);
    assert!(matches!(
        github!(hidden).find_branch(&repo(), "x").await,
        Err(ProviderError::NotFound { .. })
    ));
    let empty = Canned::new(&[(409, r#"{"message":"Git Repository is empty."}"#)]);
    assert!(matches!(
        github!(empty).head(&repo(), "main").await,
        Err(ProviderError::EmptyRepository { .. })
    ));
}

#[tokio::test]
async fn a_path_cannot_leave_its_repository() {
    let canned = Canned::default();
    for path in ["../../other/secret", "a//b", "", "/etc"] {
        let error = github!(canned).file(&repo(), path, "c0").await.unwrap_err();
        assert!(
            matches!(error, ProviderError::Unsendable { what: "path", .. }),
            "{path}"
        );
    }
    assert!(canned.lines().is_empty());
}

#[tokio::test]
async fn a_file_is_read_as_text_or_refused_with_its_reason() {
    let canned = Canned::new(&[
        (
            200,
            r#"{"type":"file","encoding":"base64","sha":"b0","content":"aGVs\nbG8=\n"}"#,
        ),
        (200, r#"[{"type":"file","name":"a"}]"#),
        (200, r#"{"type":"symlink","target":"/etc/passwd","sha":"b"}"#),
        (
            200,
            r#"{"type":"file","encoding":"none","sha":"b0","content":""}"#,
        ),
        (
            200,
            r#"{"type":"file","encoding":"base64","sha":"b0","content":"/w=="}"#,
        ),
        (
            200,
            r#"{"type":"file","encoding":"base64","sha":"b0","content":"*"}"#,
        ),
    ]);
    let read = async || github!(canned).file(&repo(), "src/a b.rs", "c0").await;
    assert_eq!(
        read().await,
        Ok(FileText {
            sha: "b0".to_owned(),
            text: "hello".to_owned()
        })
    );
    assert!(matches!(read().await, Err(ProviderError::Rejected { code, .. }) if code == "not_a_file"));
    assert!(matches!(read().await, Err(ProviderError::Rejected { code, .. }) if code == "not_a_file"));
    assert!(matches!(read().await, Err(ProviderError::TooLarge { .. })));
    assert!(matches!(read().await, Err(ProviderError::Rejected { code, .. }) if code == "not_text"));
    assert!(matches!(read().await, Err(ProviderError::Malformed { .. })));
    assert_eq!(
        canned.lines()[0],
        "GET https://api.github.com/repos/acme/shop/contents/src/a%20b.rs?ref=c0"
    );
}

fn tarball() -> Vec<u8> {
    let mut tar = tar::Builder::new(flate2::write::GzEncoder::new(
        Vec::new(),
        flate2::Compression::fast(),
    ));
    let mut header = tar::Header::new_gnu();
    header.set_size(2);
    header.set_mode(0o644);
    tar.append_data(&mut header, "acme-shop-c0/a.rs", b"hi".as_slice())
        .unwrap();
    tar.into_inner().unwrap().finish().unwrap()
}

#[tokio::test]
async fn an_archive_is_fetched_through_one_redirect_without_the_token() {
    let elsewhere = "https://codeload.github.com/acme/shop/legacy.tar.gz/c0?token=AAA";
    let canned = Canned::default()
        .then(302, &[("location", elsewhere)], "")
        .then(200, &[], tarball());
    let archive = github!(canned)
        .tarball(&repo(), "c0", &ArchiveLimits::default())
        .await
        .unwrap();
    assert_eq!(
        archive
            .files
            .iter()
            .map(|file| file.path.as_str())
            .collect::<Vec<_>>(),
        ["a.rs"]
    );
    assert_eq!(
        canned.lines(),
        [
            "GET https://api.github.com/repos/acme/shop/tarball/c0".to_owned(),
            format!("GET {elsewhere}")
        ]
    );
    let sent: Vec<bool> = canned
        .headers("authorization")
        .iter()
        .map(Option::is_some)
        .collect();
    assert_eq!(sent, [true, false]);
    let same = Canned::default()
        .then(302, &[("location", "/download/c0")], "")
        .then(200, &[], tarball());
    github!(same)
        .tarball(&repo(), "c0", &ArchiveLimits::default())
        .await
        .unwrap();
    assert_eq!(same.lines()[1], "GET https://api.github.com/download/c0");
    assert!(same.headers("authorization").iter().all(Option::is_some));
}

#[tokio::test]
async fn a_redirect_is_followed_once_and_never_to_a_weaker_scheme() {
    let limits = ArchiveLimits::default();
    let twice = Canned::default()
        .then(302, &[("location", "https://a.test/")], "")
        .then(302, &[("location", "https://b.test/")], "");
    assert!(matches!(
        github!(twice).tarball(&repo(), "c0", &limits).await,
        Err(ProviderError::Unexpected { status: 302, .. })
    ));
    for location in [
        "http://codeload.github.com/x",
        "ftp://x/",
        "file:///etc/passwd",
        "https://",
    ] {
        let canned = Canned::default().then(302, &[("location", location)], "");
        assert!(
            matches!(
                github!(canned).tarball(&repo(), "c0", &limits).await,
                Err(ProviderError::Malformed { .. })
            ),
            "{location}"
        );
        assert_eq!(canned.lines().len(), 1);
    }
    let error = github!(Canned::new(&[(200, "not gzip")]))
        .tarball(&repo(), "c0", &limits)
        .await
        .unwrap_err();
    assert!(matches!(error, ProviderError::Malformed { .. }));
    let small = ArchiveLimits {
        packed_bytes_max: 4,
        ..limits
    };
    let error = github!(Canned::default().then(200, &[], tarball()))
        .tarball(&repo(), "c0", &small)
        .await
        .unwrap_err();
    assert!(matches!(
        error,
        ProviderError::TooLarge {
            what: "bytes",
            limit: 4,
            ..
        }
    ));
    let none = ArchiveLimits {
        files_max: 0,
        ..limits
    };
    let error = github!(Canned::default().then(200, &[], tarball()))
        .tarball(&repo(), "c0", &none)
        .await
        .unwrap_err();
    assert!(matches!(
        error,
        ProviderError::TooLarge {
            what: "files",
            limit: 0,
            ..
        }
    ));
}
