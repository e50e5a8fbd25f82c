//! What people do in between.

use crate::script::Pattern;
use crate::world::{REPOS, World};

impl World {
    /// The script's people act when their time has come.
    pub(super) fn people(&self) {
        match self.script.pattern {
            Pattern::Comment => self.customer_says_more(),
            Pattern::Closed => self.colleague_closes(),
            Pattern::Once
            | Pattern::Twice
            | Pattern::Again
            | Pattern::Two
            | Pattern::Three
            | Pattern::Reversed => {}
        }
    }

    /// Once the first content is extracted.
    fn customer_says_more(&self) {
        {
            let mut inner = self.hub.lock();
            let host = &mut inner.at.host;
            let extracted = host
                .shadow
                .0
                .iter()
                .any(|((_, step), row)| step.starts_with("extract#") && row.state == "sealed");
            if host.acted || !extracted {
                return;
            }
            host.acted = true;
        }
        self.hub
            .note(|| format!("     {} the customer comments", self.hub.now_ms()));
        self.hub.sandbox.edit(|world, now_ms| {
            for ticket in world.zendesk.ticket_ids() {
                world
                    .zendesk
                    .customer_comment(now_ms, ticket, "It is the cart total of today.");
            }
        });
    }

    fn colleague_closes(&self) {
        for repo in REPOS {
            let open: Vec<u64> = self.hub.sandbox.read(|world| {
                world
                    .github
                    .pulls(repo)
                    .iter()
                    .filter(|pull| pull.open)
                    .map(|pull| pull.number)
                    .collect()
            });
            for number in open {
                self.hub
                    .note(|| format!("     {} a colleague closes {repo} #{number}", self.hub.now_ms()));
                self.hub
                    .sandbox
                    .edit(|world, now_ms| world.github.close_pr(now_ms, repo, number));
            }
        }
    }
}
