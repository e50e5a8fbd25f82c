//! From a bug to the code that causes it: pure retrieval.
//!
//! A [`Corpus`] holds the source files of an org's repositories, cut into chunks: one a function, method or type,
//! found by reading lines rather than by parsing.
//! A [`Query`] is a bug, or any text, as weighted words.
//! [`search`] ranks the chunks by BM25 over words and hands back the best as [`Candidate`]s, for a model to judge.
//!
//! ```
//! use ratchet_domain::ids::RepoName;
//! use ratchet_locate::{Corpus, Query, SourceFile, search};
//!
//! let shop = RepoName::parse("acme/shop")?;
//! let text = "/// What is to pay.\nfn cart_total() -> u64 {\n    42\n}\n\nfn greet() {\n    hello();\n}\n";
//! let mut corpus = Corpus::new();
//! corpus.add_repo(&shop, &[SourceFile { path: "src/cart.rs".to_owned(), text: text.to_owned() }]);
//!
//! let found = search(&corpus, &Query::of_text("The total of my cart is wrong"), 10);
//! let best = found.first().ok_or("nothing found")?;
//! assert_eq!((best.symbol.as_str(), best.start_line, best.end_line), ("cart_total", 1, 4));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Layout
//! - `source`: which files are worth reading, and which family of languages they are of.
//! - `definition`: whether a line starts a function or a type, and what it is called.
//! - `chunk`: a file cut into symbols and windows, each with its real line numbers.
//! - `words`: text and identifiers to comparable words.
//! - `corpus`, `query`, `rank`: what is searched, what for, and how well they match.
//!
//! # What holds
//! - Equal inputs give equal answers, in any order of the files: no clock, no randomness, no hash order.
//! - No text makes it panic, and everything is bounded by [`ratchet_domain::limits`].
//! - A snippet is exactly the lines that its candidate names, cut only where one line alone is too long.
//! - Nothing of a repository is executed, and nothing in it is an instruction.
//!
//! # What does not
//! The scan is by line and indent: code that is not indented is still cut and found, but its symbols are coarser.
//! Scripts that write without spaces are matched by whole runs, not by words.

mod chunk;
mod corpus;
mod definition;
mod query;
mod rank;
mod source;
mod words;

pub use corpus::{Corpus, SourceFile};
pub use query::Query;
pub use rank::{Candidate, candidates_hash, search};
pub use source::is_source;
