//! What is searched for: a bug's words, weighted, with the identifiers and files that it names.

use std::collections::BTreeMap;

use ratchet_domain::bug::Bug;
use ratchet_domain::limits::{QUERY_WORDS_MAX, TICKET_CHARS_MAX};

use crate::source::family;
use crate::words::{Word, each_word};

/// Heaviest that one word may get, however often it is said.
const WEIGHT_MAX: f64 = 6.0;

/// What an identifier adds over its parts: whoever writes `cart_total` means it.
const IDENTIFIER_WEIGHT: f64 = 3.0;

/// What quotation marks and backticks add to the words between them.
const QUOTED_WEIGHT: f64 = 1.0;

/// Longest quotation that is a name rather than a speech, in characters.
const QUOTED_CHARS_MAX: usize = 80;

/// Most files that one text may name.
const MENTIONS_MAX: usize = 32;

/// Words that say nothing about a place in the code, with their endings cut as [`each_word`] cuts them.
const STOP_WORDS: [&str; 88] = [
    "about", "after", "again", "all", "also", "am", "an", "and", "any", "are", "as", "at", "be", "becaus",
    "been", "befor", "being", "but", "by", "can", "could", "did", "didn", "do", "doe", "doesn", "doing",
    "don", "els", "even", "for", "from", "get", "got", "had", "has", "hav", "he", "her", "here", "him",
    "his", "how", "if", "in", "into", "is", "isn", "it", "its", "just", "me", "my", "no", "not", "of", "on",
    "or", "our", "out", "pleas", "she", "should", "so", "som", "than", "that", "the", "their", "them",
    "then", "ther", "they", "this", "to", "us", "very", "was", "we", "wer", "what", "when", "which", "will",
    "with", "would", "you", "your",
];

/// A bug, or any text, as weighted words.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Query {
    words: BTreeMap<String, f64>,
    mentions: Vec<Mention>,
}

/// A file that the text names, as a stack trace does: `src/cart.rs:12`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mention {
    /// The parts of its path, the file's name first.
    parts: Vec<String>,
    /// From 1; none where only the file is named.
    line: Option<u32>,
}

impl Query {
    /// The words of a bug: its title counts most, then what is affected and what happened.
    #[must_use]
    pub fn of_bug(bug: &Bug) -> Self {
        let mut query = Self::default();
        query.add(&bug.title, 3.0);
        query.add(&bug.affected_feature, 2.0);
        query.add(&bug.actual, 2.0);
        query.add(&bug.expected, 1.0);
        query.add(&bug.quote, 1.0);
        for step in &bug.steps_to_reproduce {
            query.add(step, 1.0);
        }
        query.add(&bug.customer_impact, 0.5);
        query
    }

    /// The words of a text, all alike.
    #[must_use]
    pub fn of_text(text: &str) -> Self {
        let mut query = Self::default();
        query.add(text, 1.0);
        query
    }

    /// Words and weights, in the order of the words.
    pub(crate) fn words(&self) -> impl Iterator<Item = (&str, f64)> {
        self.words.iter().map(|(word, weight)| (word.as_str(), *weight))
    }

    /// How strongly the text names lines `start..=end` of the file: 0 not at all, 1 the file, 3 a line among these.
    pub(crate) fn mentioned(&self, path: &str, start: u32, end: u32) -> f64 {
        let of = |mention: &Mention| {
            let fit = mention.fit(path);
            let among = mention.line.is_some_and(|line| (start..=end).contains(&line));
            fit * if among { 3.0 } else { 1.0 }
        };
        self.mentions.iter().map(of).fold(0.0, f64::max)
    }

    fn add(&mut self, text: &str, weight: f64) {
        let text = text
            .char_indices()
            .nth(TICKET_CHARS_MAX)
            .map_or(text, |(end, _)| text.get(..end).unwrap_or(text));
        each_word(text, |word| match word {
            Word::Part(part) => self.weigh(part, weight),
            Word::Whole(whole) => self.weigh(whole, weight * IDENTIFIER_WEIGHT),
        });
        for quoted in quotations(text) {
            each_word(quoted, |word| match word {
                Word::Part(word) | Word::Whole(word) => self.weigh(word, weight * QUOTED_WEIGHT),
            });
        }
        for mention in mentions(text) {
            if self.mentions.len() < MENTIONS_MAX && !self.mentions.contains(&mention) {
                self.mentions.push(mention);
            }
        }
    }

    fn weigh(&mut self, word: &str, weight: f64) {
        if STOP_WORDS.contains(&word) {
            return;
        }
        if let Some(known) = self.words.get_mut(word) {
            *known = (*known + weight).min(WEIGHT_MAX);
        } else if self.words.len() < QUERY_WORDS_MAX {
            self.words.insert(word.to_owned(), weight.min(WEIGHT_MAX));
        }
    }
}

/// What stands between a pair of quotation marks or backticks, on one line.
fn quotations(text: &str) -> impl Iterator<Item = &str> {
    ['`', '"'].into_iter().flat_map(move |mark| {
        text.lines().flat_map(move |line| {
            let mut pieces = line.split(mark);
            // Every second piece stands inside; the last one of an odd mark has no end and is prose.
            let count = line.matches(mark).count() / 2;
            pieces.next();
            std::iter::from_fn(move || {
                let inside = pieces.next();
                pieces.next();
                inside
            })
            .take(count)
            .filter(|inside| inside.chars().nth(QUOTED_CHARS_MAX).is_none())
        })
    })
}

