//! What became of the pull requests of a bug in two repositories, in every order: one credit, or none.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use local::stand::NOW_MS;
use ratchet_domain::bill::{CREDIT_WINDOW_MS, Flag, Kind};
use ratchet_domain::credit::{CreditAsked, Judged, Verdict};
use ratchet_domain::ids::RepoName;
use ratchet_domain::message::{Body, Envelope, PullEnded};
use ratchet_domain::patch::PullRequest;
use ratchet_domain::stage::Stage;
use ratchet_domain::step;
use ratchet_guard::clock::Clock;
use ratchet_providers::transport::{Transport, TransportError};
use serde_json::json;

use crate::world::{REPOS, SOLD, UNSOLD, World, content, ticket};

const HOUR_MS: u64 = 3_600_000;

/// The hash of the charge.
const CHARGE: &str = "c4a26e";

/// What became of one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    MergedOff,
    MergedOn,
    Closed,
    NoPull,
}

const ENDS: [End; 4] = [End::MergedOff, End::MergedOn, End::Closed, End::NoPull];

/// A GitHub whose pull requests each changed one file, by repository.
struct Files(BTreeMap<&'static str, &'static str>);

#[async_trait]
impl Transport for Files {
    async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, TransportError> {
        let path = request.uri().path();
        let changed = self
            .0
            .iter()
            .find(|(repo, _)| path == format!("/repos/{repo}/pulls/7/files"));
        let (_, file) = changed.ok_or_else(|| TransportError::NotSent(format!("{path} is not asked for")))?;
        let body = json!([{ "filename": file }]).to_string();
        Ok(http::Response::new(Bytes::from(body)))
    }
}

fn github(ends: [End; 2]) -> Arc<Files> {
    let changed = REPOS.into_iter().zip(ends).map(|(repo, end)| match end {
        End::MergedOn => (repo, SOLD),
        End::MergedOff | End::Closed | End::NoPull => (repo, "src/other.rs"),
    });
    Arc::new(Files(changed.collect()))
}

/// A billed bug whose children run.
async fn billed() -> World {
    flagged(Flag {
        org_period: "acme#2026-11".to_owned(),
        entry: "entry#x".to_owned(),
        hash: CHARGE.to_owned(),
        ..Flag::without_charge(content(), NOW_MS)
    })
    .await
}

async fn flagged(flag: Flag) -> World {
    let world = World::over(github(ENDS_OFF)).await;
    world.record(step::BILL.to_owned(), &flag).await;
    world
}

const ENDS_OFF: [End; 2] = [End::MergedOff, End::MergedOff];

/// The first or the second of them.
fn repo(at: usize) -> RepoName {
    RepoName::parse(REPOS.into_iter().nth(at).unwrap()).unwrap()
}

fn ended(at: usize, at_ms: Option<u64>) -> PullEnded {
    PullEnded {
        ticket: ticket(),
        repo: repo(at),
        number: 7,
        at_ms,
        event: None,
    }
}

/// The pull request is on record.
async fn proposed(world: &World, at: usize) {
    let repo = repo(at);
    let pull = PullRequest {
        repo: repo.clone(),
        number: 7,
        url: "https://github.com/x".to_owned(),
        head: "h".to_owned(),
    };
    world.record(step::pr(&repo), &pull).await;
}

/// When the end of a child came, by GitHub's clock.
fn at_ms(at: usize) -> u64 {
    NOW_MS + HOUR_MS * (1 + at as u64)
}

/// The message that tells of an end, twice.
async fn ends(world: &World, at: usize, end: End) {
    for _ in 0..2 {
        let told = ended(at, Some(at_ms(at)));
        let failed = match end {
            End::MergedOff | End::MergedOn => world.tell(Body::PullMerged(told)).await,
            End::Closed => world.tell(Body::PullClosed(told)).await,
            End::NoPull => world.deliver(repo(at).as_str()).await,
        };
        assert_eq!(failed, 0, "{end:?}");
    }
}

