//! A settings document field by field, so that one wrong field does not hide the next.

use serde_json::{Map, Value};

use super::{Problem, SecretRef};
use crate::ids::RepoName;
use crate::score::score;

/// An object of the document, its path, and the list that problems go to.
pub(super) struct Reader<'a> {
    fields: Option<&'a Map<String, Value>>,
    path: String,
    problems: &'a mut Vec<Problem>,
}

impl<'a> Reader<'a> {
    pub(super) fn root(document: &'a Value, problems: &'a mut Vec<Problem>) -> Self {
        let mut reader = Self {
            fields: document.as_object(),
            path: String::new(),
            problems,
        };
        if reader.fields.is_none() {
            reader.problem("", "must be a JSON object");
        }
        reader
    }

    fn at(&self, name: &str) -> String {
        match (self.path.as_str(), name) {
            ("", "") => "$".to_owned(),
            ("", name) => name.to_owned(),
            (path, "") => path.to_owned(),
            (path, name) => format!("{path}.{name}"),
        }
    }

    pub(super) fn problem(&mut self, name: &str, problem: &str) {
        let path = self.at(name);
        self.problems.push(Problem {
            path,
            problem: problem.to_owned(),
        });
    }

    pub(super) fn value(&self, name: &str) -> Option<&'a Value> {
        self.fields
            .and_then(|fields| fields.get(name))
            .filter(|value| !value.is_null())
    }

    pub(super) fn object<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&mut Reader<'_>) -> Option<T>,
    ) -> Option<T> {
        let value = self.value(name)?;
        let path = self.at(name);
        let Some(fields) = value.as_object() else {
            self.problem(name, "must be an object");
            return None;
        };
        read(&mut Reader {
            fields: Some(fields),
            path,
            problems: self.problems,
        })
    }

    pub(super) fn only(&mut self, known: &[&str]) {
        let unknown: Vec<String> = self
            .fields
            .into_iter()
            .flat_map(Map::keys)
            .filter(|name| !known.contains(&name.as_str()))
            .cloned()
            .collect();
        for name in unknown {
            self.problem(
                &name,
                &format!("is not a setting; expected one of {}", known.join(", ")),
            );
        }
    }

    pub(super) fn text(&mut self, name: &str) -> Option<String> {
        match self.value(name) {
            None => {
                self.problem(name, "is missing");
                None
            }
            Some(Value::String(text)) if !text.trim().is_empty() => Some(text.clone()),
            // Ids are numbers at some vendors' consoles; people paste them as such.
            Some(Value::Number(number)) if number.is_u64() => Some(number.to_string()),
            Some(_) => {
                self.problem(name, "must be a text that is not empty");
                None
            }
        }
    }

    pub(super) fn word<T: Copy>(&mut self, name: &str, words: &[(&str, T)]) -> Option<T> {
        let text = self.text(name)?;
        let found = words
            .iter()
            .find(|(word, _)| *word == text)
            .map(|(_, value)| *value);
        if found.is_none() {
            let expected: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            self.problem(name, &format!("must be one of {}", expected.join(", ")));
        }
        found
    }

    pub(super) fn url(&mut self, name: &str) -> Option<String> {
        let text = self.text(name)?;
        let is_http = url::Url::parse(&text)
            .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        if !is_http {
            self.problem(name, "must be an http or https address");
            return None;
        }
        Some(text.trim_end_matches('/').to_owned())
    }

    pub(super) fn secret(&mut self, name: &str) -> Option<SecretRef> {
        let text = self.text(name)?;
        let reference = SecretRef::parse(&text);
        if reference.is_none() {
            self.problem(
                name,
                "must be a reference: env:NAME, ssm:/name or secretsmanager:id",
            );
        }
        reference
    }

    pub(super) fn share(&mut self, name: &str, default: f64) -> Option<f64> {
        let Some(value) = self.value(name) else {
            return Some(default);
        };
        let share = value.as_f64().and_then(score);
        if share.is_none() {
            self.problem(name, "must be a number from 0 to 1");
        }
        share
    }

    pub(super) fn count(&mut self, name: &str) -> Option<u64> {
        let value = self.value(name)?;
        let count = value.as_u64();
        if count.is_none() {
            self.problem(name, "must be a whole number, 0 or more");
        }
        count
    }

    pub(super) fn flag(&mut self, name: &str) -> Option<bool> {
        let Some(value) = self.value(name) else {
            return Some(false);
        };
        let flag = value.as_bool();
        if flag.is_none() {
            self.problem(name, "must be true or false");
        }
        flag
    }

    pub(super) fn count_of(&mut self, name: &str, least: u64, most: u64) -> Option<u64> {
        let value = self.value(name)?;
        let count = value.as_u64().filter(|count| (least..=most).contains(count));
        if count.is_none() {
            self.problem(name, &format!("must be a whole number from {least} to {most}"));
        }
        count
    }

    pub(super) fn repo_value(&mut self, name: &str, value: &Value) -> Option<RepoName> {
        let repo = value.as_str().and_then(|text| RepoName::parse(text).ok());
        if repo.is_none() {
            self.problem(name, "must be owner/name");
        }
        repo
    }
}
