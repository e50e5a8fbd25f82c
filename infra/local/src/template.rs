//! The deployed template, read: what runs on a laptop has the queues, tables, timeouts and variables of what is deployed.

mod alarm;
mod event;
mod queue;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use serde_yaml_ng::Value;

pub use alarm::Alarm;
pub use event::{Schedule, Source};
pub use queue::Queue;

/// `infra/template.yaml`, as it was when this was built.
const TEMPLATE: &str = include_str!("../../template.yaml");

/// A table's keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Partition key, then the sort key where there is one.
    pub keys: Vec<String>,
    /// It has the sparse index.
    pub has_unfinished: bool,
}

/// A function's limits and variables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// Its logical id.
    pub id: String,
    /// When it is stopped, in seconds.
    pub timeout_seconds: u64,
    /// Variables; those that name a table or a queue hold its logical id.
    pub variables: BTreeMap<String, Variable>,
    /// The queue that drives it, and how.
    pub source: Option<Source>,
    /// What calls it, by the event's name.
    pub schedules: BTreeMap<String, Schedule>,
}

impl Function {
    /// Logical id of the queue that drives it.
    #[must_use]
    pub fn queue(&self) -> Option<String> {
        self.source.as_ref().map(|source| source.queue.clone())
    }
}

/// A variable's value in the template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Variable {
    /// As it stands.
    Literal(String),
    /// The name or the URL of another resource.
    Reference(String),
    /// The ARN of another resource.
    Arn(String),
}

/// What the template declares, by logical id; functions by their binary's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// Tables.
    pub tables: BTreeMap<String, Table>,
    /// Queues.
    pub queues: BTreeMap<String, Queue>,
    /// Functions.
    pub functions: BTreeMap<String, Function>,
    /// Alarms.
    pub alarms: BTreeMap<String, Alarm>,
    /// Outputs that name a resource; others are of the cloud's own making.
    pub outputs: BTreeMap<String, Variable>,
}

impl Template {
    /// The template of this build.
    ///
    /// # Errors
    /// When it does not have the shape that is deployed; names the resource.
    pub fn of_this_build() -> Result<Self> {
        Self::parse(TEMPLATE)
    }

    /// Reads a template.
    ///
    /// # Errors
    /// As [`Template::of_this_build`].
    pub fn parse(text: &str) -> Result<Self> {
        let document: Value = serde_yaml_ng::from_str(text).context("template is not YAML")?;
        let resources = document
            .get("Resources")
            .and_then(Value::as_mapping)
            .context("template has no Resources")?;
        let mut template = Self {
            tables: BTreeMap::new(),
            queues: BTreeMap::new(),
            functions: BTreeMap::new(),
            alarms: BTreeMap::new(),
            outputs: outputs(&document),
        };
        for (id, resource) in resources {
            let id = id.as_str().context("a resource's id is no text")?.to_owned();
            let empty = Value::Null;
            let properties = resource.get("Properties").unwrap_or(&empty);
            let of_resource = || format!("resource `{id}`");
            match resource.get("Type").and_then(Value::as_str) {
                Some("AWS::DynamoDB::Table") => {
                    template
                        .tables
                        .insert(id.clone(), table(properties).with_context(of_resource)?);
                }
                Some("AWS::SQS::Queue") => {
                    template
                        .queues
                        .insert(id.clone(), Queue::read(properties).with_context(of_resource)?);
                }
                Some("AWS::CloudWatch::Alarm") => {
                    template
                        .alarms
                        .insert(id.clone(), Alarm::read(properties).with_context(of_resource)?);
                }
                Some("AWS::Serverless::Function") => {
                    let binary = resource
                        .get("Metadata")
                        .and_then(|value| value.get("BuildProperties"));
                    let binary = binary
                        .and_then(|value| value.get("Binary"))
                        .and_then(Value::as_str);
                    let binary = binary.with_context(of_resource)?.to_owned();
                    template
                        .functions
                        .insert(binary, function(&id, properties).with_context(of_resource)?);
                }
                _ => {}
            }
        }
        Ok(template)
    }

