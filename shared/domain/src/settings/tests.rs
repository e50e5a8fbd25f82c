use super::*;
use serde_json::json;

fn full() -> Value {
    json!({ "org": "acme",
      "thresholds": { "ai_confidence": 0.7, "location_confidence": 0.7 },
      "billing": { "mapped_bug_cap": 500 },
      "zendesk": { "base_url": "https://acme.zendesk.com/", "signing_secret": "ssm:/z", "email": "bot@acme.test", "api_token": "ssm:/t", "integration_user_id": "8447" },
      "intercom": { "base_url": "https://api.intercom.io", "client_secret": "ssm:/a", "access_token": "ssm:/b", "admin_id": "3156780" },
      "github": { "api_url": "https://api.github.com", "app_id": "1234", "installation_id": "5678", "private_key": "ssm:/k", "webhook_secret": "ssm:/w", "repos": ["acme/shop"] },
      "model": { "provider": "anthropic", "base_url": "https://api.anthropic.com", "api_key": "ssm:/m", "name": "claude-sonnet-4-5" },
      "slack": { "api_url": "https://slack.com/api", "bot_token": "ssm:/s", "channel": "C0123" },
      "tracker": { "kind": "linear", "api_url": "https://api.linear.app/graphql", "api_key": "ssm:/l", "team_id": "t" },
      "rca": { "publish": "on_pr", "visibility": "internal" } })
}

#[test]
fn the_full_document_is_read() {
    let settings = Settings::parse(&full()).unwrap();
    assert_eq!(settings.secrets().len(), 9);
    assert_eq!(settings.zendesk.unwrap().base_url, "https://acme.zendesk.com");
    assert_eq!(settings.billing.mapped_bug_cap, Some(500));
}

#[test]
fn only_the_org_is_required() {
    let settings = Settings::parse(&json!({"org": "acme"})).unwrap();
    assert_eq!(settings.thresholds, Thresholds::default());
    assert_eq!(settings.rca.publish, RcaPublish::OnPr);
}

#[test]
fn every_problem_is_named_with_its_path() {
    let mut document = full();
    document["thresholds"]["ai_confidence"] = json!(1.5);
    document["billing"]["mapped_bug_cap"] = json!(-1);
    document["billing"]["time_zone"] = json!("Mars/Olympus");
    document["billing"]["partitions"] = json!(65);
    document["billing"]["trial"] = json!({ "ends": "2026-13-01", "mapped_bug_cap": 0.5 });
    document["zendesk"]["api_token"] = json!("hunter2");
    document["github"]["repos"] = json!(["acme/shop", "nonsense"]);
    document["model"]["provider"] = json!("oracle");
    document["model"]["price"] = json!({ "input": -3, "output": 15.0000001 });
    document["rca"]["visibilty"] = json!("public");
    document["slack"]["api_url"] = json!("ftp://slack.com");
    let paths: Vec<String> = Settings::parse(&document)
        .unwrap_err()
        .into_iter()
        .map(|p| p.path)
        .collect();
    assert_eq!(
        paths,
        [
            "thresholds.ai_confidence",
            "billing.mapped_bug_cap",
            "billing.time_zone",
            "billing.partitions",
            "billing.trial.ends",
            "billing.trial.mapped_bug_cap",
            "zendesk.api_token",
            "github.repos[1]",
            "model.provider",
            "model.price.input",
            "model.price.output",
            "slack.api_url",
            "rca.visibilty"
        ]
    );
}

#[test]
fn a_trial_lowers_the_cap_until_its_day_begins_in_the_orgs_zone() {
    let mut document = full();
    document["billing"] = json!({
        "mapped_bug_cap": 50, "time_zone": "Europe/Berlin",
        "trial": { "ends": "2026-11-01", "mapped_bug_cap": 5 },
    });
    let billing = Settings::parse(&document).unwrap().billing;
    let ends_at = 1_793_487_600_000;
    assert_eq!(billing.cap_at(ends_at - 1), Some(5));
    assert_eq!(billing.cap_at(ends_at), Some(50));
    assert!(billing.is_trial_at(ends_at - 1) && !billing.is_trial_at(ends_at));
    assert_eq!(billing.spread(), 1);
}

