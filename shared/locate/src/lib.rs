//! From a bug to the code that causes it: pure retrieval.
