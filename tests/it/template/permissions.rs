//! One role a function, each with exactly what its function does; only `qualify` may write billing entries.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use ratchet_domain::stage::Stage;
use serde_json::{Value, json};

use super::cloud::{Cloud, MODEL, PROVIDER, list, pascal, target, text};
use crate::repository;

/// What changes an item of a table.
const WRITES: [&str; 8] = [
    "dynamodb:PutItem",
    "dynamodb:UpdateItem",
    "dynamodb:DeleteItem",
    "dynamodb:BatchWriteItem",
    "dynamodb:PartiQLInsert",
    "dynamodb:PartiQLUpdate",
    "dynamodb:PartiQLDelete",
    "dynamodb:ImportTable",
];

/// What every step needs of the ledger: the guard never deletes and never scans.
const LEDGER: [&str; 3] = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"];

fn role_of(function: &Value) -> Result<String> {
    function
        .pointer("/Properties/Role")
        .map(target)
        .context("function without a role of its own")
}

fn statements(cloud: &Cloud, binary: &str) -> Result<Vec<Value>> {
    let role = cloud.properties(&role_of(cloud.function(binary)?)?)?;
    assert!(
        role.get("ManagedPolicyArns").is_none(),
        "{binary}: a managed policy hides what it grants"
    );
    let policies = list(role, "/Policies").into_iter();
    Ok(policies
        .flat_map(|policy| list(policy, "/PolicyDocument/Statement"))
        .cloned()
        .collect())
}

/// Every grant of a role as `action resource`.
fn grants(cloud: &Cloud, binary: &str) -> Result<BTreeSet<String>> {
    let mut grants = BTreeSet::new();
    for statement in statements(cloud, binary)? {
        assert_eq!(text(&statement, "/Effect"), Some("Allow"), "{binary}");
        assert!(
            statement.get("NotAction").is_none() && statement.get("NotResource").is_none(),
            "{binary}"
        );
        for action in list(&statement, "/Action") {
            for resource in list(&statement, "/Resource") {
                grants.insert(format!("{} {}", target(action), target(resource)));
            }
        }
    }
    Ok(grants)
}

/// Whether a stage reads a ticket's whole life, which is one Query.
fn reads_lives(stage: &str) -> Result<bool> {
    let mut reads = false;
    for path in repository::files_below(&format!("functions/{stage}/src"))? {
        reads |= repository::read(&path)?.contains(".life(");
    }
    Ok(reads)
}

fn expected(binary: &str) -> Result<BTreeSet<String>> {
    let mut grants = BTreeSet::new();
    let mut grant = |actions: &[&str], resource: &str| {
        grants.extend(actions.iter().map(|action| format!("{action} {resource}")));
    };
    grant(
        &["logs:CreateLogStream", "logs:PutLogEvents"],
        &format!("{}LogGroup", pascal(binary)),
    );
    grant(&["xray:PutTraceSegments", "xray:PutTelemetryRecords"], "*");
    grant(&["dynamodb:GetItem"], "SettingsTable");
    if binary == "webhook" || binary == "reconcile" || PROVIDER.contains(&binary) {
        let here = "AWS::Region:AWS::AccountId";
        for action in ["ssm:GetParameter", "secretsmanager:GetSecretValue"] {
            grant(
                &[action],
                &format!("arn:AWS::Partition:ssm:{here}:parameterSecretsPath/*"),
            );
            grant(
                &[action],
                &format!("arn:AWS::Partition:secretsmanager:{here}:secret:SecretsPath/*"),
            );
        }
    }
    match binary {
        "webhook" => {
            grant(&["dynamodb:PutItem", "dynamodb:UpdateItem"], "EventsTable");
            grant(&["sqs:SendMessage"], "ExtractQueue");
            grant(&["sqs:SendMessage"], "OpenPrQueue");
        }
        "replay" => {
            for table in ["EventsTable", "LedgerTable"] {
                grant(&LEDGER, table);
                grant(&["dynamodb:Query"], table);
            }
            grant(&["dynamodb:Query"], "EventsTable/index/unfinished");
            grant(&["dynamodb:Query"], "LedgerTable/index/unfinished");
            for stage in Stage::ALL.map(Stage::as_str) {
                grant(&["sqs:SendMessage"], &format!("{}Queue", pascal(stage)));
                let dlq = format!("{}Dlq", pascal(stage));
                grant(
                    &[
                        "sqs:StartMessageMoveTask",
                        "sqs:ListMessageMoveTasks",
                        "sqs:CancelMessageMoveTask",
                    ],
                    &dlq,
                );
                grant(
                    &[
                        "sqs:ReceiveMessage",
                        "sqs:DeleteMessage",
                        "sqs:GetQueueAttributes",
                    ],
                    &dlq,
                );
            }
        }
        "reconcile" => {
            for table in ["EventsTable", "LedgerTable"] {
                grant(&LEDGER, table);
                grant(&["dynamodb:Query"], table);
            }
            grant(&["dynamodb:Query"], "LedgerTable/index/unfinished");
            grant(
                &["dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query"],
                "UsageTable",
            );
            grant(&["dynamodb:Scan"], "SettingsTable");
            grant(&["sqs:SendMessage"], "ExtractQueue");
        }
        "seal-bills" => {
            grant(
                &["dynamodb:BatchGetItem", "dynamodb:Query", "dynamodb:PutItem"],
                "UsageTable",
            );
            grant(&["dynamodb:Scan"], "SettingsTable");
        }
        stage => {
            grant(&LEDGER, "LedgerTable");
            if reads_lives(stage)? {
                grant(&["dynamodb:Query"], "LedgerTable");
            }
            let own = format!("{}Queue", pascal(stage));
            grant(
                &[
                    "sqs:ReceiveMessage",
                    "sqs:DeleteMessage",
                    "sqs:GetQueueAttributes",
                ],
                &own,
            );
            // What is held back waits in the stage's own queue as a fresh message.
            grant(&["sqs:ChangeMessageVisibility", "sqs:SendMessage"], &own);
            let next = Stage::ALL
                .map(Stage::as_str)
                .into_iter()
                .skip_while(|other| *other != stage)
                .nth(1);
            if let Some(next) = next {
                grant(&["sqs:SendMessage"], &format!("{}Queue", pascal(next)));
            }
            if ["extract", "open-pr"].contains(&stage) {
                grant(&["dynamodb:UpdateItem"], "EventsTable");
            }
            if stage == "open-pr" {
                grant(&["sqs:SendMessage"], "QualifyQueue");
            }
            if stage == "qualify" || MODEL.contains(&stage) {
                let counts = ["dynamodb:BatchGetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"];
                grant(&counts, "UsageTable");
            }
        }
    }
    Ok(grants)
}

