//! Functions, queues and tables: all there, in order, and none of them left unprotected.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use ratchet_domain::stage::Stage;
use serde_json::{Value, json};

use super::ANNOUNCED;
use super::cloud::{Cloud, list, pascal, target, text, whole};
use crate::repository;

/// How long SQS keeps a message at most, in seconds.
const FOURTEEN_DAYS: u64 = 14 * 24 * 60 * 60;

fn stages() -> Vec<&'static str> {
    Stage::ALL.iter().map(|stage| stage.as_str()).collect()
}

#[test]
fn functions_are_the_stages_in_their_order_between_intake_and_healing() -> Result<()> {
    let file = repository::read("infra/template.yaml")?;
    let written: Vec<&str> = file
        .lines()
        .filter_map(|line| line.trim().strip_prefix("Binary: "))
        .collect();
    let expected = [
        vec!["webhook"],
        stages(),
        vec!["replay", "reconcile", "seal-bills"],
    ]
    .concat();
    assert_eq!(written, expected);
    Ok(())
}

#[test]
fn every_function_ships_the_binary_of_its_package() -> Result<()> {
    let cloud = Cloud::read()?;
    let mut missing = BTreeSet::new();
    for (binary, function) in cloud.functions()? {
        assert_eq!(
            text(function, "/Metadata/BuildMethod"),
            Some("rust-cargolambda"),
            "{binary}"
        );
        let manifest = format!("functions/{binary}/Cargo.toml");
        if !repository::root().join(&manifest).exists() {
            missing.insert(binary);
            continue;
        }
        assert!(
            repository::read(&manifest)?.contains(&format!("name = \"{binary}\"\n")),
            "{manifest}"
        );
    }
    assert_eq!(
        missing,
        ANNOUNCED.into(),
        "an announced function that now exists leaves the list"
    );
    Ok(())
}

#[test]
fn every_package_under_functions_is_deployed() -> Result<()> {
    let cloud = Cloud::read()?;
    let deployed = cloud.functions()?;
    for path in repository::files_below("functions")? {
        if let [_, package, "Cargo.toml"] = path.split('/').collect::<Vec<_>>().as_slice() {
            assert!(
                deployed.contains_key(package),
                "no function for package=`{package}`"
            );
        }
    }
    Ok(())
}

#[test]
fn each_stage_consumes_its_own_queue_and_reports_failures_one_by_one() -> Result<()> {
    let cloud = Cloud::read()?;
    for stage in stages() {
        let events = cloud
            .function(stage)?
            .pointer("/Properties/Events")
            .and_then(Value::as_object);
        let sources: Vec<&Value> = events.into_iter().flatten().map(|(_, event)| event).collect();
        let [source] = sources.as_slice() else {
            panic!("{stage} has {} sources", sources.len())
        };
        assert_eq!(text(source, "/Type"), Some("SQS"), "{stage}");
        let queue = source.pointer("/Properties/Queue").map(target);
        assert_eq!(queue, Some(format!("{}Queue", pascal(stage))), "{stage}");
        let responses = list(source, "/Properties/FunctionResponseTypes");
        assert_eq!(responses, [&json!("ReportBatchItemFailures")], "{stage}");
        assert!(
            whole(source, "/Properties/ScalingConfig/MaximumConcurrency")? >= 2,
            "{stage}"
        );
        assert!(whole(source, "/Properties/BatchSize")? >= 1, "{stage}");
    }
    Ok(())
}

#[test]
fn every_queue_keeps_what_fails_and_there_is_no_queue_beside() -> Result<()> {
    let cloud = Cloud::read()?;
    let mut expected = BTreeSet::new();
    for stage in stages() {
        let (queue, dlq) = (format!("{}Queue", pascal(stage)), format!("{}Dlq", pascal(stage)));
        let properties = cloud.properties(&queue)?;
        let dead_letters = properties
            .pointer("/RedrivePolicy/deadLetterTargetArn")
            .map(target);
        assert_eq!(dead_letters.as_deref(), Some(dlq.as_str()));
        assert_eq!(
            whole(properties, "/RedrivePolicy/maxReceiveCount")?,
            20,
            "{queue}"
        );
        for id in [&queue, &dlq] {
            let properties = cloud.properties(id)?;
            assert_eq!(
                whole(properties, "/MessageRetentionPeriod")?,
                FOURTEEN_DAYS,
                "{id}"
            );
            assert_eq!(
                properties.pointer("/SqsManagedSseEnabled"),
                Some(&json!(true)),
                "{id}"
            );
        }
        expected.extend([queue, dlq]);
    }
    let found: BTreeSet<String> = cloud
        .resources("AWS::SQS::Queue")
        .into_keys()
        .map(str::to_owned)
        .collect();
    assert_eq!(found, expected);
    Ok(())
}