/// The claims that were sent to qualify.
fn claims(world: &World) -> Vec<CreditAsked> {
    let queued = world.stand.queued(Stage::Qualify);
    let claims = queued.iter().map(|text| {
        let body = Envelope::parse(Stage::Qualify, text).unwrap().body;
        let claim = if let Body::Credit(claim) = body {
            Some(claim)
        } else {
            None
        };
        claim.unwrap()
    });
    claims.collect()
}

/// What qualify says to them.
async fn judged(world: &World) -> Vec<Verdict> {
    while Box::pin(world.stand.turn(Stage::Qualify)).await.unwrap() {}
    let life = world.stand.life("acme", 5158).await.unwrap();
    let claims = life
        .into_iter()
        .filter(|(step, _)| step.starts_with(step::CREDIT_CLAIM));
    claims
        .map(|(_, record)| record.result::<Judged>().unwrap().verdict)
        .collect()
}

#[tokio::test]
async fn bug_in_two_repositories_is_credited_once_by_all_that_became_of_them_in_either_order() {
    let before = billed().await;
    for first in ENDS {
        for second in ENDS {
            for order in [[0, 1], [1, 0]] {
                let case = format!("{first:?} {second:?} {order:?}");
                let both = [first, second];
                let world = before.fork(github(both));
                world.stand.clock.advance(4 * HOUR_MS);
                // What has a pull request has it before anybody tells of its end; the last to end ends last.
                for (at, end) in both.into_iter().enumerate() {
                    if end != End::NoPull {
                        proposed(&world, at).await;
                    }
                }
                for (nth, at) in order.into_iter().enumerate() {
                    if both[at] == End::NoPull {
                        world.park(step::patch(&repo(at)), "patch_does_not_apply").await;
                    }
                    ends(&world, at, both[at]).await;
                    if nth == 0 {
                        assert!(claims(&world).is_empty(), "{case}: the other is under way");
                    }
                }
                let is_credited = both.contains(&End::MergedOff) && !both.contains(&End::MergedOn);
                assert_eq!(claims(&world).is_empty(), !is_credited, "{case}: the last to end");
                for at in order {
                    ends(&world, at, both[at]).await;
                }
                let expected: &[Verdict] = if is_credited { &[Verdict::Credited] } else { &[] };
                let claims = claims(&world);
                assert_eq!(claims.is_empty(), !is_credited, "{case}");
                let last = (0..2).filter(|at| both[*at] != End::NoPull).max();
                for claim in claims {
                    assert_eq!(claim.charge.as_deref(), Some(CHARGE), "{case}");
                    assert_eq!(Some(claim.asked_at_ms), last.map(at_ms), "{case}");
                }
                assert_eq!(judged(&world).await, expected, "{case}");
                let entries = world.stand.entries("acme").await.unwrap();
                let kinds: Vec<Kind> = entries.into_iter().map(|(kind, _)| kind).collect();
                assert_eq!(kinds, vec![Kind::Credit; expected.len()], "{case}");
            }
        }
    }
}

#[tokio::test]
async fn pull_request_that_is_opened_again_and_merged_counts_as_merged() {
    let before = billed().await;
    for (end, expected) in [
        (End::MergedOn, &[][..]),
        (End::MergedOff, &[Verdict::Credited][..]),
    ] {
        let world = before.fork(github([end, End::MergedOff]));
        world.stand.clock.advance(4 * HOUR_MS);
        proposed(&world, 0).await;
        proposed(&world, 1).await;
        ends(&world, 0, End::Closed).await;
        ends(&world, 0, end).await;
        // The closing is told once more, after the merge.
        ends(&world, 0, End::Closed).await;
        ends(&world, 1, End::MergedOff).await;
        assert_eq!(judged(&world).await, expected, "{end:?}");
    }
}

