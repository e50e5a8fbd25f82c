use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ratchet_domain::ids::RepoName;
use ratchet_providers::error::ProviderError;
use ratchet_providers::github::{
    App, Change, Delivery as Parsed, Github, NewCommit, NewPull, Person, PullState, TreeContent, TreeEntry,
    parse,
};
use ratchet_providers::secret::Secret;
use ratchet_providers::signature;
use ratchet_providers::wire::Wire;
use serde_json::{Value, json};

use super::*;
use crate::sandbox::effect::EffectKind;
use crate::sandbox::source::SourceFile;

const KEY: &str = "Bearer sandbox-github-token";
const SHOP: &str = "https://api.github.com/repos/acme/shop";

fn with_shop() -> (Sandbox, Arc<ManualClock>) {
    let (sandbox, clock) = sandbox();
    let files = [
        SourceFile::text("src/cart.rs", "fn total() {}\n"),
        SourceFile::text("README.md", "Shop\n"),
    ];
    sandbox
        .edit(|world, now| world.github.add_repo(now, "acme/shop", &files))
        .unwrap();
    (sandbox, clock)
}

fn post(sandbox: &Sandbox, path: &str, body: Value) -> (u16, Value) {
    ask(sandbox, "POST", &format!("{SHOP}/{path}"), KEY, &body)
}

fn get(sandbox: &Sandbox, path: &str) -> (u16, Value) {
    ask(sandbox, "GET", &format!("{SHOP}/{path}"), KEY, &Value::Null)
}

fn repo() -> RepoName {
    RepoName::parse("acme/shop").unwrap()
}

/// Lays one file over main on a branch, with the production client.
async fn branch(client: &Github<'_>, name: &str, text: &str) -> String {
    let head = client.head(&repo(), "main").await.unwrap();
    let blob = client.create_blob(&repo(), text.as_bytes()).await.unwrap();
    let entry = TreeEntry {
        path: "src/cart.rs".to_owned(),
        mode: "100644".to_owned(),
        content: TreeContent::Blob(blob),
    };
    let tree = client.create_tree(&repo(), &head.tree, &[entry]).await.unwrap();
    let person = Person {
        name: "R".to_owned(),
        email: "r@x".to_owned(),
        date: "2026-11-20T10:00:00Z".to_owned(),
    };
    let commit = NewCommit {
        message: "Mend\n".into(),
        tree,
        parent: head.commit,
        author: person,
    };
    let sha = client.create_commit(&repo(), &commit).await.unwrap();
    assert_eq!(client.create_commit(&repo(), &commit).await.unwrap(), sha);
    client.create_branch(&repo(), name, &sha).await.unwrap();
    sha
}

fn pull(name: &str) -> NewPull {
    NewPull {
        title: "Mend the cart".into(),
        head: name.to_owned(),
        base: "main".to_owned(),
        body: "Text\n\n<!-- ratchet:e1 -->".into(),
    }
}

#[tokio::test]
async fn the_production_client_opens_one_pull_request_and_finds_it_closed_too() {
    let (sandbox, _) = with_shop();
    let token = Secret::new("sandbox-github-token");
    let client = Github::new(Wire::new(&sandbox, START_MS), "https://api.github.com", &token);
    let sha = branch(&client, "ratchet/b1", "fn total() -> u32 { 1 }\n").await;
    assert_eq!(
        client.find_branch(&repo(), "ratchet/b1").await.unwrap(),
        Some(sha.clone())
    );
    let again = client.create_branch(&repo(), "ratchet/b1", &sha).await;
    assert!(
        matches!(again, Err(ProviderError::AlreadyExists { .. })),
        "{again:?}"
    );

    let made = client.create_pull(&repo(), &pull("ratchet/b1")).await.unwrap();
    assert!(made.draft);
    assert_eq!(
        (made.state, made.head_sha.as_str()),
        (PullState::Open, sha.as_str())
    );
    let again = client
        .create_pull(&repo(), &pull("ratchet/b1"))
        .await
        .unwrap_err();
    assert!(matches!(again, ProviderError::AlreadyExists { .. }), "{again}");
    assert_eq!(
        client.find_pulls(&repo(), "ratchet/b1").await.unwrap(),
        std::slice::from_ref(&made)
    );
    assert_eq!(
        client.changed_files(&repo(), made.number).await.unwrap(),
        ["src/cart.rs"]
    );

    assert!(sandbox.edit(|world, now| world.github.close_pr(now, "acme/shop", made.number)));
    let found = client.find_pulls(&repo(), "ratchet/b1").await.unwrap();
    assert_eq!(found[0].state, PullState::Closed);
    // The vendor would let a second one in now: only the look at all states prevents it.
    client.create_pull(&repo(), &pull("ratchet/b1")).await.unwrap();
    let made: Vec<_> = sandbox
        .effects()
        .into_iter()
        .filter(|effect| effect.kind == EffectKind::PullRequest)
        .collect();
    assert_eq!(made.len(), 2);
    assert!(
        made.iter()
            .all(|effect| effect.marker.as_deref() == Some("e1") && effect.target == "acme/shop")
    );
}

