//! Standard output of a verb whose result has no bound: it is written as it is found, and not kept.

use std::io::{self, ErrorKind, Write};

use serde_json::Value;

use crate::failure::Failure;
use crate::report::Answer;

/// Writes it all; false where nobody reads any more, as `head` that has seen enough: that is no failure.
///
/// # Errors
/// What the system says.
pub fn print(to: &mut dyn Write, text: &str) -> io::Result<bool> {
    match to.write_all(text.as_bytes()).and_then(|()| to.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(error),
    }
}

/// Where a verb writes as it goes. What it answers in the end stands behind that.
pub struct Out<'a> {
    to: &'a mut dyn Write,
    as_json: bool,
    /// How many items the list has with which a JSON document began; none where no document is begun.
    items: Option<usize>,
}

impl std::fmt::Debug for Out<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Out")
    }
}

impl<'a> Out<'a> {
    /// Writes to this; `as_json` as the command line asks.
    pub fn new(to: &'a mut dyn Write, as_json: bool) -> Self {
        Self {
            to,
            as_json,
            items: None,
        }
    }

    /// The result is one JSON document, see [`Self::list`]; otherwise it is [`Self::text`].
    #[must_use]
    pub fn is_json(&self) -> bool {
        self.as_json
    }

    /// Writes text through to its reader; false where nobody reads any more.
    ///
    /// # Errors
    /// [`Failure::Output`].
    pub fn text(&mut self, text: &str) -> Result<bool, Failure> {
        print(self.to, text).map_err(Failure::Output)
    }

    /// Writes items of the one list with which the document begins, `{"<name>":[..`; false where nobody reads any more. The
    /// members of the verb's answer, be it a result or an error, close the document.
    ///
    /// # Errors
    /// [`Failure::Output`].
    pub fn list(&mut self, name: &str, items: &[Value]) -> Result<bool, Failure> {
        let mut text = match self.items {
            None => format!("{{\"{name}\":["),
            Some(_) => String::new(),
        };
        let mut before = self.items.unwrap_or(0);
        for item in items {
            text.push_str(if before == 0 { "\n" } else { ",\n" });
            text.push_str(&item.to_string());
            before += 1;
        }
        self.items = Some(before);
        self.text(&text)
    }

    /// The answer, to stand behind what was written.
    pub(crate) fn rest(&self, answer: Answer) -> Answer {
        if self.items.is_none() {
            return answer;
        }
        let members = answer.stdout.strip_prefix('{').unwrap_or(&answer.stdout);
        Answer {
            stdout: format!("\n],{members}"),
            ..answer
        }
    }
}
