//! How well chunks match a query: BM25 over the words of the code, of the symbol's name and of the path.

use std::collections::BTreeMap;

use ratchet_domain::ids::{RepoName, digest_of};
use ratchet_domain::limits::CANDIDATES_MAX;

use crate::chunk::Chunk;
use crate::corpus::{Corpus, File};
use crate::query::Query;
use crate::words::{Word, each_word};

/// How soon more of a word stops counting.
const K1: f64 = 1.2;

/// How much a long chunk is discounted: 0 not at all, 1 in full.
const B: f64 = 0.75;

/// How often a word of the symbol's name counts.
const SYMBOL_TIMES: u32 = 3;

/// How often a word of the path counts.
const PATH_TIMES: u32 = 2;

/// What is left of a test's score: it says the bug's words, but the fix is elsewhere.
const TEST_SHARE: f64 = 0.5;

/// What the best chunk of a file lends to the others: a fault is often in a small function next to the one that says
/// the bug's words.
const NEIGHBOUR_SHARE: f64 = 0.3;

/// A place in the code that may have to do with the bug.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// The repository.
    pub repo: RepoName,
    /// Path from the repository's root.
    pub file: String,
    /// The symbol and what holds it, as `Cart::total` or `Cart.total`; empty where the lines belong to none.
    pub symbol: String,
    /// First line, from 1.
    pub start_line: u32,
    /// Last line, inclusive.
    pub end_line: u32,
    /// Above 0; comparable within one search only.
    pub score: f64,
    /// Exactly those lines, joined by `\n`, cut only where a single line exceeds the limit of a snippet.
    pub snippet: String,
}

/// The best places for the query: best first, equal scores by repository, file and line.
///
/// At most `most`, and never more than [`CANDIDATES_MAX`]. Chunks that share no word with the query are left out.
#[must_use]
pub fn search(corpus: &Corpus, query: &Query, most: usize) -> Vec<Candidate> {
    let words: Vec<(&str, f64)> = query.words().collect();
    let index: BTreeMap<&str, usize> = words
        .iter()
        .enumerate()
        .map(|(at, (word, _))| (*word, at))
        .collect();
    let census = Census::of(corpus, query, &index);
    let rarity: Vec<f64> = census
        .holders
        .iter()
        .map(|holders| census.rarity(*holders))
        .collect();
    let mut scored = Vec::with_capacity(census.found.len());
    for of_file in census
        .found
        .chunk_by(|one, other| std::ptr::eq(one.file, other.file))
    {
        let own: Vec<f64> = of_file
            .iter()
            .map(|found| census.score(found, &words, &rarity))
            .collect();
        let lent = NEIGHBOUR_SHARE * own.iter().copied().fold(0.0, f64::max);
        scored.extend(
            of_file
                .iter()
                .zip(own)
                .map(|(found, own)| ((own + lent) * found.share(), found)),
        );
    }
    // `found` is in the order of repository, file and line, and the sort is stable.
    scored.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    scored
        .into_iter()
        .take(most.min(CANDIDATES_MAX))
        .map(|(score, found)| found.candidate(score))
        .collect()
}

/// Hash over a list of candidates in its order, 64 hex digits: what a rerank saw.
///
/// Scores do not enter: their last digit may differ between machines, and the order says what they decided.
#[must_use]
pub fn candidates_hash(candidates: &[Candidate]) -> String {
    let lines: Vec<[String; 2]> = candidates
        .iter()
        .map(|candidate| [candidate.start_line.to_string(), candidate.end_line.to_string()])
        .collect();
    let parts: Vec<&str> = candidates
        .iter()
        .zip(&lines)
        .flat_map(|(candidate, [start, end])| {
            [
                candidate.repo.as_str(),
                &candidate.file,
                &candidate.symbol,
                start,
                end,
                &candidate.snippet,
            ]
        })
        .collect();
    digest_of(&parts)
}

/// A chunk with at least one word of the query, or in a file that it names.
struct Found<'a> {
    repo: &'a RepoName,
    path: &'a str,
    file: &'a File,
    chunk: &'a Chunk,
    /// Words in it, weighted.
    length: u32,
    /// Index and count of each of the query's words in it.
    counts: BTreeMap<usize, u32>,
    /// See [`Query::mentioned`].
    mentioned: f64,
}