#[tokio::test]
async fn a_list_sees_at_once_what_the_search_sees_late() {
    let (sandbox, clock) = with_shop();
    let token = Secret::new("sandbox-github-token");
    let client = Github::new(Wire::new(&sandbox, START_MS), "https://api.github.com", &token);
    branch(&client, "ratchet/b1", "x").await;
    client.create_pull(&repo(), &pull("ratchet/b1")).await.unwrap();
    let listed = get(&sandbox, "pulls?head=acme:ratchet/b1&state=all&base=main").1;
    assert_eq!(listed.as_array().unwrap().len(), 1);
    let search = || {
        let url = "https://api.github.com/search/issues?q=repo:acme/shop+type:pr+head:ratchet/b1+ratchet:e1";
        let url = url.replace("+ratchet:e1", "");
        ask(&sandbox, "GET", &url, KEY, &Value::Null).1["total_count"]
            .as_u64()
            .unwrap()
    };
    assert_eq!(search(), 0);
    clock.advance(30_000);
    assert_eq!(search(), 1);
}

#[test]
fn a_pull_request_is_refused_for_each_of_the_vendors_reasons() {
    let (sandbox, _) = with_shop();
    let main = get(&sandbox, "git/ref/heads/main").1["object"]["sha"].clone();
    assert_eq!(
        post(
            &sandbox,
            "git/refs",
            json!({"ref": "refs/heads/same", "sha": main})
        )
        .0,
        201
    );
    let message = |body: Value| body["errors"][0]["message"].as_str().map(str::to_owned);
    let (status, body) = post(
        &sandbox,
        "pulls",
        json!({"title": "t", "head": "nowhere", "base": "main"}),
    );
    assert_eq!((status, &body["errors"][0]["field"]), (422, &json!("head")));
    let (status, body) = post(
        &sandbox,
        "pulls",
        json!({"title": "t", "head": "same", "base": "main"}),
    );
    assert_eq!(
        (status, message(body).as_deref()),
        (422, Some("No commits between main and same"))
    );
    sandbox.edit(|world, now| {
        let file = [SourceFile::text("a", "b")];
        world.github.push(now, "acme/shop", "same", &file).unwrap();
        world.github.set_drafts("acme/shop", false)
    });
    let new = json!({"title": "t", "head": "acme:same", "base": "main", "draft": true});
    let (status, body) = post(&sandbox, "pulls", new.clone());
    assert_eq!(status, 422);
    assert_eq!(
        body["message"],
        "Draft pull requests are not supported in this repository."
    );
    assert!(sandbox.read(|world| world.github.pulls("acme/shop").is_empty()));
    sandbox.edit(|world, _| world.github.set_drafts("acme/shop", true));
    assert_eq!(post(&sandbox, "pulls", new.clone()).0, 201);
    let (_, body) = post(&sandbox, "pulls", new);
    assert_eq!(
        message(body).as_deref(),
        Some("A pull request already exists for acme:same.")
    );
}

