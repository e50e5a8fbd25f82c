//! Reading a webhook's body: every failure names the field by its path, never its value.

use serde_json::Value;
use thiserror::Error;

/// Longest id of an event, an account or an object that enters a key.
const ID_CHARS_MAX: usize = 128;

/// Why a signed body says nothing that can be acted on.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EventError {
    /// Not JSON.
    #[error("body is not JSON line=`{line}` column=`{column}`")]
    NotJson {
        /// Line of the first error, from 1.
        line: usize,
        /// Column of the first error.
        column: usize,
    },
    /// A field (or header) that must be there is not.
    #[error("field is missing path=`{path}`")]
    Missing {
        /// `detail.id`, or a header's name.
        path: &'static str,
    },
    /// A field (or header) of a wrong kind or form.
    #[error("field must be {rule} path=`{path}`")]
    Invalid {
        /// `detail.id`, or a header's name.
        path: &'static str,
        /// What would be right.
        rule: &'static str,
    },
}

impl EventError {
    /// The field at fault, where it is one field.
    #[must_use]
    pub fn path(&self) -> Option<&'static str> {
        match self {
            Self::NotJson { .. } => None,
            Self::Missing { path } | Self::Invalid { path, .. } => Some(path),
        }
    }
}

/// What an id must look like to enter a key.
const ID_RULE: &str = "1 to 128 of A-Z, a-z, 0-9, `_`, `-`, `.`, `:`";

pub(crate) fn checked_id(path: &'static str, text: &str) -> Result<String, EventError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ':');
    if text.is_empty() || text.len() > ID_CHARS_MAX || !text.chars().all(allowed) {
        return Err(EventError::Invalid { path, rule: ID_RULE });
    }
    Ok(text.to_owned())
}

/// A JSON document that is read by path.
pub(crate) struct Document(Value);

impl Document {
    pub(crate) fn parse(body: &[u8]) -> Result<Self, EventError> {
        match serde_json::from_slice(body) {
            Ok(value) => Ok(Self(value)),
            Err(error) => Err(EventError::NotJson {
                line: error.line(),
                column: error.column(),
            }),
        }
    }

    /// The value at a dotted path; null counts as absent.
    pub(crate) fn at(&self, path: &str) -> Option<&Value> {
        let found = path.split('.').try_fold(&self.0, |value, name| value.get(name));
        found.filter(|value| !value.is_null())
    }

    /// A string, if there is one.
    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.at(path)?.as_str()
    }

    /// A boolean, if there is one.
    pub(crate) fn flag(&self, path: &str) -> Option<bool> {
        self.at(path)?.as_bool()
    }

    /// An id that vendors write as a string here and as a number there; none where it is absent.
    pub(crate) fn optional_id(&self, path: &'static str) -> Result<Option<String>, EventError> {
        match self.at(path) {
            None => Ok(None),
            Some(Value::String(text)) => checked_id(path, text).map(Some),
            Some(Value::Number(number)) if number.is_u64() => Ok(Some(number.to_string())),
            Some(_) => Err(EventError::Invalid { path, rule: ID_RULE }),
        }
    }

    /// An id that must be there.
    pub(crate) fn id(&self, path: &'static str) -> Result<String, EventError> {
        self.optional_id(path)?.ok_or(EventError::Missing { path })
    }

    /// A string that must be there.
    pub(crate) fn required_text(&self, path: &'static str) -> Result<&str, EventError> {
        let value = self.at(path).ok_or(EventError::Missing { path })?;
        value.as_str().ok_or(EventError::Invalid { path, rule: "text" })
    }

    /// A whole number that must be there.
    pub(crate) fn required_u64(&self, path: &'static str) -> Result<u64, EventError> {
        let value = self.at(path).ok_or(EventError::Missing { path })?;
        value.as_u64().ok_or(EventError::Invalid {
            path,
            rule: "a whole number",
        })
    }
}

/// The first 64 characters of an event's kind: enough to name it, too short to carry a message.
pub(crate) fn kind_name(kind: &str) -> String {
    kind.chars().filter(|c| c.is_ascii_graphic()).take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_as_text_or_number_and_nothing_else() {
        let document = Document::parse(br#"{"a":{"id":"5"},"b":6,"c":1.5,"d":"x y","e":null}"#).unwrap();
        assert_eq!(document.id("a.id").unwrap(), "5");
        assert_eq!(document.id("b").unwrap(), "6");
        assert_eq!(document.id("c").unwrap_err().path(), Some("c"));
        assert_eq!(document.id("d").unwrap_err().path(), Some("d"));
        assert_eq!(document.id("e").unwrap_err(), EventError::Missing { path: "e" });
        assert_eq!(
            document.id("a.id.x").unwrap_err(),
            EventError::Missing { path: "a.id.x" }
        );
    }
}
