//! A deployment found in the outputs of its stack.

use anyhow::Result;
use aws_sdk_cloudformation::config::{BehaviorVersion, Region, StalledStreamProtectionConfig};
use aws_sdk_cloudformation::{Client, Config};
use aws_smithy_runtime_api::client::auth::AuthSchemeId;
use ctl::failure::Exit;
use ctl::stack::{variable, variables};
use ratchet_guard::embedded::{InstantSleep, REGION};

use crate::line::Line;

fn cloudformation(status: u16, body: &'static str) -> Client {
    let line = Line::to(move |_, _| Some((status, body.to_owned())));
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static(REGION))
        .allow_no_auth()
        .auth_scheme_preference([AuthSchemeId::from("noAuth")])
        .http_client(line.client())
        .sleep_impl(InstantSleep)
        .timeout_config(aws_sdk_cloudformation::config::timeout::TimeoutConfig::disabled())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .build();
    Client::from_conf(config)
}

#[tokio::test]
async fn outputs_become_the_functions_variables() -> Result<()> {
    let client = cloudformation(
        200,
        "<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackName>ratchet</StackName><CreationTime>2026-01-15T10:00:00Z</CreationTime><StackStatus>CREATE_COMPLETE</StackStatus><Outputs>\
        <member><OutputKey>LedgerTable</OutputKey><OutputValue>ratchet-LedgerTable-1X</OutputValue></member>\
        <member><OutputKey>OpenPrQueueUrl</OutputKey><OutputValue>https://sqs.test/1/open-pr</OutputValue></member>\
        </Outputs></member></Stacks></DescribeStacksResult></DescribeStacksResponse>",
    );
    let found = variables(&client, "ratchet").await?;
    let expected = [
        ("LEDGER_TABLE".to_owned(), "ratchet-LedgerTable-1X".to_owned()),
        (
            "OPEN_PR_QUEUE_URL".to_owned(),
            "https://sqs.test/1/open-pr".to_owned(),
        ),
    ];
    assert_eq!(found, expected);
    Ok(())
}

#[tokio::test]
async fn a_stack_that_is_not_there_is_not_found_and_another_error_is_a_failure() {
    let gone = cloudformation(
        400,
        "<ErrorResponse><Error><Type>Sender</Type><Code>ValidationError</Code><Message>Stack with id ratchet does not exist</Message></Error></ErrorResponse>",
    );
    let failure = variables(&gone, "ratchet").await.unwrap_err();
    assert_eq!(failure.exit(), Exit::NotFound, "{failure}");
    let denied = cloudformation(
        403,
        "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>",
    );
    let failure = variables(&denied, "ratchet").await.unwrap_err();
    assert_eq!(failure.exit(), Exit::Failed);
    assert!(failure.to_string().contains("AccessDenied"), "{failure}");
}

#[test]
fn the_template_gives_out_every_table() -> Result<()> {
    let template = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../template.yaml"))?;
    let (_, outputs) = template.split_once("\nOutputs:\n").unwrap();
    let given: Vec<String> = outputs
        .lines()
        .filter_map(|line| line.strip_prefix("  ")?.strip_suffix(':'))
        .map(variable)
        .collect();
    for table in ["EVENTS_TABLE", "LEDGER_TABLE", "USAGE_TABLE", "SETTINGS_TABLE"] {
        assert!(
            given.iter().any(|name| name == table),
            "{table} is not in {given:?}"
        );
    }
    Ok(())
}