impl Found<'_> {
    fn share(&self) -> f64 {
        if self.chunk.test { TEST_SHARE } else { 1.0 }
    }

    fn candidate(&self, score: f64) -> Candidate {
        Candidate {
            repo: self.repo.clone(),
            file: self.path.to_owned(),
            symbol: self.chunk.symbol.clone(),
            start_line: self.chunk.start_line,
            end_line: self.chunk.end_line,
            score,
            snippet: self.file.snippet(self.chunk).to_owned(),
        }
    }
}

/// What BM25 has to know of the whole corpus.
struct Census<'a> {
    found: Vec<Found<'a>>,
    /// Chunks in all.
    chunks: u32,
    /// Words in all, weighted.
    length: u64,
    /// For each of the query's words, how many chunks hold it.
    holders: Vec<u32>,
}

impl<'a> Census<'a> {
    fn of(corpus: &'a Corpus, query: &Query, index: &BTreeMap<&str, usize>) -> Self {
        let mut census = Self {
            found: Vec::new(),
            chunks: 0,
            length: 0,
            holders: vec![0; index.len()],
        };
        for (repo, path, file) in corpus.files() {
            let mut of_path = Tally::default();
            of_path.count(path, PATH_TIMES, index);
            for chunk in &file.chunks {
                let mut tally = of_path.clone();
                tally.count(&chunk.symbol, SYMBOL_TIMES, index);
                tally.count(file.snippet(chunk), 1, index);
                census.chunks = census.chunks.saturating_add(1);
                census.length = census.length.saturating_add(u64::from(tally.length));
                for word in tally.counts.keys() {
                    if let Some(holders) = census.holders.get_mut(*word) {
                        *holders += 1;
                    }
                }
                let mentioned = query.mentioned(path, chunk.start_line, chunk.end_line);
                if tally.counts.is_empty() && mentioned <= 0.0 {
                    continue;
                }
                let Tally { length, counts } = tally;
                census.found.push(Found {
                    repo,
                    path,
                    file,
                    chunk,
                    length,
                    counts,
                    mentioned,
                });
            }
        }
        census
    }

    /// The inverse document frequency, always above 0.
    fn rarity(&self, holders: u32) -> f64 {
        let (all, holders) = (f64::from(self.chunks), f64::from(holders));
        (1.0 + (all - holders + 0.5) / (holders + 0.5)).ln()
    }

    fn score(&self, found: &Found<'_>, words: &[(&str, f64)], rarity: &[f64]) -> f64 {
        #[expect(
            clippy::cast_precision_loss,
            reason = "a corpus has far fewer words than 2^52"
        )]
        let mean = self.length as f64 / f64::from(self.chunks.max(1));
        let discount = K1 * (1.0 - B + B * f64::from(found.length) / mean.max(1.0));
        let of_words: f64 = found
            .counts
            .iter()
            .filter_map(|(word, count)| {
                let ((_, weight), rarity) = (words.get(*word)?, rarity.get(*word)?);
                let count = f64::from(*count);
                Some(weight * rarity * count * (K1 + 1.0) / (count + discount))
            })
            .sum();
        // A named file counts as much as a word that no other chunk holds, said as often as can count.
        let of_mention = found.mentioned * self.rarity(1) * (K1 + 1.0);
        of_words + of_mention
    }
}

/// The query's words in a text, and how long the text is.
#[derive(Debug, Clone, Default)]
struct Tally {
    length: u32,
    counts: BTreeMap<usize, u32>,
}

impl Tally {
    fn count(&mut self, text: &str, times: u32, index: &BTreeMap<&str, usize>) {
        each_word(text, |word| {
            let (Word::Part(word) | Word::Whole(word)) = word;
            self.length = self.length.saturating_add(times);
            if let Some(at) = index.get(word) {
                let count = self.counts.entry(*at).or_default();
                *count = count.saturating_add(times);
            }
        });
    }
}

#[cfg(test)]
mod tests;
