//! `infra/template.yaml` as a value that tests can ask questions of.
//!
//! CloudFormation's short forms are spelt out: `!Ref X` is `{"Ref": "X"}`, every other tag `{"Fn::<tag>": ..}`.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value};
use serde_yaml_ng::Value as Yaml;

use crate::repository;

/// The stages that ask a model.
pub(crate) const MODEL: [&str; 4] = ["extract", "map", "open-pr", "publish-rca"];
/// The stages that call a provider at all.
pub(crate) const PROVIDER: [&str; 5] = ["extract", "map", "open-pr", "publish-rca", "notify"];

/// The template.
pub(crate) struct Cloud(Value);

impl Cloud {
    /// Reads it from the repository.
    pub(crate) fn read() -> Result<Self> {
        Self::parse(&repository::read("infra/template.yaml")?)
    }

    /// Reads it from text.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        Ok(Self(spelt_out(serde_yaml_ng::from_str(text)?)?))
    }

    /// The resources of a type, by logical id.
    pub(crate) fn resources(&self, kind: &str) -> BTreeMap<&str, &Value> {
        self.all()
            .filter(|(_, resource)| resource.pointer("/Type").and_then(Value::as_str) == Some(kind))
            .map(|(id, resource)| (id.as_str(), resource))
            .collect()
    }

    /// One resource's properties.
    pub(crate) fn properties(&self, id: &str) -> Result<&Value> {
        self.0
            .pointer(&format!("/Resources/{id}/Properties"))
            .with_context(|| format!("no such resource id=`{id}`"))
    }

    /// The functions, by the name of their binary.
    pub(crate) fn functions(&self) -> Result<BTreeMap<&str, &Value>> {
        self.resources("AWS::Serverless::Function")
            .into_iter()
            .map(|(id, resource)| {
                let binary = text(resource, "/Metadata/BuildProperties/Binary")
                    .with_context(|| format!("function without a binary id=`{id}`"))?;
                Ok((binary, resource))
            })
            .collect()
    }

    /// One function, by the name of its binary.
    pub(crate) fn function(&self, binary: &str) -> Result<&Value> {
        self.functions()?
            .remove(binary)
            .with_context(|| format!("no such function binary=`{binary}`"))
    }

    /// A function's environment: the literal values, and what the others refer to.
    pub(crate) fn environment(&self, binary: &str) -> Result<BTreeMap<String, String>> {
        let variables = self
            .function(binary)?
            .pointer("/Properties/Environment/Variables")
            .and_then(Value::as_object)
            .with_context(|| format!("function without an environment binary=`{binary}`"))?;
        Ok(variables
            .iter()
            .map(|(name, value)| (name.clone(), target(value)))
            .collect())
    }

    /// A variable that is a number.
    pub(crate) fn number(&self, binary: &str, variable: &str) -> Result<u64> {
        self.environment(binary)?
            .get(variable)
            .and_then(|value| value.parse().ok())
            .with_context(|| format!("no such number binary=`{binary}` variable=`{variable}`"))
    }

    /// One output's value.
    pub(crate) fn output(&self, name: &str) -> Option<&Value> {
        self.0.pointer(&format!("/Outputs/{name}/Value"))
    }

    fn all(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.0
            .pointer("/Resources")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
    }
}

/// The text at a pointer.
pub(crate) fn text<'v>(value: &'v Value, pointer: &str) -> Option<&'v str> {
    value.pointer(pointer).and_then(Value::as_str)
}

/// The whole number at a pointer.
pub(crate) fn whole(value: &Value, pointer: &str) -> Result<u64> {
    value
        .pointer(pointer)
        .and_then(Value::as_u64)
        .with_context(|| format!("no number pointer=`{pointer}`"))
}

/// The list at a pointer; a single value stands for a list of one, as in IAM.
pub(crate) fn list<'v>(value: &'v Value, pointer: &str) -> Vec<&'v Value> {
    match value.pointer(pointer) {
        Some(Value::Array(items)) => items.iter().collect(),
        Some(single) => vec![single],
        None => Vec::new(),
    }
}

/// What a value refers to: the logical id of `Ref` and of `GetAtt ..Arn`, the text of anything else.
pub(crate) fn target(value: &Value) -> String {
    if let Some(id) = text(value, "/Ref") {
        return id.to_owned();
    }
    if let Some(path) = text(value, "/Fn::GetAtt") {
        return path.strip_suffix(".Arn").unwrap_or(path).to_owned();
    }
    if let Some(pattern) = text(value, "/Fn::Sub") {
        return pattern.replace(".Arn}", "").replace("${", "").replace('}', "");
    }
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// `fan-out` as the logical ids spell it: `FanOut`.
pub(crate) fn pascal(name: &str) -> String {
    name.split('-')
        .map(|word| {
            let mut letters = word.chars();
            letters.next().map_or_else(String::new, |first| {
                first.to_ascii_uppercase().to_string() + letters.as_str()
            })
        })
        .collect()
}

fn spelt_out(yaml: Yaml) -> Result<Value> {
    Ok(match yaml {
        Yaml::Null => Value::Null,
        Yaml::Bool(flag) => flag.into(),
        Yaml::Number(number) => serde_json::to_value(number)?,
        Yaml::String(text) => text.into(),
        Yaml::Sequence(items) => items
            .into_iter()
            .map(spelt_out)
            .collect::<Result<Vec<_>>>()?
            .into(),
        Yaml::Mapping(pairs) => {
            let mut map = Map::new();
            for (key, value) in pairs {
                let Yaml::String(key) = key else {
                    bail!("a key that is no text key=`{key:?}`")
                };
                map.insert(key, spelt_out(value)?);
            }
            map.into()
        }
        Yaml::Tagged(tagged) => {
            let tag = tagged.tag.to_string();
            let name = match tag.trim_start_matches('!') {
                name @ ("Ref" | "Condition") => name.to_owned(),
                name => format!("Fn::{name}"),
            };
            Map::from_iter([(name, spelt_out(tagged.value)?)]).into()
        }
    })
}
