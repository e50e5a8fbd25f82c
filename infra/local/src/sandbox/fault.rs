//! What goes wrong, on demand: the next requests of a provider, or all of them.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::Provider;

/// How one request fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The connection is refused: the provider sees nothing, and the client knows that.
    Refuse,
    /// The request is lost on its way: nothing lands, and the client cannot know.
    LoseRequest,
    /// The provider answers `status` in its own error format and does nothing.
    Status {
        /// HTTP status. At Slack, 200 is an `ok: false`.
        status: u16,
        /// Value of `Retry-After`.
        retry_after_seconds: Option<u64>,
    },
    /// It lands, and the answer is lost.
    LoseReply,
    /// It lands, and the provider answers `status` all the same. At Slack, 200 is `ok: false,
    /// internal_error`.
    StatusAfter {
        /// HTTP status.
        status: u16,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Planned {
    provider: Provider,
    operation: Option<String>,
    fault: Fault,
    left: u32,
}

/// The plan of failures, and what of it happened.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Faults {
    planned: Vec<Planned>,
    down: BTreeSet<Provider>,
    fired: BTreeMap<String, u64>,
}

impl Faults {
    /// The next `times` requests of the provider fail; only those of one operation (as in
    /// [`super::Sandbox::calls`], without the provider) where one is named. Plans are taken in the order they
    /// were made.
    pub fn plan(&mut self, provider: Provider, operation: Option<&str>, fault: Fault, times: u32) {
        self.planned.push(Planned {
            provider,
            operation: operation.map(str::to_owned),
            fault,
            left: times,
        });
    }

    /// Takes the provider down (every request answers 503) or up again.
    pub fn outage(&mut self, provider: Provider, down: bool) {
        if down {
            self.down.insert(provider);
        } else {
            self.down.remove(&provider);
        }
    }

    /// Forgets every plan; outages go on.
    pub fn forget_plans(&mut self) {
        self.planned.clear();
    }

    /// Forgets every plan and ends every outage.
    pub fn heal(&mut self) {
        self.planned.clear();
        self.down.clear();
    }

    /// How many faults happened, by `<provider> <operation>`.
    #[must_use]
    pub fn fired(&self) -> &BTreeMap<String, u64> {
        &self.fired
    }

    /// The fault that meets this request, if any; it is used up.
    pub(crate) fn take(&mut self, provider: Provider, operation: &str) -> Option<Fault> {
        let fault = self.due(provider, operation)?;
        *self
            .fired
            .entry(format!("{} {operation}", provider.as_str()))
            .or_default() += 1;
        Some(fault)
    }

    fn due(&mut self, provider: Provider, operation: &str) -> Option<Fault> {
        if self.down.contains(&provider) {
            return Some(Fault::Status {
                status: 503,
                retry_after_seconds: None,
            });
        }
        let matches = |planned: &Planned| {
            planned.left > 0
                && planned.provider == provider
                && planned
                    .operation
                    .as_deref()
                    .is_none_or(|wanted| wanted == operation)
        };
        let planned = self.planned.iter_mut().find(|planned| matches(planned))?;
        planned.left -= 1;
        let fault = planned.fault;
        self.planned.retain(|planned| planned.left > 0);
        Some(fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_used_up_by_its_own_operation_only() {
        let mut faults = Faults::default();
        faults.plan(Provider::Github, Some("pulls.create"), Fault::LoseReply, 2);
        assert_eq!(faults.take(Provider::Github, "pulls.list"), None);
        assert_eq!(faults.take(Provider::Slack, "pulls.create"), None);
        assert_eq!(
            faults.take(Provider::Github, "pulls.create"),
            Some(Fault::LoseReply)
        );
        assert_eq!(
            faults.take(Provider::Github, "pulls.create"),
            Some(Fault::LoseReply)
        );
        assert_eq!(faults.take(Provider::Github, "pulls.create"), None);
        assert_eq!(faults.fired().get("github pulls.create"), Some(&2));
    }

    #[test]
    fn an_outage_lasts_until_it_ends() {
        let mut faults = Faults::default();
        faults.outage(Provider::Slack, true);
        let down = Some(Fault::Status {
            status: 503,
            retry_after_seconds: None,
        });
        assert_eq!(faults.take(Provider::Slack, "auth.test"), down);
        assert_eq!(faults.take(Provider::Slack, "auth.test"), down);
        faults.outage(Provider::Slack, false);
        assert_eq!(faults.take(Provider::Slack, "auth.test"), None);
    }
}
