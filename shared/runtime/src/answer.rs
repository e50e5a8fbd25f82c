//! Reads a model's answer field by field: bounded, and with words that help the model mend it.

use ratchet_domain::score::score;
use serde_json::{Map, Value};

/// The fields of an object in an answer.
#[derive(Debug)]
pub struct Fields<'a> {
    object: &'a Map<String, Value>,
}

impl<'a> Fields<'a> {
    /// The fields of a value.
    ///
    /// # Errors
    /// When it is no object.
    pub fn of(value: &'a Value) -> Result<Self, String> {
        value
            .as_object()
            .map(|object| Self { object })
            .ok_or_else(|| "the input must be an object".to_owned())
    }

    fn value(&self, name: &str) -> Result<&'a Value, String> {
        self.object
            .get(name)
            .ok_or_else(|| format!("`{name}` is missing"))
    }

    /// True or false.
    ///
    /// # Errors
    /// When it is neither.
    pub fn flag(&mut self, name: &str) -> Result<bool, String> {
        self.value(name)?
            .as_bool()
            .ok_or_else(|| format!("`{name}` must be true or false"))
    }

    /// A text that is not empty, cut to `chars_max`.
    ///
    /// # Errors
    /// When it is missing, empty or no text.
    pub fn text(&mut self, name: &str, chars_max: usize) -> Result<String, String> {
        let text = self
            .value(name)?
            .as_str()
            .map(str::trim)
            .filter(|text| !text.is_empty());
        text.map(|text| cut(text, chars_max))
            .ok_or_else(|| format!("`{name}` must be a text that is not empty"))
    }

    /// A text, cut to `chars_max`; missing, or null, is empty.
    ///
    /// # Errors
    /// When it is there and no text.
    pub fn text_or_empty(&mut self, name: &str, chars_max: usize) -> Result<String, String> {
        match self.object.get(name) {
            None | Some(Value::Null) => Ok(String::new()),
            Some(Value::String(text)) => Ok(cut(text.trim(), chars_max)),
            Some(_) => Err(format!("`{name}` must be a text")),
        }
    }

    /// A text exactly as it stands: code, where white space counts. `bytes_max` is a limit, not a cut.
    ///
    /// # Errors
    /// When it is missing, no text, or over the limit.
    pub fn exact(&mut self, name: &str, bytes_max: usize) -> Result<String, String> {
        let text = self
            .value(name)?
            .as_str()
            .ok_or_else(|| format!("`{name}` must be a text"))?;
        if text.len() > bytes_max {
            return Err(format!("`{name}` is over {bytes_max} bytes"));
        }
        Ok(text.to_owned())
    }

    /// A list of texts, each cut to `chars_max`; missing is empty, and what is over `most` is left out.
    ///
    /// # Errors
    /// When it is no list of texts.
    pub fn texts(&mut self, name: &str, most: usize, chars_max: usize) -> Result<Vec<String>, String> {
        self.list_or_empty(name)?
            .iter()
            .take(most)
            .map(|item| item.as_str().map(|text| cut(text.trim(), chars_max)))
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| format!("`{name}` must be a list of texts"))
    }

    /// A list.
    ///
    /// # Errors
    /// When it is missing or no list.
    pub fn list(&mut self, name: &str) -> Result<&'a [Value], String> {
        self.value(name)?
            .as_array()
            .map(Vec::as_slice)
            .ok_or_else(|| format!("`{name}` must be a list"))
    }

    fn list_or_empty(&mut self, name: &str) -> Result<&'a [Value], String> {
        if self.object.contains_key(name) {
            self.list(name)
        } else {
            Ok(&[])
        }
    }

    /// One of a set of words, in any case.
    ///
    /// # Errors
    /// When it is none of them.
    pub fn word<T: Copy>(
        &mut self,
        name: &str,
        values: &[T],
        as_word: fn(T) -> &'static str,
    ) -> Result<T, String> {
        let text = self
            .value(name)?
            .as_str()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase();
        values
            .iter()
            .copied()
            .find(|value| as_word(*value) == text)
            .ok_or_else(|| {
                let words: Vec<&str> = values.iter().map(|value| as_word(*value)).collect();
                format!("`{name}` must be one of {}", words.join(", "))
            })
    }

    /// A number from 0 to 1.
    ///
    /// # Errors
    /// When it is not.
    pub fn share(&mut self, name: &str) -> Result<f64, String> {
        self.value(name)?
            .as_f64()
            .and_then(score)
            .ok_or_else(|| format!("`{name}` must be a number from 0 to 1"))
    }

    /// A whole number, also when written as a text; none where it is missing.
    #[must_use]
    pub fn whole(&self, name: &str) -> Option<u64> {
        match self.object.get(name)? {
            Value::Number(number) => number.as_u64(),
            Value::String(text) => text.trim().parse().ok(),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        }
    }
}

fn cut(text: &str, chars_max: usize) -> String {
    text.chars().take(chars_max).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn wrong_fields_are_named_and_never_quoted() {
        let input = json!({ "share": 1.2, "word": "urgent", "list": [1], "text": "" });
        let mut fields = Fields::of(&input).unwrap();
        assert_eq!(
            fields.share("share").unwrap_err(),
            "`share` must be a number from 0 to 1"
        );
        assert_eq!(
            fields.word("word", &["low"], |word| word).unwrap_err(),
            "`word` must be one of low"
        );
        assert_eq!(
            fields.texts("list", 3, 3).unwrap_err(),
            "`list` must be a list of texts"
        );
        assert!(fields.text("text", 10).is_err());
        assert!(fields.flag("absent").is_err());
        assert!(Fields::of(&json!([])).is_err());
    }
}