#[tokio::test]
async fn bug_that_was_let_through_without_a_charge_is_not_claimed_back() {
    let world = flagged(Flag::without_charge(content(), NOW_MS)).await;
    for at in [0, 1] {
        proposed(&world, at).await;
        ends(&world, at, End::MergedOff).await;
    }
    let merged = step::merged(&repo(1));
    assert!(world.row(&merged).await.is_some(), "it is on record");
    assert!(claims(&world).is_empty());
}

#[tokio::test]
async fn child_that_comes_back_by_itself_is_waited_for() {
    let world = billed().await;
    world.stand.clock.advance(4 * HOUR_MS);
    proposed(&world, 0).await;
    world.park_until(step::patch(&repo(1)), "token_capped").await;
    ends(&world, 0, End::MergedOff).await;
    assert!(claims(&world).is_empty());
}

#[tokio::test]
async fn merge_of_another_number_than_ours_is_nobodys() {
    let world = billed().await;
    proposed(&world, 0).await;
    for body in [Body::PullMerged, Body::PullClosed] {
        let other = PullEnded {
            number: 8,
            ..ended(0, None)
        };
        assert_eq!(world.tell(body(other)).await, 0);
    }
    for step in ["merged", "closed"] {
        assert!(
            world.row(&format!("{step}#{}", repo(0))).await.is_none(),
            "{step}"
        );
    }
}

#[tokio::test]
async fn file_with_a_place_below_the_threshold_alone_is_no_mapped_file() {
    for (file, expected) in [(UNSOLD, &[Verdict::Credited][..]), (SOLD, &[][..])] {
        let before = billed().await;
        let changed = BTreeMap::from([(REPOS[0], "src/other.rs"), (REPOS[1], file)]);
        let world = before.fork(Arc::new(Files(changed)));
        world.stand.clock.advance(4 * HOUR_MS);
        for at in [0, 1] {
            proposed(&world, at).await;
            ends(&world, at, End::MergedOff).await;
        }
        assert_eq!(judged(&world).await, expected, "{file}");
    }
}

#[tokio::test]
async fn merge_counts_from_githubs_time_and_never_from_a_later_one_than_now() {
    let before = billed().await;
    let late = CREDIT_WINDOW_MS + HOUR_MS;
    for (at_ms, waited, verdict) in [
        (Some(NOW_MS + CREDIT_WINDOW_MS), late, Verdict::Credited),
        (Some(NOW_MS + CREDIT_WINDOW_MS + 1), late, Verdict::TooLate),
        (Some(NOW_MS + 10 * late), HOUR_MS, Verdict::Credited),
        (Some(0), HOUR_MS, Verdict::Credited),
        (None, HOUR_MS, Verdict::Credited),
        (None, late, Verdict::TooLate),
    ] {
        let world = before.fork(github(ENDS_OFF));
        world.stand.clock.advance(waited);
        for at in [0, 1] {
            proposed(&world, at).await;
            assert_eq!(world.tell(Body::PullMerged(ended(at, at_ms))).await, 0);
        }
        let now_ms = world.stand.clock.now_ms();
        assert!(claims(&world).iter().all(|claim| claim.asked_at_ms <= now_ms));
        assert_eq!(judged(&world).await, [verdict], "{at_ms:?} after {waited}");
    }
}

#[tokio::test]
async fn merge_that_an_older_build_told_or_recorded_reads() {
    let world = billed().await;
    let told = r#"{"v":1,"kind":"pull-merged","ticket":{"org":"acme","provider":"zendesk","number":"5158"},"repo":"acme/shop","number":7}"#;
    let read = Envelope::parse(Stage::OpenPr, told).unwrap();
    assert_eq!(read.body, Body::PullMerged(ended(1, None)));
    assert_eq!(read.to_json(), told);
    for at in [0, 1] {
        proposed(&world, at).await;
    }
    let merged = json!({ "repo": repo(0), "number": 7, "touched_mapped": false });
    world.record(step::merged(&repo(0)), &merged).await;
    assert_eq!(world.tell(read.body).await, 0);
    assert_eq!(judged(&world).await, [Verdict::Credited]);
}