#[test]
fn each_function_may_do_what_it_does_and_nothing_else() -> Result<()> {
    let cloud = Cloud::read()?;
    for binary in cloud.functions()?.into_keys() {
        assert_eq!(grants(&cloud, binary)?, expected(binary)?, "{binary}");
    }
    Ok(())
}

#[test]
fn each_function_has_a_role_that_nothing_else_can_take() -> Result<()> {
    let cloud = Cloud::read()?;
    let mut owners: BTreeMap<String, &str> = BTreeMap::new();
    for (binary, function) in cloud.functions()? {
        assert!(
            function.pointer("/Properties/Policies").is_none(),
            "{binary}: grants belong into its role"
        );
        let role = role_of(function)?;
        let trusted = list(cloud.properties(&role)?, "/AssumeRolePolicyDocument/Statement");
        let [trust] = trusted.as_slice() else {
            panic!("{role} has {} trust statements", trusted.len())
        };
        assert_eq!(
            trust.pointer("/Principal"),
            Some(&json!({"Service": "lambda.amazonaws.com"})),
            "{role}"
        );
        assert_eq!(owners.insert(role, binary), None, "{binary} shares its role");
    }
    let roles: BTreeSet<&str> = cloud.resources("AWS::IAM::Role").into_keys().collect();
    assert_eq!(owners.keys().map(String::as_str).collect::<BTreeSet<_>>(), roles);
    for kind in ["AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"] {
        assert!(
            cloud.resources(kind).is_empty(),
            "a {kind} adds grants from outside the roles"
        );
    }
    Ok(())
}

#[test]
fn nothing_is_granted_by_a_wildcard() -> Result<()> {
    let cloud = Cloud::read()?;
    for binary in cloud.functions()?.into_keys() {
        for grant in grants(&cloud, binary)? {
            let (action, resource) = grant.split_once(' ').context("a grant has two words")?;
            assert!(!action.contains('*'), "{binary}: {grant}");
            // Traces have no resource to name; secrets are named by their path.
            let whole_path = resource.ends_with("SecretsPath/*");
            assert!(
                !resource.contains('*') || action.starts_with("xray:") || whole_path,
                "{binary}: {grant}"
            );
        }
    }
    Ok(())
}

/// The functions whose role may write those rows of the usage table that no condition leaves alone, by every statement of
/// every role.
fn may_write(cloud: &Cloud, leaves_alone: fn(&Value) -> bool) -> Result<BTreeSet<String>> {
    let mut may = BTreeSet::new();
    for binary in cloud.functions()?.into_keys() {
        for statement in statements(cloud, binary)? {
            let actions: Vec<String> = list(&statement, "/Action").into_iter().map(target).collect();
            let writes = actions
                .iter()
                .any(|action| action.contains('*') || WRITES.contains(&action.as_str()));
            let resources: Vec<String> = list(&statement, "/Resource").into_iter().map(target).collect();
            let reaches = |id: &String| {
                id.starts_with("UsageTable") || (id.contains('*') && !id.contains("SecretsPath"))
            };
            if writes && resources.iter().any(reaches) && !leaves_alone(&statement) {
                may.insert(binary.to_owned());
            }
        }
    }
    Ok(may)
}

fn may_bill(cloud: &Cloud) -> Result<BTreeSet<String>> {
    may_write(cloud, leaves_bills_alone)
}

