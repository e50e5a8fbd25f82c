//! Strips secrets and e-mail addresses from third-party text before it reaches a repository, a chat or a tracker.

/// The text with every e-mail address and everything that looks like a credential replaced by a word that says so.
///
/// It is a filter by shape, not by meaning: a token that looks like a plain word passes.
#[must_use]
pub fn redact(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (index, line) in text.split('\n').enumerate() {
        if index > 0 {
            out.push('\n');
        }
        redact_line(line, &mut out);
    }
    out
}

fn redact_line(line: &str, out: &mut String) {
    let mut rest = line;
    while !rest.is_empty() {
        let token_end = rest.find(is_separator).unwrap_or(rest.len());
        let (token, tail) = rest.split_at(token_end);
        out.push_str(replacement(token).unwrap_or(token));
        let mut tail_chars = tail.chars();
        if let Some(separator) = tail_chars.next() {
            out.push(separator);
        }
        rest = tail_chars.as_str();
    }
}

fn is_separator(c: char) -> bool {
    c.is_whitespace()
        || matches!(
            c,
            '"' | '\'' | '`' | '<' | '>' | '(' | ')' | '[' | ']' | '{' | '}' | ',' | ';' | '='
        )
}

fn replacement(token: &str) -> Option<&'static str> {
    let bare = token.trim_end_matches(['.', ':', '!', '?']);
    if is_email(bare) {
        return Some("[e-mail removed]");
    }
    is_credential(bare).then_some("[secret removed]")
}

fn is_email(token: &str) -> bool {
    let token = token.strip_prefix("mailto:").unwrap_or(token);
    token.split_once('@').is_some_and(|(local, domain)| {
        !local.is_empty()
            && domain.contains('.')
            && domain
                .chars()
                .all(|c| c.is_alphanumeric() || c == '.' || c == '-')
    })
}

/// Prefixes that vendors give their credentials so that filters like this one can find them.
const CREDENTIAL_PREFIXES: [&str; 14] = [
    "sk-",
    "sk_live_",
    "sk_test_",
    "rk_live_",
    "ghp_",
    "gho_",
    "ghs_",
    "ghu_",
    "github_pat_",
    "xoxb-",
    "xoxp-",
    "AKIA",
    "ASIA",
    "eyJhbGci",
];

fn is_credential(token: &str) -> bool {
    let token = token.rsplit_once(':').map_or(token, |(_, value)| value);
    if CREDENTIAL_PREFIXES
        .iter()
        .any(|prefix| token.starts_with(prefix) && token.len() >= prefix.len() + 8)
    {
        return true;
    }
    let mixed = token.chars().any(|c| c.is_ascii_digit())
        && token.chars().any(|c| c.is_ascii_uppercase())
        && token.chars().any(|c| c.is_ascii_lowercase());
    token.len() >= 32
        && mixed
        && token
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '-' | '_' | '.'))
        && !token.contains("://")
        && token.matches('/').count() < 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_keys_go_and_prose_stays() {
        let text = "Mail jo@acme.test. key=sk-abcdefghijkl token:ghp_0123456789abcdef\nCart total is wrong, see src/cart/total.rs:12";
        assert_eq!(
            redact(text),
            "Mail [e-mail removed] key=[secret removed] [secret removed]\nCart total is wrong, see src/cart/total.rs:12"
        );
    }

    #[test]
    fn long_paths_and_links_stay() {
        let text =
            "https://shop.acme.test/a/b/c?Order=1 and some/Very/long/Path/with/Numbers/1234567890/file.rs";
        assert_eq!(redact(text), text);
    }
}
