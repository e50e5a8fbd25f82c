//! Queues of the template.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use serde_yaml_ng::Value;

use super::{Variable, variable, whole};

/// A queue's behaviour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// Everything that the template sets, under the service's names, which are the template's too.
    pub attributes: BTreeMap<String, String>,
    /// Its dead letters' queue and after how many receives.
    pub redrive: Option<(String, u64)>,
}

impl Queue {
    /// Reads a queue's properties.
    pub(super) fn read(properties: &Value) -> Result<Self> {
        let mut queue = Self {
            attributes: BTreeMap::new(),
            redrive: None,
        };
        for (name, value) in properties.as_mapping().into_iter().flatten() {
            let name = name.as_str().context("a property's name is no text")?;
            let text = match (name, value) {
                // Queues are called by their logical ids here.
                ("QueueName", _) => continue,
                ("RedrivePolicy", policy) => {
                    queue.redrive = Some(redrive(policy)?);
                    continue;
                }
                (_, Value::Number(number)) => number.to_string(),
                (_, Value::Bool(is_on)) => is_on.to_string(),
                (_, Value::String(text)) => text.clone(),
                (_, Value::Null | Value::Sequence(_) | Value::Mapping(_) | Value::Tagged(_)) => {
                    bail!("property `{name}` is not understood")
                }
            };
            queue.attributes.insert(name.to_owned(), text);
        }
        Ok(queue)
    }
}

fn redrive(policy: &Value) -> Result<(String, u64)> {
    let target = policy.get("deadLetterTargetArn").map(variable).transpose()?;
    let Some(Variable::Arn(target)) = target else {
        bail!("deadLetterTargetArn must be !GetAtt")
    };
    let receives = whole(policy, "maxReceiveCount").context("maxReceiveCount is missing")?;
    Ok((target, receives))
}
