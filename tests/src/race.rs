//! Two invocations of one stage at once, on a ticket's world.

use anyhow::{Context as _, Result, bail};
use ratchet_domain::stage::Stage;

use crate::engine::{Life as _, Plan, Races, Turns};
use crate::world::{Node, World};

/// Steps within which the plain life has reached every stage.
const STEPS_MAX: u32 = 200;

impl Races for World {
    fn before(&self, what: &str) -> Result<Node> {
        let stage = Stage::from_name(what).with_context(|| format!("no stage is called `{what}`"))?;
        self.hub.begin(&Plan::default(), false);
        self.load(&self.start)?;
        for _ in 0..STEPS_MAX {
            if let Some(at_ms) = self.first_visible_ms(stage) {
                self.hub.wait_until(at_ms);
                return self.save();
            }
            if !self.step()? {
                break;
            }
        }
        bail!("the life has no message for stage `{stage}`")
    }

    fn race(&self, what: &str, copies: usize, later_ms: u64, turns: Turns<'_>) -> Result<()> {
        let stage = Stage::from_name(what).with_context(|| format!("no stage is called `{what}`"))?;
        self.deliver_at_once(stage, copies, later_ms, turns)
    }

    fn is_quiet(&self, label: &str) -> bool {
        is_quiet(label)
    }

    fn sleep_ms(&self) -> u64 {
        7_200_000
    }
}

impl World {
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
