//! Two invocations of one stage at once, on a ticket's world.

use anyhow::{Context as _, Result, bail};
use ratchet_domain::stage::Stage;

use crate::engine::{Life as _, Plan, Races, Turns};
use crate::world::{Node, World};

/// Steps within which the plain life has reached every stage.
const STEPS_MAX: u32 = 200;

/// What two invocations of can run at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Raced {
    /// One webhook's delivery, posted twice.
    Webhook,
    /// One message of this stage.
    Stage(Stage),
}

impl Raced {
    /// Every function that outside events or messages start.
    pub fn all() -> impl Iterator<Item = Self> {
        std::iter::once(Self::Webhook).chain(Stage::ALL.map(Self::Stage))
    }

    /// By its name: `webhook`, or a stage's.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "webhook" => Some(Self::Webhook),
            _ => Stage::from_name(name).map(Self::Stage),
        }
    }

    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Stage(stage) => stage.as_str(),
        }
    }

    fn named(what: &str) -> Result<Self> {
        Self::from_name(what).with_context(|| format!("neither `webhook` nor a stage is called `{what}`"))
    }
}

impl Races for World {
    fn before(&self, what: &str) -> Result<Node> {
        let raced = Raced::named(what)?;
        self.hub.begin(&Plan::default(), false);
        self.load(&self.start)?;
        for _ in 0..STEPS_MAX {
            let begins_ms = match raced {
                Raced::Webhook => self.first_delivery_ms(),
                Raced::Stage(stage) => self.first_visible_ms(stage),
            };
            if let Some(at_ms) = begins_ms {
                self.hub.wait_until(at_ms);
                return self.save();
            }
            if !self.step()? {
                break;
            }
        }
        bail!("the life has nothing for `{what}`")
    }

    fn race(&self, what: &str, copies: usize, later_ms: u64, turns: Turns<'_>) -> Result<()> {
        self.hub.lock().at.host.slept |= later_ms > 0;
        match Raced::named(what)? {
            Raced::Webhook => self.deliver_webhook_at_once(0, copies, later_ms, turns),
            Raced::Stage(stage) => self.deliver_at_once(stage, copies, later_ms, turns),
        }
    }

    fn is_quiet(&self, label: &str) -> bool {
        is_quiet(label)
    }

    fn sleep_ms(&self) -> u64 {
        7_200_000
    }
}

impl World {
    /// When the vendor posts its first webhook, if it has one to post.
    fn first_delivery_ms(&self) -> Option<u64> {
        self.announce();
        self.hub.lock().at.host.deliveries.first().map(|one| one.due_ms)
    }

    /// When the stage's first message can be received, if it has one.
    fn first_visible_ms(&self, stage: Stage) -> Option<u64> {
        let queue = self.queues.get(&stage)?;
        let of = |state: &local::sqs::State| {
            state
                .queues
                .get(queue)?
                .messages
                .values()
                .map(|message| message.visible_ms)
                .min()
        };
        self.hub.aws.sqs.read(of)
    }
}

/// Calls that commute with every call of another invocation: reads of what no invocation writes, questions to the
/// model, and objects that are named by their content.
fn is_quiet(label: &str) -> bool {
    let reads = [
        "SettingsTable",
        "api.anthropic.com",
        "/tarball/",
        "codeload",
        "/contents/",
        "/git/trees",
        "/git/commits",
    ];
    reads.iter().any(|word| label.contains(word))
        || (label.starts_with("GET api.github.com/repos/")
            && !label.contains("/pulls")
            && !label.contains("/issues"))
            && !label.contains("/git/ref")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_that_another_sees_are_never_quiet() {
        for label in [
            "UpdateItem LedgerTable/bill",
            "POST api.github.com/repos/a/b/pulls",
            "PUT acme.zendesk.com/api",
        ] {
            assert!(!is_quiet(label), "{label}");
        }
        assert!(is_quiet("POST api.anthropic.com/v1/messages"));
    }
}
