//! Limits on what comes from outside; each with its source or its reason.

/// Largest webhook body that is accepted, in bytes. Source: the contract; HTTP APIs carry up to 10 MB.
pub const WEBHOOK_BODY_BYTES_MAX: usize = 1024 * 1024;

/// How far a signed timestamp may be off, in seconds. Source: the contract.
pub const SIGNATURE_AGE_SECONDS_MAX: i64 = 300;

/// Largest record body kept in a ledger row, in bytes.
/// Source: DynamoDB's item limit of 400 KB, less room for keys, intent and receipts.
pub const RECORD_BYTES_MAX: usize = 350 * 1024;

/// Most characters of ticket text that one question to a model carries. Reason: cost, and the context window.
pub const TICKET_CHARS_MAX: usize = 60_000;

/// Most files that one patch may touch. Reason: a reviewer's patience.
pub const PATCH_FILES_MAX: usize = 10;

/// Largest repository archive that `map` reads, in bytes after unpacking. Reason: the function's memory.
pub const REPO_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Largest single source file that `map` reads, in bytes. Reason: bigger ones are generated.
pub const SOURCE_FILE_BYTES_MAX: usize = 256 * 1024;

/// Locations that a mapping keeps. Reason: what a person reads.
pub const LOCATIONS_MAX: usize = 10;

/// Most candidates that one search for a bug's place hands on. Reason: the rerank's question to the model.
pub const CANDIDATES_MAX: usize = 60;

/// Longest snippet of a candidate, in lines. Reason: the same.
pub const SNIPPET_LINES_MAX: usize = 80;

/// Longest snippet of a candidate, in bytes. Reason: the same.
pub const SNIPPET_BYTES_MAX: usize = 4 * 1024;

/// Most distinct words of a bug that a search weighs. Reason: its time; later words add little.
pub const QUERY_WORDS_MAX: usize = 256;
