//! The stages, in the order in which a ticket passes them.

use std::fmt;

/// A stage that is driven by its own queue; the name of its function, its queue and its log field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// Ticket to structured bug.
    Extract,
    /// Bug to code locations.
    Map,
    /// Both scores to a bill, or to a person.
    Qualify,
    /// One bug to one child a repository.
    FanOut,
    /// One repository's patch and draft pull request.
    OpenPr,
    /// Root cause to the ticket.
    PublishRca,
    /// Slack and the tracker.
    Notify,
}

impl Stage {
    /// All queue-driven stages in pipeline order.
    pub const ALL: [Self; 7] = [
        Self::Extract,
        Self::Map,
        Self::Qualify,
        Self::FanOut,
        Self::OpenPr,
        Self::PublishRca,
        Self::Notify,
    ];

    /// The name of the function, its binary and its queue.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Extract => "extract",
            Self::Map => "map",
            Self::Qualify => "qualify",
            Self::FanOut => "fan-out",
            Self::OpenPr => "open-pr",
            Self::PublishRca => "publish-rca",
            Self::Notify => "notify",
        }
    }

    /// The stage of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.as_str() == name)
    }

    /// The environment variable that holds the stage's queue URL: `OPEN_PR_QUEUE_URL`.
    #[must_use]
    pub fn queue_url_variable(self) -> String {
        format!(
            "{}_QUEUE_URL",
            self.as_str().replace('-', "_").to_ascii_uppercase()
        )
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
