//! Finds the effect key that a body carries.

/// The key of `<!-- ratchet:KEY -->`.
pub(crate) fn in_body(body: &str) -> Option<String> {
    let (_, rest) = body.split_once("<!-- ratchet:")?;
    let (key, _) = rest.split_once("-->")?;
    Some(key.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hidden_marker_is_found_and_a_torn_one_is_not() {
        assert_eq!(
            in_body("text\n<!-- ratchet:abc#1 -->\n").as_deref(),
            Some("abc#1")
        );
        assert_eq!(in_body("<!-- ratchet:abc"), None);
        assert_eq!(in_body("<!-- other:abc -->"), None);
    }
}
