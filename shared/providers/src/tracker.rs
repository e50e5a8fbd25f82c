//! What every issue tracker has in common.

use serde::{Deserialize, Serialize};

/// An issue as its tracker recorded it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issue {
    /// The tracker's id.
    pub id: String,
    /// As people call it: `ENG-12`, `acme/shop#7`.
    pub key: String,
    /// For people.
    pub url: String,
}
