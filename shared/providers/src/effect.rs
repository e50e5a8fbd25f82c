//! Effect keys in the forms that providers take them.

use sha2::{Digest, Sha256};

/// The effect key as a UUID of version 4's shape: the first 16 bytes of its SHA-256 with the version and variant bits
/// set. Equal effects give equal ids; providers that insist on version 4 accept it.
#[must_use]
pub fn effect_uuid(effect: &str) -> String {
    let digest = Sha256::digest(format!("ratchet:{effect}").as_bytes());
    let mut text = String::with_capacity(36);
    for (index, byte) in digest.iter().take(16).enumerate() {
        let byte = match index {
            6 => (byte & 0x0f) | 0x40,
            8 => (byte & 0x3f) | 0x80,
            _ => *byte,
        };
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push_str(&hex::encode([byte]));
    }
    text
}

/// The hidden line that marks a pull request or an issue as this effect's: `<!-- ratchet:<effect> -->`.
#[must_use]
pub fn html_marker(effect: &str) -> String {
    format!("<!-- ratchet:{effect} -->")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_effect_has_one_id_for_ever() {
        assert_eq!(
            effect_uuid("ticket#acme#zendesk#1/rca"),
            effect_uuid("ticket#acme#zendesk#1/rca")
        );
        assert_eq!(effect_uuid("a"), "e566d120-55fe-4517-b37a-5e60fe2eb3df");
    }

    proptest! {
        #[test]
        fn every_effect_gives_the_shape_of_version_4(effect in ".{0,80}") {
            let id = effect_uuid(&effect);
            let groups: Vec<&str> = id.split('-').collect();
            prop_assert_eq!(groups.iter().map(|group| group.len()).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
            prop_assert!(groups[2].starts_with('4'));
            prop_assert!(groups[3].starts_with(['8', '9', 'a', 'b']));
            prop_assert!(id.chars().all(|c| c == '-' || c.is_ascii_digit() || ('a'..='f').contains(&c)));
        }
    }
}