#[test]
fn refs_move_forward_only_and_objects_must_exist() {
    let (sandbox, _) = with_shop();
    let main = get(&sandbox, "git/ref/heads/main").1["object"]["sha"]
        .as_str()
        .unwrap()
        .to_owned();
    let newer = sandbox.edit(|world, now| {
        world
            .github
            .push(now, "acme/shop", "main", &[SourceFile::text("a", "b")])
            .unwrap()
    });
    let patch = |sha: &str, force: bool| {
        let url = format!("{SHOP}/git/refs/heads/main");
        ask(&sandbox, "PATCH", &url, KEY, &json!({"sha": sha, "force": force})).0
    };
    assert_eq!(patch(&main, false), 422);
    assert_eq!(patch(&main, true), 200);
    assert_eq!(patch(&newer, false), 200);
    let refs = |name: &str, sha: &str| post(&sandbox, "git/refs", json!({"ref": name, "sha": sha})).0;
    assert_eq!(refs("refs/heads/x", &"0".repeat(40)), 422);
    assert_eq!(refs("heads/x", &main), 422);
    assert_eq!(refs("refs/heads/a..b", &main), 422);
    assert_eq!(refs("refs/heads/main", &main), 422);
    let tree = |entry: Value| post(&sandbox, "git/trees", json!({"base_tree": main, "tree": [entry]})).0;
    assert_eq!(
        tree(json!({"path": "a/../b", "mode": "100644", "content": "x"})),
        422
    );
    assert_eq!(
        tree(json!({"path": "b", "mode": "100644", "sha": "1".repeat(40)})),
        422
    );
    assert_eq!(
        tree(json!({"path": "nothing", "mode": "100644", "sha": null})),
        422
    );
    assert_eq!(
        tree(json!({"path": "README.md", "mode": "100644", "sha": null})),
        201
    );
}

#[test]
fn the_known_git_vector_comes_out_of_the_interface() {
    let (sandbox, _) = with_shop();
    let blob = post(
        &sandbox,
        "git/blobs",
        json!({"content": "aGkK", "encoding": "base64"}),
    )
    .1["sha"]
        .clone();
    assert_eq!(blob, "45b983be36b73c0788dc9cbcb76cbb80fc7bb057");
    let entry = json!({"path": "a.txt", "mode": "100644", "type": "blob", "sha": blob});
    let tree = post(&sandbox, "git/trees", json!({"tree": [entry]})).1["sha"].clone();
    assert_eq!(tree, "0d8a474fc67971fb3dd7616e26323d3066442555");
    let person = json!({"name": "a", "email": "a@x", "date": "2026-01-01T00:00:00Z"});
    let commit = |message: &str| {
        let body =
            json!({"message": message, "tree": tree, "parents": [], "author": person, "committer": person});
        post(&sandbox, "git/commits", body).1["sha"].clone()
    };
    assert_eq!(commit("m"), "49eb547f10dfcaca1b9da1e87ef9e37628bca938");
    assert_eq!(commit("m\n"), "db5ecd4fd1ed6707350a6c2e1f69e25fb1e68742");
}

#[test]
fn a_commit_without_dates_differs_by_the_second() {
    let (sandbox, clock) = with_shop();
    let tree = get(&sandbox, "git/commits/none").0;
    assert_eq!(tree, 404);
    let main = get(&sandbox, "branches/main").1;
    let body = json!({"message": "m", "tree": main["commit"]["commit"]["tree"]["sha"], "parents": []});
    let first = post(&sandbox, "git/commits", body.clone()).1["sha"].clone();
    clock.advance(1_000);
    assert_ne!(post(&sandbox, "git/commits", body).1["sha"], first);
}

