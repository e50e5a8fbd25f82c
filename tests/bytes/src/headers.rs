//! An input as a request: lines of headers, an empty line, and the body; or a body alone.

use http::{HeaderMap, HeaderName, HeaderValue};

/// An input, taken apart.
#[derive(Debug, Clone, Default)]
pub(crate) struct Parts {
    /// None where the input is a body alone.
    pub(crate) headers: Option<HeaderMap>,
    /// Lines that begin with a colon: what is said about the request beside its headers.
    pub(crate) about: Vec<(String, String)>,
    /// The body.
    pub(crate) body: Vec<u8>,
}

impl Parts {
    /// Input that begins like JSON is a body; anything else may begin with lines of headers.
    pub(crate) fn of(input: &[u8]) -> Self {
        let is_body = input
            .iter()
            .find(|byte| !byte.is_ascii_whitespace())
            .is_none_or(|byte| matches!(byte, b'{' | b'['));
        let end = input.windows(2).position(|pair| pair == b"\n\n");
        let (false, Some(end)) = (is_body, end) else {
            return Self {
                body: input.to_vec(),
                ..Self::default()
            };
        };
        let (head, rest) = input.split_at(end);
        let mut parts = Self {
            body: rest.get(2..).unwrap_or_default().to_vec(),
            ..Self::default()
        };
        let mut headers = HeaderMap::new();
        for line in head.split(|byte| *byte == b'\n') {
            if let Some(about) = line.strip_prefix(b":") {
                let (name, value) = halves(about);
                parts.about.push((text(name), text(value)));
                continue;
            }
            let (name, value) = halves(line);
            // What is no header cannot arrive as one.
            if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
                headers.insert(name, value);
            }
        }
        parts.headers = Some(headers);
        parts
    }

    /// What is said about the request under a name.
    pub(crate) fn about(&self, name: &str) -> Option<&str> {
        let mut found = self.about.iter().filter(|(known, _)| known == name);
        found.next().map(|(_, value)| value.as_str())
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn halves(line: &[u8]) -> (&[u8], &[u8]) {
    let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
    let (name, rest) = line.split_at(colon);
    (name.trim_ascii(), rest.get(1..).unwrap_or_default().trim_ascii())
}