#[test]
fn prices_are_exact_to_a_millionth_of_a_dollar() {
    let mut document = full();
    document["model"]["price"] = json!({ "input": 3, "output": 15.5, "cache_read": 0.30 });
    let price = Settings::parse(&document).unwrap().model.unwrap().price.unwrap();
    assert_eq!((price.input, price.output), (3_000_000, 15_500_000));
    assert_eq!((price.cache_read, price.cache_write), (300_000, 0));
}

#[test]
fn a_problem_never_repeats_a_secret_put_in_by_mistake() {
    let mut document = full();
    document["model"]["api_key"] = json!("sk-live-verysecret");
    let problems = Settings::parse(&document).unwrap_err();
    assert!(!format!("{problems:?}").contains("verysecret"));
}

#[test]
fn a_key_that_is_missing_hides_no_other_problem_of_the_model() {
    let mut document = full();
    document["model"] = json!({ "provider": "anthropic", "base_url": "x", "price": { "input": -1 } });
    let problems = Settings::parse(&document).unwrap_err();
    let paths: Vec<&str> = problems.iter().map(|p| p.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "model.base_url",
            "model.api_key",
            "model.name",
            "model.price.input"
        ]
    );
}

#[test]
fn a_token_beside_the_apps_fields_is_refused_with_each_of_them() {
    let mut document = full();
    document["github"]["token"] = json!("ssm:/token");
    document["github"]["private_key"] = json!("-----BEGIN RSA PRIVATE KEY-----");
    let problems = Settings::parse(&document).unwrap_err();
    let paths: Vec<&str> = problems.iter().map(|p| p.path.as_str()).collect();
    assert_eq!(
        paths,
        ["github.app_id", "github.installation_id", "github.private_key"]
    );
    assert!(!format!("{problems:?}").contains("BEGIN"));
}

#[test]
fn what_no_count_or_score_can_be_is_refused_with_its_path() {
    for (section, field, bad) in [
        (
            "billing",
            "mapped_bug_cap",
            vec![json!(1.5), json!(-1), json!("5"), json!(1e30)],
        ),
        ("billing", "included", vec![json!(0.5), json!(-1)]),
        ("billing", "token_cap", vec![json!(0.1), json!(-7)]),
        ("billing", "partitions", vec![json!(0), json!(65), json!(2.5)]),
        (
            "billing",
            "time_zone",
            vec![json!("Mars/Olympus"), json!(""), json!(1), json!("CET+1")],
        ),
        (
            "billing",
            "trial",
            vec![json!("soon"), json!({ "ends": "2026-11-01" })],
        ),
        (
            "thresholds",
            "ai_confidence",
            vec![json!(-0.01), json!(1.01), json!("0.7")],
        ),
        ("thresholds", "location_confidence", vec![json!(70), json!(-1)]),
    ] {
        for value in bad {
            let mut document = full();
            document[section][field] = value.clone();
            let problems = Settings::parse(&document).unwrap_err();
            let path = format!("{section}.{field}");
            let named = problems.iter().all(|problem| problem.path.starts_with(&path));
            assert!(named && !problems.is_empty(), "{value}: {problems:?}");
        }
    }
}

#[test]
fn a_repository_that_is_named_twice_is_a_problem_at_the_second_place() {
    let mut document = full();
    document["github"]["repos"] = json!(["acme/shop", "acme/api", "Acme/Shop", "acme/api"]);
    let problems = Settings::parse(&document).unwrap_err();
    let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "github.repos[2]: is the repository of repos[0]; name each once",
            "github.repos[3]: is the repository of repos[1]; name each once"
        ]
    );
}
