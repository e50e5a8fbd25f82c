//! Git's objects, with the names that git gives them.

use std::fmt;

use bytes::Bytes;
use chrono::{DateTime, FixedOffset};
use ratchet_guard::clock::Millis;
use serde::{Deserialize, Serialize};
use sha1::{Digest, Sha1};

/// The name of an object: SHA-1 over its kind, length and content.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Sha([u8; 20]);

impl Sha {
    /// Reads 40 hex digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 20];
        hex::decode_to_slice(text, &mut bytes).ok()?;
        Some(Self(bytes))
    }

    pub(crate) fn bytes(&self) -> &[u8; 20] {
        &self.0
    }

    /// The first 7 digits, as people and archives write it.
    pub(crate) fn short(&self) -> String {
        self.to_string().chars().take(7).collect()
    }
}

impl fmt::Display for Sha {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Sha {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl TryFrom<String> for Sha {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("a git object name is 40 hex digits")
    }
}

impl From<Sha> for String {
    fn from(sha: Sha) -> Self {
        sha.to_string()
    }
}

/// One object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Object {
    Blob(#[serde(with = "as_base64")] Bytes),
    Tree(Vec<Entry>),
    Commit(Commit),
}

/// One line of a tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) mode: Mode,
    pub(crate) name: String,
    pub(crate) sha: Sha,
}

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mode {
    /// `100644`.
    File,
    /// `100755`.
    Executable,
    /// `120000`; the content is the target.
    Symlink,
    /// `040000`.
    Directory,
}

impl Mode {
    /// As the interface writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::File => "100644",
            Self::Executable => "100755",
            Self::Symlink => "120000",
            Self::Directory => "040000",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        [Self::File, Self::Executable, Self::Symlink, Self::Directory]
            .into_iter()
            .find(|mode| mode.as_str() == text)
    }

    /// Inside a tree object a directory's mode has no leading zero.
    fn stored(self) -> &'static str {
        self.as_str().trim_start_matches('0')
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Commit {
    pub(crate) tree: Sha,
    pub(crate) parents: Vec<Sha>,
    pub(crate) author: Person,
    pub(crate) committer: Person,
    /// As it was given; no newline is added.
    pub(crate) message: String,
}

/// Who and when, at whole seconds and with the offset that was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Person {
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) at: DateTime<FixedOffset>,
}

impl Person {
    pub(crate) fn new(name: &str, email: &str, at_ms: Millis) -> Self {
        let at = i64::try_from(at_ms)
            .ok()
            .and_then(DateTime::from_timestamp_millis)
            .unwrap_or_default();
        Self {
            name: name.to_owned(),
            email: email.to_owned(),
            at: at.fixed_offset(),
        }
    }

    fn line(&self) -> String {
        format!(
            "{} <{}> {} {}",
            self.name,
            self.email,
            self.at.timestamp(),
            self.at.format("%z")
        )
    }

    pub(crate) fn at_ms(&self) -> Millis {
        Millis::try_from(self.at.timestamp_millis()).unwrap_or_default()
    }
}

impl Object {
    /// The object's name.
    pub(crate) fn sha(&self) -> Sha {
        let (kind, content) = self.encode();
        let mut hasher = Sha1::new();
        hasher.update(format!("{kind} {}\0", content.len()));
        hasher.update(&content);
        Sha(hasher.finalize().into())
    }

    fn encode(&self) -> (&'static str, Bytes) {
        match self {
            Self::Blob(content) => ("blob", content.clone()),
            Self::Tree(entries) => {
                let mut content = Vec::new();
                for entry in entries {
                    content.extend_from_slice(format!("{} {}\0", entry.mode.stored(), entry.name).as_bytes());
                    content.extend_from_slice(entry.sha.bytes());
                }
                ("tree", Bytes::from(content))
            }
            Self::Commit(commit) => {
                let mut text = format!("tree {}\n", commit.tree);
                for parent in &commit.parents {
                    text.push_str(&format!("parent {parent}\n"));
                }
                text.push_str(&format!(
                    "author {}\ncommitter {}\n\n{}",
                    commit.author.line(),
                    commit.committer.line(),
                    commit.message
                ));
                ("commit", Bytes::from(text))
            }
        }
    }
}

mod as_base64 {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use bytes::Bytes;
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(bytes: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD.decode(text).map(Bytes::from).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_those_that_git_gives() {
        let blob = Object::Blob(Bytes::from_static(b"hi\n"));
        assert_eq!(blob.sha().to_string(), "45b983be36b73c0788dc9cbcb76cbb80fc7bb057");
        let entry = Entry {
            mode: Mode::File,
            name: "a.txt".to_owned(),
            sha: blob.sha(),
        };
        let tree = Object::Tree(vec![entry]);
        assert_eq!(tree.sha().to_string(), "0d8a474fc67971fb3dd7616e26323d3066442555");
        let person = Person::new("a", "a@x", 1_767_225_600_000);
        let commit = |message: &str| {
            Object::Commit(Commit {
                tree: tree.sha(),
                parents: Vec::new(),
                author: person.clone(),
                committer: person.clone(),
                message: message.to_owned(),
            })
        };
        assert_eq!(
            commit("m").sha().to_string(),
            "49eb547f10dfcaca1b9da1e87ef9e37628bca938"
        );
        assert_eq!(
            commit("m\n").sha().to_string(),
            "db5ecd4fd1ed6707350a6c2e1f69e25fb1e68742"
        );
    }

    #[test]
    fn objects_survive_json() {
        let blob = Object::Blob(Bytes::from_static(&[0, 159, 146, 150]));
        let text = serde_json::to_string(&blob).unwrap();
        assert_eq!(serde_json::from_str::<Object>(&text).unwrap(), blob);
    }
}
