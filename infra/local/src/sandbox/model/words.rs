//! Words of a text, for guesses by overlap.

use std::collections::BTreeSet;

/// Words that say nothing about the code.
const COMMON: [&str; 36] = [
    "the", "and", "for", "that", "this", "with", "when", "then", "have", "has", "was", "are", "not", "but",
    "you", "your", "our", "from", "after", "should", "would", "could", "there", "what", "which", "please",
    "hello", "thanks", "expected", "actual", "instead", "shows", "get", "got", "can", "does",
];

/// The words of a text in lower case: camel case and snake case are split, short and common words left out.
pub(crate) fn words(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut word = String::new();
    let mut last_lower = false;
    for c in text.chars().chain([' ']) {
        if !c.is_alphanumeric() || (c.is_uppercase() && last_lower) {
            let done = std::mem::take(&mut word);
            if done.chars().count() > 2 && !COMMON.contains(&done.as_str()) {
                found.insert(done);
            }
        }
        if c.is_alphanumeric() {
            word.extend(c.to_lowercase());
        }
        last_lower = c.is_lowercase();
    }
    found
}

/// 0 to 1: how many of the wanted words are in the text.
pub(crate) fn overlap(wanted: &BTreeSet<String>, text: &BTreeSet<String>) -> f64 {
    if wanted.is_empty() {
        return 0.0;
    }
    let shared = u32::try_from(wanted.intersection(text).count()).unwrap_or(u32::MAX);
    f64::from(shared) / f64::from(u32::try_from(wanted.len()).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_fall_into_words() {
        let found = words("cartTotal sum_of_items the HTTPServer");
        let expected: BTreeSet<String> = ["cart", "total", "sum", "items", "httpserver"]
            .map(str::to_owned)
            .into();
        assert_eq!(found, expected);
        assert_eq!(
            overlap(&["cart".to_owned(), "tax".to_owned()].into(), &found),
            0.5
        );
    }
}
