//! Text and identifiers to words that compare: `cartTotals`, `cart_total` and "the totals of a cart" share `cart`
//! and `total`.

/// Longest run of letters and digits that is read; longer ones are hashes, encodings or noise.
const RUN_BYTES_MAX: usize = 128;

/// A word of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Word<'a> {
    /// One part of an identifier, or a plain word: lower case, its ending cut.
    Part(&'a str),
    /// An identifier of several parts, run together in lower case, so that every spelling of it is equal.
    Whole(&'a str),
}

/// Calls `visit` with every word of the text, in order; an identifier's parts come before its whole.
pub(crate) fn each_word(text: &str, mut visit: impl FnMut(Word<'_>)) {
    let mut parts = Parts::default();
    for run in runs(text) {
        parts.split(run, &mut visit);
    }
}

/// Maximal runs of letters, digits and `_`, with `-` where it joins two of them.
fn runs(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-'))
        .map(|run| run.trim_matches(['-', '_']))
        .filter(|run| !run.is_empty() && run.len() <= RUN_BYTES_MAX)
}

/// Buffers that one scan reuses.
#[derive(Default)]
struct Parts {
    part: String,
    whole: String,
}

impl Parts {
    fn split(&mut self, run: &str, visit: &mut impl FnMut(Word<'_>)) {
        self.part.clear();
        self.whole.clear();
        let mut parts = 0_usize;
        let mut before = None;
        let mut chars = run.chars().peekable();
        while let Some(c) = chars.next() {
            let joins = c == '_' || c == '-';
            if joins || starts_part(before, c, chars.peek().copied()) {
                parts += usize::from(self.end_part(visit));
            }
            if c.is_ascii() && !joins {
                self.part.push(c.to_ascii_lowercase());
            } else if !joins {
                self.part.extend(c.to_lowercase());
            }
            before = Some(c);
        }
        parts += usize::from(self.end_part(visit));
        if parts > 1 {
            visit(Word::Whole(&self.whole));
        }
    }

    fn end_part(&mut self, visit: &mut impl FnMut(Word<'_>)) -> bool {
        if self.part.is_empty() {
            return false;
        }
        self.whole.push_str(&self.part);
        stem(&mut self.part);
        // One letter says nothing; it still counts as a part of its identifier.
        if self.part.chars().nth(1).is_some() {
            visit(Word::Part(&self.part));
        }
        self.part.clear();
        true
    }
}

/// `cartTotal` parts before `T`; `HTTPServer` parts before `S`.
fn starts_part(before: Option<char>, c: char, after: Option<char>) -> bool {
    let Some(before) = before else {
        return false;
    };
    let falls = before.is_uppercase() && after.is_some_and(char::is_lowercase);
    c.is_uppercase() && (!before.is_uppercase() || falls)
}

/// Cuts the endings that English adds, so that "rounding", "rounded" and `round` meet.
/// It need not be right, only the same on both sides.
pub(crate) fn stem(word: &mut String) {
    if word.len() < 4 || !word.bytes().all(|byte| byte.is_ascii_lowercase()) {
        return;
    }
    cut_plural(word);
    for ending in ["ing", "ed"] {
        let Some(rest) = word.strip_suffix(ending) else {
            continue;
        };
        if rest.len() >= 3 && rest.contains(['a', 'e', 'i', 'o', 'u', 'y']) {
            word.truncate(rest.len());
            cut_double(word);
            break;
        }
    }
    if word.len() > 3 && word.ends_with('e') {
        word.pop();
    }
}

fn cut_plural(word: &mut String) {
    let length = word.len();
    if length > 4 && word.ends_with("ies") {
        word.truncate(length - 3);
        word.push('y');
    } else if ["sses", "xes", "ches", "shes", "zes"]
        .iter()
        .any(|ending| word.ends_with(ending))
    {
        word.truncate(length - 2);
    } else if word.ends_with('s') && !["ss", "us", "is"].iter().any(|ending| word.ends_with(ending)) {
        word.pop();
    }
}

/// `shipp` to `ship` and `cancell` to `cancel`, but `bill`, `pass` and `buzz` stay.
fn cut_double(word: &mut String) {
    let mut last_two = word.bytes().rev();
    let (Some(last), Some(before)) = (last_two.next(), last_two.next()) else {
        return;
    };
    let kept = match last {
        b's' | b'z' | b'a' | b'e' | b'i' | b'o' | b'u' => true,
        b'l' => word.len() < 6,
        _ => false,
    };
    if last == before && !kept {
        word.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        let mut all = Vec::new();
        each_word(text, |word| {
            all.push(match word {
                Word::Part(part) => part.to_owned(),
                Word::Whole(whole) => format!("={whole}"),
            });
        });
        all
    }

    #[test]
    fn identifiers_part_at_case_underscores_and_hyphens() {
        assert_eq!(words("cartTotal"), ["cart", "total", "=carttotal"]);
        assert_eq!(words("cart_total"), ["cart", "total", "=carttotal"]);
        assert_eq!(words("cart-total"), ["cart", "total", "=carttotal"]);
        assert_eq!(words("HTTPServer2"), ["http", "server2", "=httpserver2"]);
        assert_eq!(words("__init__"), ["init"]);
        assert_eq!(words("x - y"), Vec::<String>::new());
    }

    #[test]
    fn endings_meet() {
        for (said, written) in [
            ("rounding", "round"),
            ("shipped", "shipping"),
            ("prices", "pricing"),
            ("cancelled", "cancel"),
            ("deliveries", "delivery"),
            ("addresses", "address"),
            ("billing", "bill"),
        ] {
            assert_eq!(words(said), words(written), "{said} {written}");
        }
        assert_eq!(words("string thing status"), ["string", "thing", "status"]);
    }

    #[test]
    fn long_runs_are_noise() {
        assert_eq!(words(&"a".repeat(RUN_BYTES_MAX + 1)), Vec::<String>::new());
        assert_eq!(words("Ärger über Größe"), ["ärger", "über", "größe"]);
    }
}
