//! Plans of repairs on record.
//!
//! **Shape** on the ledger, subject `plan#reconcile`: step `<name>` with a [`Planned`]. **Lifetime**: for ever; written once and
//! never changed. The function keeps what it found and did with each request, under `trigger#reconcile`.

use ::reconcile::Plan;
use ratchet_domain::ids::{OrgId, digest_of};
use ratchet_guard::clock::Millis;
use ratchet_guard::{Ledger, Work, WorkKey};
use serde::{Deserialize, Serialize};

use crate::failure::Failure;

const SUBJECT: &str = "plan#reconcile";

/// Characters of a plan's name. Reason: 96 bits are enough to tell plans apart, and short enough to type.
const NAME_CHARS: usize = 24;

/// A plan that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Planned {
    pub(super) org: Option<OrgId>,
    pub(super) since: String,
    pub(super) until: String,
    /// Names the items; the function compares it with what it finds.
    pub(super) plan_hash: String,
    pub(super) made_at_ms: Millis,
}

impl Planned {
    pub(super) fn of(org: Option<&OrgId>, plan: &Plan, made_at_ms: Millis) -> Self {
        Self {
            org: org.cloned(),
            since: plan.since.clone(),
            until: plan.until.clone(),
            plan_hash: plan.plan_hash.clone(),
            made_at_ms,
        }
    }

    /// Names this plan: whose world, which window, and every item as it was found.
    pub(super) fn name(&self) -> String {
        let org = self.org.as_ref().map_or("", OrgId::as_str);
        let mut name = digest_of(&["reconcile", org, &self.since, &self.until, &self.plan_hash]);
        name.truncate(NAME_CHARS);
        name
    }
}

/// Puts a plan on record under its name; the same name is the same plan.
pub(super) async fn put(ledger: &Ledger, planned: &Planned) -> Result<String, Failure> {
    let name = planned.name();
    let work = Work::new(WorkKey::new(SUBJECT, &name), &name);
    ledger.record(&work, planned).await.map(drop)?;
    Ok(name)
}

/// The plan of that name.
pub(super) async fn get(ledger: &Ledger, name: &str) -> Result<Planned, Failure> {
    let record = ledger.read(&WorkKey::new(SUBJECT, name)).await?;
    let record = record.ok_or_else(|| {
        Failure::NotFound(format!(
            "there is no such plan, make one with ctl reconcile plan name=`{name}`"
        ))
    })?;
    Ok(record.result()?)
}