fn may_seal(cloud: &Cloud) -> Result<BTreeSet<String>> {
    may_write(cloud, leaves_seals_alone)
}

/// Whether a statement's condition leaves out every seal: it names what counts tokens alone, or no key of two marks at all.
fn leaves_seals_alone(statement: &Value) -> bool {
    let condition = statement.pointer("/Condition").cloned().unwrap_or_default();
    let like = list(&condition, "/ForAllValues:StringLike/dynamodb:LeadingKeys");
    let not_like = list(&condition, "/ForAllValues:StringNotLike/dynamodb:LeadingKeys");
    let keys_present = text(&condition, "/Null/dynamodb:LeadingKeys") == Some("false");
    let is = |pattern: &&Value, wanted: &str| pattern.as_str() == Some(wanted);
    let counts_tokens = !like.is_empty() && like.iter().all(|pattern| is(pattern, "tokens#*#*"));
    let bills_alone = not_like.iter().any(|pattern| is(pattern, "*#*#*"));
    keys_present && (counts_tokens || bills_alone)
}

/// Whether a statement's condition leaves out every bill.
/// A bill's key is `<org>#<period>`: one `#`, for no org's id has one. A pattern with two matches none of them, not
/// even the bills of an org by the name of `tokens`; the parts of a spread period are told apart by `+`.
fn leaves_bills_alone(statement: &Value) -> bool {
    let condition = statement.pointer("/Condition").cloned().unwrap_or_default();
    let patterns = list(&condition, "/ForAllValues:StringLike/dynamodb:LeadingKeys");
    // `ForAllValues` alone is true of a request that names no key at all.
    let keys_present = text(&condition, "/Null/dynamodb:LeadingKeys") == Some("false");
    let two_marks = |pattern: &&Value| {
        pattern.as_str().is_some_and(|pattern| {
            let own = ["tokens#", "seals#"];
            own.iter().any(|own| pattern.starts_with(own)) && pattern.matches('#').count() == 2
        })
    };
    keys_present && !patterns.is_empty() && patterns.iter().all(two_marks)
}

#[test]
fn only_qualify_may_write_a_billing_entry() -> Result<()> {
    assert_eq!(may_bill(&Cloud::read()?)?, BTreeSet::from(["qualify".to_owned()]));
    Ok(())
}

#[test]
fn a_role_that_could_write_a_billing_entry_is_found_out() -> Result<()> {
    let file = repository::read("infra/template.yaml")?;
    let sealer = file.replace("\"seals#*#*\"", "\"seals#*\"");
    assert_ne!(sealer, file, "nothing to break");
    let with_sealer = BTreeSet::from(["qualify".to_owned(), "seal-bills".to_owned()]);
    assert_eq!(may_bill(&Cloud::parse(&sealer)?)?, with_sealer);
    let both = BTreeSet::from(["extract".to_owned(), "qualify".to_owned()]);
    for (from, to) in [
        ("\"tokens#*#*\"", "\"tokens#*\""),
        ("\"tokens#*#*\"", "\"*\""),
        (
            "dynamodb:LeadingKeys: \"false\"",
            "dynamodb:LeadingKeys: \"true\"",
        ),
        ("ForAllValues:StringLike", "ForAllValues:StringNotLike"),
        (
            "Resource: [!GetAtt EventsTable.Arn]\n              - Sid: CountTokens",
            "Resource: [!GetAtt UsageTable.Arn]\n              - Sid: CountTokens",
        ),
    ] {
        assert!(file.contains(from), "nothing to break: {from}");
        assert_eq!(
            may_bill(&Cloud::parse(&file.replacen(from, to, 1))?)?,
            both,
            "{from} -> {to}"
        );
    }
    Ok(())
}

#[test]
fn only_the_sealer_may_write_a_seal() -> Result<()> {
    assert_eq!(
        may_seal(&Cloud::read()?)?,
        BTreeSet::from(["seal-bills".to_owned()])
    );
    Ok(())
}

#[test]
fn a_role_that_could_write_a_seal_is_found_out() -> Result<()> {
    let file = repository::read("infra/template.yaml")?;
    let start = file.find("  QualifyRole:").context("the role of qualify")?;
    for (from, to, also) in [
        ("\"*#*#*\"", "\"tokens#*#*\"", "qualify"),
        ("ForAllValues:StringNotLike", "ForAllValues:StringLike", "qualify"),
        (
            "dynamodb:LeadingKeys: \"false\"",
            "dynamodb:LeadingKeys: \"true\"",
            "qualify",
        ),
        ("\"tokens#*#*\"", "\"*#*#*\"", "open-pr"),
    ] {
        let (before, behind) = file.split_at(start);
        assert!(behind.contains(from), "nothing to break: {from}");
        let broken = format!("{before}{}", behind.replacen(from, to, 1));
        let both = BTreeSet::from([also.to_owned(), "seal-bills".to_owned()]);
        assert_eq!(may_seal(&Cloud::parse(&broken)?)?, both, "{from} -> {to}");
    }
    Ok(())
}