/// The source files that the text names: `src/cart.rs`, `cart.js:3:4`, `File "cart.py", line 3`.
fn mentions(text: &str) -> impl Iterator<Item = Mention> {
    text.lines().flat_map(|line| {
        let mut tokens = line
            .split(|c: char| c.is_whitespace() || "\"'`()[]<>{},;".contains(c))
            .filter(|token| !token.is_empty())
            .peekable();
        std::iter::from_fn(move || {
            let token = tokens.next()?;
            let mut mention = Mention::of(token);
            if let Some(Mention {
                line: line @ None, ..
            }) = &mut mention
                && tokens.next_if_eq(&"line").is_some()
            {
                *line = tokens.peek().and_then(|number| number.parse().ok());
            }
            Some(mention)
        })
        .flatten()
    })
}

impl Mention {
    fn of(token: &str) -> Option<Self> {
        let token = token.replace('\\', "/");
        let mut fields = token.trim_end_matches(['.', ':', '!', '?']).split(':');
        // A scheme, a drive or a host's port also end in a colon: the path is the field with the extension.
        let path = fields.find(|field| family(field).is_some())?;
        let parts = path
            .split('/')
            .rev()
            .filter(|part| !part.is_empty())
            .map(str::to_owned)
            .collect();
        Some(Self {
            parts,
            line: fields.next().and_then(|line| line.parse().ok()),
        })
    }

    /// The share of the shorter path that agrees, from the file's name on: 0 another file, 1 all of it.
    fn fit(&self, path: &str) -> f64 {
        let agreeing = path
            .rsplit('/')
            .zip(&self.parts)
            .take_while(|(one, other)| one == other)
            .count();
        let shorter = path.split('/').count().min(self.parts.len()).max(1);
        #[expect(clippy::cast_precision_loss, reason = "counts of path parts are small")]
        let share = agreeing as f64 / shorter as f64;
        share
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weight(query: &Query, word: &str) -> f64 {
        query.words.get(word).copied().unwrap_or_default()
    }

    #[test]
    fn identifiers_and_quotations_weigh_more_than_prose() {
        let query = Query::of_text("The total of `cart_lines` shows \"Sold out\" for the mug");
        assert!(weight(&query, "mug") < weight(&query, "sold"));
        assert!(weight(&query, "sold") < weight(&query, "cartlines"));
        assert_eq!(weight(&query, "the"), 0.0);
    }

    #[test]
    fn words_that_say_nothing_are_dropped_in_any_shape() {
        let text =
            "Because I have some, please: does it, were there, before or else? Being lost, I didn't do his.";
        assert_eq!(
            Query::of_text(text).words.into_keys().collect::<Vec<_>>(),
            ["lost"]
        );
    }

    #[test]
    fn a_long_text_is_weighed_up_to_the_limit() {
        let words: Vec<String> = (0..QUERY_WORDS_MAX * 2)
            .map(|number| format!("w{number:04}"))
            .collect();
        let query = Query::of_text(&format!(
            "{} {}",
            words.join(" "),
            "again ".repeat(TICKET_CHARS_MAX)
        ));
        assert_eq!(query.words.len(), QUERY_WORDS_MAX);
        assert!(weight(&query, "w0000") > 0.0);
    }

    #[test]
    fn stack_traces_name_files_and_lines() {
        let found = |text: &str| -> Vec<(String, Option<u32>)> {
            mentions(text)
                .map(|mention| (mention.parts[0].clone(), mention.line))
                .collect()
        };
        assert_eq!(
            found("thread panicked at src/cart.rs:12:5:"),
            [("cart.rs".to_owned(), Some(12))]
        );
        assert_eq!(
            found("  at find (/srv/web/src/catalog.js:31:17)"),
            [("catalog.js".to_owned(), Some(31))]
        );
        assert_eq!(
            found("at com.shop.Cart.total(Cart.java:7)"),
            [("Cart.java".to_owned(), Some(7))]
        );
        assert_eq!(
            found("File \"app/cart.py\", line 42, in total"),
            [("cart.py".to_owned(), Some(42))]
        );
        assert_eq!(
            found("https://shop.test/js/app.js:3:4 and see cart.rs."),
            [("app.js".to_owned(), Some(3)), ("cart.rs".to_owned(), None)]
        );
        assert_eq!(found("C:\\shop\\cart.cs:9"), [("cart.cs".to_owned(), Some(9))]);
        assert_eq!(found("It costs 3.50, see www.shop.test"), []);
    }

    #[test]
    fn a_mention_fits_the_path_that_agrees_longest() {
        let query = Query::of_text("at /srv/app/web/src/cart.js:10:2");
        assert!((query.mentioned("web/src/cart.js", 1, 20) - 3.0).abs() < 1e-9);
        assert!((query.mentioned("web/src/cart.js", 11, 20) - 1.0).abs() < 1e-9);
        assert!(query.mentioned("api/cart.js", 11, 20) < 1.0);
        assert!(query.mentioned("web/src/cart.ts", 1, 20).abs() < 1e-9);
    }
}
