use ratchet_domain::ids::RepoName;
use ratchet_providers::error::ProviderError;
use ratchet_providers::github::{ArchiveLimits, Github, NewIssue};
use ratchet_providers::secret::Secret;
use ratchet_providers::wire::Wire;
use serde_json::Value;

use super::*;
use crate::sandbox::source::SourceFile;

const API: &str = "https://api.github.com";
const KEY: &str = "Bearer sandbox-github-token";

fn with_repos() -> Sandbox {
    let (sandbox, _) = sandbox();
    let long = format!("src/{}lib.rs", "deep/".repeat(40));
    let files = [
        SourceFile::text("src/cart.rs", "fn total() {}\n"),
        SourceFile::text(&long, "pub fn far() {}\n"),
        SourceFile::symlink("link", "/etc/passwd"),
    ];
    sandbox.edit(|world, now| {
        world.github.add_repo(now, "acme/shop", &files).unwrap();
        assert!(world.github.add_repo(now, "acme/empty", &[]).is_none());
        world.github.add_repo(now, "acme/old", &files).unwrap();
        assert!(world.github.set_archived("acme/old", true));
        assert!(world.github.set_size_kb("acme/old", 9_000_000));
    });
    sandbox
}

fn name(text: &str) -> RepoName {
    RepoName::parse(text).unwrap()
}

#[tokio::test]
async fn an_archive_comes_through_a_redirect_on_both_addresses() {
    let sandbox = with_repos();
    let token = Secret::new("sandbox-github-token");
    for api in [API, "http://127.0.0.1:4000/github"] {
        let client = Github::new(Wire::new(&sandbox, START_MS), api, &token);
        let head = client.head(&name("acme/shop"), "main").await.unwrap();
        let archive = client
            .tarball(&name("acme/shop"), &head.commit, &ArchiveLimits::default())
            .await
            .unwrap();
        let paths: Vec<&str> = archive.files.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(paths.len(), 2);
        assert!(
            paths[0] == "src/cart.rs" && paths[1].ends_with("/lib.rs"),
            "{paths:?}"
        );
        // The link, and nothing else, was left out.
        assert_eq!(archive.skipped.irregular, 1);
    }
}

#[test]
fn an_archive_has_one_top_folder_and_its_link_ends() {
    let sandbox = with_repos();
    let send = |uri: &str| {
        let request = http::Request::get(uri)
            .header("authorization", KEY)
            .header("user-agent", "t")
            .body(Bytes::new());
        sandbox.answer(request.unwrap())
    };
    let redirect = send("https://api.github.com/repos/acme/shop/tarball/main");
    assert_eq!(redirect.status(), 302);
    let link = redirect.headers()["location"].to_str().unwrap().to_owned();
    assert!(
        link.starts_with("https://codeload.github.com/acme/shop/legacy.tar.gz/"),
        "{link}"
    );
    let (first, second) = (send(&link), send(&link));
    assert_eq!(first.body(), second.body());
    let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(first.body().as_ref()));
    let sha = sandbox.read(|world| world.github.branches("acme/shop")["main"].clone());
    let top = format!("acme-shop-{}", &sha[..7]);
    let names: Vec<String> = tar
        .entries()
        .unwrap()
        .map(|entry| entry.unwrap().path().unwrap().display().to_string())
        .collect();
    assert_eq!(names[0], "pax_global_header");
    assert!(names[1..].iter().all(|name| name.starts_with(&top)), "{names:?}");
    let late = sandbox.fork_at(Arc::new(ManualClock::at(START_MS + 300_000)));
    assert_eq!(
        late.answer(http::Request::get(&link).body(Bytes::new()).unwrap())
            .status(),
        404
    );
}

#[tokio::test]
async fn what_a_repository_lacks_is_told_as_the_vendor_tells_it() {
    let sandbox = with_repos();
    let token = Secret::new("sandbox-github-token");
    let client = Github::new(Wire::new(&sandbox, START_MS), API, &token);
    let missing = client.repo(&name("acme/none")).await.unwrap_err();
    assert!(matches!(missing, ProviderError::NotFound { .. }), "{missing}");
    let empty = client.head(&name("acme/empty"), "main").await.unwrap_err();
    assert!(matches!(empty, ProviderError::EmptyRepository { .. }), "{empty}");
    let old = client.repo(&name("acme/old")).await.unwrap();
    assert!(old.archived && old.size_kb == 9_000_000);
    let denied = client.create_blob(&name("acme/old"), b"x").await.unwrap_err();
    assert!(matches!(denied, ProviderError::Forbidden { .. }), "{denied}");
    assert_eq!(
        client.find_branch(&name("acme/shop"), "none").await.unwrap(),
        None
    );
    assert_eq!(
        client
            .file(&name("acme/shop"), "src/cart.rs", "main")
            .await
            .unwrap()
            .text,
        "fn total() {}\n"
    );
    assert!(client.file(&name("acme/shop"), "src", "main").await.is_err());
    assert!(client.file(&name("acme/shop"), "link", "main").await.is_err());
    let other = Secret::new("other");
    let refused = Github::new(Wire::new(&sandbox, START_MS), API, &other)
        .repo(&name("acme/shop"))
        .await;
    assert!(
        matches!(refused, Err(ProviderError::Unauthorized { .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn an_issue_is_found_by_its_marker_among_pull_requests() {
    let sandbox = with_repos();
    let token = Secret::new("sandbox-github-token");
    let client = Github::new(Wire::new(&sandbox, START_MS), API, &token);
    let shop = name("acme/shop");
    let issue = NewIssue {
        title: "t".into(),
        body: "b".into(),
        effect: "e1".to_owned(),
    };
    let made = client.create_issue(&shop, &issue).await.unwrap();
    let since = "2026-11-20T09:59:00Z";
    assert_eq!(client.find_issue(&shop, "e1", since).await.unwrap(), Some(made));
    assert_eq!(client.find_issue(&shop, "e2", since).await.unwrap(), None);
    assert_eq!(
        client
            .find_issue(&shop, "e1", "2026-11-20T10:00:01Z")
            .await
            .unwrap(),
        None
    );
    let url = format!("{API}/repos/acme/shop/issues/1/comments");
    assert_eq!(
        ask(
            &sandbox,
            "POST",
            &url,
            KEY,
            &serde_json::json!({"body": "<!-- ratchet:e3 -->"})
        )
        .0,
        201
    );
    assert_eq!(
        ask(&sandbox, "GET", &url, KEY, &Value::Null)
            .1
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(sandbox.effects().last().unwrap().marker.as_deref(), Some("e3"));
}

#[test]
fn a_request_without_a_user_agent_is_forbidden() {
    let sandbox = with_repos();
    let request = http::Request::get("https://api.github.com/repos/acme/shop").header("authorization", KEY);
    assert_eq!(sandbox.answer(request.body(Bytes::new()).unwrap()).status(), 403);
}

#[test]
fn a_recursive_tree_lists_folders_and_files() {
    let sandbox = with_repos();
    let url = format!("{API}/repos/acme/shop/git/trees/main?recursive=1");
    let (_, body) = ask(&sandbox, "GET", &url, KEY, &Value::Null);
    let kinds: Vec<&str> = body["tree"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line["type"].as_str().unwrap())
        .collect();
    assert_eq!(kinds.iter().filter(|kind| **kind == "blob").count(), 3);
    assert_eq!(kinds.iter().filter(|kind| **kind == "tree").count(), 41);
}
