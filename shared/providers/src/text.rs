//! Text in the markup of the place that it goes to.
//!
//! What a customer or a model wrote is data: it must not ping a team, close an issue, forge a marker, hide a link
//! behind a word or hold a secret. A [`Text`] takes it through [`Text::foreign`] alone, which strips and escapes; our own
//! words are literals; and every message, comment, issue and pull request is made of a [`Text`], so that a raw
//! `String` does not compile into one.

mod media;

use std::fmt;
use std::marker::PhantomData;

use ratchet_domain::redact::redact;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::effect::html_marker;
pub use media::{Html, Markdown, Mrkdwn, Plain};

/// The markup of a place.
pub trait Medium: media::Sealed {}

impl<M: media::Sealed> Medium for M {}

/// Text that is safe to send to a place of that markup.
///
/// In JSON it is a string. Reading one back trusts it, so only our own records are read as one.
///
/// ```
/// use ratchet_providers::text::{Mrkdwn, Text};
///
/// let text = Text::<Mrkdwn>::new().ours("Bug: ").foreign("<!channel> ask jo@acme.test");
/// assert_eq!(text.as_str(), "Bug: &lt;!channel&gt; ask [e-mail removed]");
/// ```
///
/// Words that are not ours do not pass as ours:
///
/// ```compile_fail
/// use ratchet_providers::text::{Mrkdwn, Text};
///
/// let title = String::from("<!channel>");
/// let text = Text::<Mrkdwn>::new().ours(&title);
/// ```
///
/// and markup of one place does not go to another:
///
/// ```compile_fail
/// use ratchet_providers::slack::message_body;
/// use ratchet_providers::text::{Html, Text};
///
/// message_body("C0123", &Text::<Html>::new(), "effect");
/// ```
pub struct Text<M> {
    text: String,
    medium: PhantomData<fn() -> M>,
}

impl<M: Medium> Text<M> {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            text: String::new(),
            medium: PhantomData,
        }
    }

    /// Adds words of ours as they stand, markup and all.
    #[must_use]
    pub fn ours(mut self, text: &'static str) -> Self {
        self.text.push_str(text);
        self
    }

    /// Adds what a customer, a model or a repository wrote: without secrets, addresses and signs that cannot be seen,
    /// and with nothing in it that the place would act on.
    #[must_use]
    pub fn foreign(mut self, text: &str) -> Self {
        let visible: String = redact(text).chars().filter(|c| is_visible(*c)).collect();
        M::escape(&visible, &mut self.text);
        self
    }

    /// As [`Text::foreign`], on one line.
    #[must_use]
    pub fn foreign_line(self, text: &str) -> Self {
        self.foreign(&one_line(text))
    }

    /// Adds an id, a name or a number of a record: nothing is stripped, and the place acts on nothing in it.
    #[must_use]
    pub fn name(mut self, name: impl fmt::Display) -> Self {
        M::escape(&name.to_string(), &mut self.text);
        self
    }

    /// Adds what a model wrote as code, on one line and without secrets.
    #[must_use]
    pub fn foreign_code(self, text: &str) -> Self {
        let text = redact(text);
        self.code(&text)
    }

    /// Adds an id, a path or a name of a record as code, on one line.
    #[must_use]
    pub fn code(mut self, text: &str) -> Self {
        let visible: String = one_line(text).chars().filter(|c| is_visible(*c)).collect();
        M::code(&visible, &mut self.text);
        self
    }

    /// Adds an address of a record for people to follow.
    #[must_use]
    pub fn link(mut self, url: &str) -> Self {
        M::link(url, None, &mut self.text);
        self
    }

    /// Adds an address of a record behind a name of a record.
    #[must_use]
    pub fn link_named(mut self, url: &str, name: &str) -> Self {
        M::link(url, Some(name), &mut self.text);
        self
    }

    /// Adds another text of this markup.
    #[must_use]
    pub fn then(mut self, other: &Self) -> Self {
        self.text.push_str(&other.text);
        self
    }

    /// The text as it is sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl Text<Markdown> {
    /// Adds the hidden line that marks a pull request or an issue as this effect's.
    #[must_use]
    pub fn marker(mut self, effect: &str) -> Self {
        self.text.push_str(&html_marker(effect));
        self
    }
}

impl<M: Medium> Default for Text<M> {
    fn default() -> Self {
        Self::new()
    }
}

impl<M: Medium> From<&'static str> for Text<M> {
    fn from(text: &'static str) -> Self {
        Self::new().ours(text)
    }
}

impl<M> Clone for Text<M> {
    fn clone(&self) -> Self {
        Self {
            text: self.text.clone(),
            medium: PhantomData,
        }
    }
}

impl<M> PartialEq for Text<M> {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl<M> Eq for Text<M> {}

impl<M> fmt::Debug for Text<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A customer's words stay out of logs.
        f.debug_struct("Text").field("bytes", &self.text.len()).finish()
    }
}

impl<M> Serialize for Text<M> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de, M> Deserialize<'de> for Text<M> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self {
            text: String::deserialize(deserializer)?,
            medium: PhantomData,
        })
    }
}

fn one_line(text: &str) -> String {
    text.replace(['\n', '\r', '\u{2028}', '\u{2029}'], " ")
}

/// Not a control character, and none that turns the direction of what follows or hides in it.
fn is_visible(c: char) -> bool {
    matches!(c, '\n' | '\t')
        || !(c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}'))
}

#[cfg(test)]
mod tests;