    /// The environment of a function, with `resolve` giving the value of a reference.
    ///
    /// # Errors
    /// When there is no such function.
    pub fn environment(
        &self,
        binary: &str,
        resolve: impl Fn(&Variable) -> String,
    ) -> Result<BTreeMap<String, String>> {
        let function = self
            .functions
            .get(binary)
            .with_context(|| format!("template has no function `{binary}`"))?;
        Ok(function
            .variables
            .iter()
            .map(|(name, value)| (name.clone(), resolve(value)))
            .collect())
    }
}

fn whole(value: &Value, name: &str) -> Option<u64> {
    value.get(name).and_then(Value::as_u64)
}

fn table(properties: &Value) -> Result<Table> {
    let schema = properties
        .get("KeySchema")
        .and_then(Value::as_sequence)
        .context("table has no KeySchema")?;
    let keys: Option<Vec<String>> = schema
        .iter()
        .map(|key| {
            key.get("AttributeName")
                .and_then(Value::as_str)
                .map(str::to_owned)
        })
        .collect();
    Ok(Table {
        keys: keys.context("a key has no AttributeName")?,
        has_unfinished: properties.get("GlobalSecondaryIndexes").is_some(),
    })
}

/// What refers to a resource; an address that the cloud gives out is not known here.
fn outputs(document: &Value) -> BTreeMap<String, Variable> {
    let declared = document.get("Outputs").and_then(Value::as_mapping);
    let named = declared.into_iter().flatten().filter_map(|(name, output)| {
        let value = variable(output.get("Value")?).ok()?;
        Some((name.as_str()?.to_owned(), value))
    });
    named.collect()
}

fn function(id: &str, properties: &Value) -> Result<Function> {
    let declared = properties
        .get("Environment")
        .and_then(|value| value.get("Variables"));
    let declared = declared
        .and_then(Value::as_mapping)
        .context("function has no variables")?;
    let mut variables = BTreeMap::new();
    for (name, value) in declared {
        let name = name.as_str().context("a variable's name is no text")?;
        variables.insert(
            name.to_owned(),
            variable(value).with_context(|| format!("variable `{name}`"))?,
        );
    }
    let mut source = None;
    let mut schedules = BTreeMap::new();
    let events = properties.get("Events").and_then(Value::as_mapping);
    for (name, event) in events.into_iter().flatten() {
        let name = name.as_str().context("an event's name is no text")?;
        let of_event = || format!("event `{name}`");
        match event::read(event).with_context(of_event)? {
            event::Event::Messages(_) if source.is_some() => bail!("a second queue drives it event=`{name}`"),
            event::Event::Messages(found) => source = Some(found),
            event::Event::Tick(schedule) => {
                schedules.insert(name.to_owned(), schedule);
            }
            event::Event::Call => {}
        }
    }
    Ok(Function {
        id: id.to_owned(),
        timeout_seconds: whole(properties, "Timeout").context("function has no Timeout")?,
        variables,
        source,
        schedules,
    })
}

/// A literal, `!Ref X`, or `!GetAtt X.Arn`.
fn variable(value: &Value) -> Result<Variable> {
    match value {
        Value::String(text) => Ok(Variable::Literal(text.clone())),
        Value::Number(number) => Ok(Variable::Literal(number.to_string())),
        Value::Tagged(tagged) => {
            let text = tagged.value.as_str().context("a reference is no text")?;
            if tagged.tag == "Ref" {
                return Ok(Variable::Reference(text.to_owned()));
            }
            let id = text.strip_suffix(".Arn").context("only .Arn is read")?;
            Ok(Variable::Arn(id.to_owned()))
        }
        Value::Null | Value::Bool(_) | Value::Sequence(_) | Value::Mapping(_) => {
            bail!("value is not understood")
        }
    }
}