#[tokio::test]
async fn a_merge_is_told_by_a_signed_webhook_that_the_product_reads() {
    let (sandbox, _) = with_shop();
    let token = Secret::new("sandbox-github-token");
    let client = Github::new(Wire::new(&sandbox, START_MS), "https://api.github.com", &token);
    branch(&client, "ratchet/b1", "fixed\n").await;
    let made = client.create_pull(&repo(), &pull("ratchet/b1")).await.unwrap();
    sandbox.edit(|world, now| {
        world
            .github
            .push(now, "acme/shop", "main", &[SourceFile::text("other", "x")])
            .unwrap();
        world.github.merge_pr(now, "acme/shop", made.number).unwrap()
    });
    assert_eq!(
        sandbox
            .read(|world| world.github.file("acme/shop", "main", "src/cart.rs"))
            .unwrap(),
        "fixed\n"
    );
    assert_eq!(
        sandbox
            .read(|world| world.github.file("acme/shop", "main", "other"))
            .unwrap(),
        "x"
    );
    let hooks = sandbox.edit(|world, _| world.github.take_hooks());
    assert_eq!(
        hooks.iter().map(|hook| hook.action.as_str()).collect::<Vec<_>>(),
        ["opened", "closed"]
    );
    let delivery = sandbox.read(|world| world.github.hook_delivery(&hooks[1]));
    let header = |name: &str| delivery.headers.get(name).map(String::as_str);
    signature::github(
        header,
        &delivery.body,
        &Secret::new("sandbox-github-webhook-secret"),
    )
    .unwrap();
    let Parsed::Repository(event) = parse(header, &delivery.body).unwrap() else {
        panic!()
    };
    let Change::PullClosed {
        number,
        merged,
        merge_commit,
        ..
    } = event.change
    else {
        panic!()
    };
    assert_eq!(
        (number, merged, merge_commit.is_some()),
        (made.number, true, true)
    );
}

#[tokio::test]
async fn an_app_gets_a_token_and_a_missed_webhook_again() {
    let (sandbox, clock) = with_shop();
    let jwt = |issuer: &str, ends_s: u64| {
        let claims = json!({"iss": issuer, "iat": START_MS / 1000 - 60, "exp": START_MS / 1000 + ends_s});
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        Secret::new(format!(
            "{}.{}.x",
            part(&json!({"alg": "RS256", "typ": "JWT"})),
            part(&claims)
        ))
    };
    let wire = Wire::new(&sandbox, START_MS);
    let api = "https://api.github.com";
    let good = jwt("1234", 540);
    let app = App::new(wire, api, &good);
    let token = app.installation_token("5678").await.unwrap();
    assert_eq!(token.expires_at_ms, START_MS + 3_600_000);
    assert!(Github::new(wire, api, &token.token).repo(&repo()).await.is_ok());
    for bad in [jwt("1", 540), jwt("1234", 0), jwt("1234", 601), Secret::new("x")] {
        let refused = App::new(wire, api, &bad)
            .installation_token("5678")
            .await
            .unwrap_err();
        assert!(matches!(refused, ProviderError::Unauthorized { .. }), "{refused}");
    }
    assert!(app.installation_token("1").await.is_err());

    branch(&Github::new(wire, api, &token.token), "b", "x").await;
    Github::new(wire, api, &token.token)
        .create_pull(&repo(), &pull("b"))
        .await
        .unwrap();
    let hook = sandbox.edit(|world, _| world.github.take_hooks()).remove(0);
    assert!(app.deliveries(None).await.unwrap().deliveries.is_empty());
    sandbox.edit(|world, _| world.github.hook_answered(hook.id, 503));
    let listed = app.deliveries(None).await.unwrap().deliveries;
    assert_eq!(
        (listed[0].guid.as_str(), listed[0].status_code),
        (hook.guid.as_str(), 503)
    );
    app.redeliver(listed[0].id).await.unwrap();
    let again = sandbox.edit(|world, _| world.github.take_hooks()).remove(0);
    assert_eq!((again.guid, again.body), (hook.guid, hook.body));
    assert_ne!(again.id, hook.id);

    clock.advance(3_600_000);
    let late = Github::new(wire, api, &token.token)
        .repo(&repo())
        .await
        .unwrap_err();
    assert!(matches!(late, ProviderError::Unauthorized { .. }), "{late}");
}
