//! Tables and queues from the outputs of a CloudFormation stack.
//!
//! The template's outputs are named as the functions' variables, in another case: `LedgerTable` is `LEDGER_TABLE`,
//! `OpenPrQueueUrl` is `OPEN_PR_QUEUE_URL`.

use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::error::ProvideErrorMetadata;

use crate::failure::Failure;

/// The stack's outputs as environment variables.
///
/// # Errors
/// [`Failure::NotFound`] when there is no such stack in the account and region; [`Failure::Aws`].
pub async fn variables(client: &Client, stack: &str) -> Result<Vec<(String, String)>, Failure> {
    let answer = client.describe_stacks().stack_name(stack).send().await;
    let output = answer.map_err(|error| {
        // CloudFormation has no error of its own for it.
        let is_absent = error.code() == Some("ValidationError")
            && error
                .message()
                .is_some_and(|message| message.contains("does not exist"));
        if is_absent {
            absent(stack)
        } else {
            Failure::aws("DescribeStacks", &error)
        }
    })?;
    let found = output.stacks().first().ok_or_else(|| absent(stack))?;
    let pairs = found.outputs().iter().filter_map(|output| {
        let (key, value) = (output.output_key()?, output.output_value()?);
        Some((variable(key), value.to_owned()))
    });
    Ok(pairs.collect())
}

fn absent(stack: &str) -> Failure {
    Failure::NotFound(format!(
        "there is no such stack in this account and region stack=`{stack}`"
    ))
}

/// The variable of an output: `OpenPrQueueUrl` is `OPEN_PR_QUEUE_URL`.
#[must_use]
pub fn variable(output: &str) -> String {
    let mut name = String::with_capacity(output.len() + 4);
    for (index, c) in output.chars().enumerate() {
        if c.is_ascii_uppercase() && index > 0 {
            name.push('_');
        }
        name.push(c.to_ascii_uppercase());
    }
    name
}