#[test]
fn every_table_is_encrypted_and_can_be_restored() -> Result<()> {
    let cloud = Cloud::read()?;
    let tables = cloud.resources("AWS::DynamoDB::Table");
    let ids: Vec<&str> = tables.keys().copied().collect();
    assert_eq!(ids, ["EventsTable", "LedgerTable", "SettingsTable", "UsageTable"]);
    for (id, table) in tables {
        let yes = Some(&Value::Bool(true));
        let point_in_time = "/Properties/PointInTimeRecoverySpecification/PointInTimeRecoveryEnabled";
        assert_eq!(table.pointer(point_in_time), yes, "{id}");
        assert_eq!(
            table.pointer("/Properties/SSESpecification/SSEEnabled"),
            yes,
            "{id}"
        );
        assert_eq!(
            text(table, "/Properties/BillingMode"),
            Some("PAY_PER_REQUEST"),
            "{id}"
        );
        assert_eq!(text(table, "/DeletionPolicy"), Some("Retain"), "{id}");
        let expires = matches!(id, "EventsTable" | "LedgerTable");
        let ttl = table.pointer("/Properties/TimeToLiveSpecification");
        assert_eq!(
            ttl,
            expires.then_some(&json!({"AttributeName": "ttl", "Enabled": true})),
            "{id}"
        );
        if id != "EventsTable" {
            assert_eq!(
                table.pointer("/Properties/DeletionProtectionEnabled"),
                yes,
                "{id}"
            );
        }
    }
    Ok(())
}

#[test]
fn tables_have_the_keys_that_the_code_writes() -> Result<()> {
    let cloud = Cloud::read()?;
    let keys = |properties: &Value, pointer: &str| -> Vec<String> {
        let names = list(properties, pointer).into_iter();
        names
            .filter_map(|key| text(key, "/AttributeName"))
            .map(str::to_owned)
            .collect()
    };
    for (id, expected, indexed) in [
        ("EventsTable", vec!["event"], true),
        ("LedgerTable", vec!["subject", "step"], true),
        ("UsageTable", vec!["org_period", "sk"], false),
        ("SettingsTable", vec!["org"], false),
    ] {
        let properties = cloud.properties(id)?;
        assert_eq!(keys(properties, "/KeySchema"), expected, "{id}");
        let index = text(properties, "/GlobalSecondaryIndexes/0/IndexName");
        assert_eq!(index, indexed.then_some("unfinished"), "{id}");
        if indexed {
            assert_eq!(
                keys(properties, "/GlobalSecondaryIndexes/0/KeySchema"),
                ["unfinished", "due_at"],
                "{id}"
            );
            let projection = text(properties, "/GlobalSecondaryIndexes/0/Projection/ProjectionType");
            assert_eq!(projection, Some("ALL"), "{id}");
        }
    }
    Ok(())
}

#[test]
fn every_path_and_method_reaches_the_webhook() -> Result<()> {
    let cloud = Cloud::read()?;
    let events = cloud
        .function("webhook")?
        .pointer("/Properties/Events")
        .and_then(Value::as_object);
    let routes: Vec<&Value> = events.into_iter().flatten().map(|(_, event)| event).collect();
    let [route] = routes.as_slice() else {
        panic!("webhook has {} routes", routes.len())
    };
    assert_eq!(text(route, "/Type"), Some("HttpApi"));
    let properties = route
        .pointer("/Properties")
        .and_then(Value::as_object)
        .context("route without properties")?;
    assert!(!properties.contains_key("Path") && !properties.contains_key("Method"));
    assert_eq!(text(route, "/Properties/PayloadFormatVersion"), Some("2.0"));
    Ok(())
}

#[test]
fn outputs_name_every_table_and_queue() -> Result<()> {
    let cloud = Cloud::read()?;
    for id in cloud.resources("AWS::DynamoDB::Table").into_keys() {
        assert_eq!(cloud.output(id), Some(&json!({"Ref": id})), "{id}");
    }
    for id in cloud.resources("AWS::SQS::Queue").into_keys() {
        assert_eq!(
            cloud.output(&format!("{id}Url")),
            Some(&json!({"Ref": id})),
            "{id}"
        );
        let arn = json!({"Fn::GetAtt": format!("{id}.Arn")});
        assert_eq!(cloud.output(&format!("{id}Arn")), Some(&arn), "{id}");
    }
    Ok(())
}
