//! The bills of a stand.

use anyhow::{Result, anyhow, bail};
use ratchet_domain::bill::{Kind, Recorded};
use ratchet_domain::ids::OrgId;
use ratchet_domain::period::{Period, Zone};
use ratchet_guard::clock::Clock;
use ratchet_runtime::serve::Function;
use ratchet_runtime::usage::Usage;
use ratchet_runtime::usage::slice::Slice;
use seal_bills::{Call, Sealed};

use super::Stand;

impl Stand {
    /// The usage table, to read.
    pub fn usage(&self) -> Usage {
        Usage::new(self.cloud.aws.link().dynamo(), "UsageTable")
    }

    /// The month that it is, in UTC.
    pub fn month(&self) -> Period {
        Period::of(self.clock.now_ms(), &Zone::default())
    }

    /// Every entry of this month, each verified.
    ///
    /// # Errors
    /// When the store fails, or an entry does not verify.
    pub async fn entries(&self, org: &str) -> Result<Vec<(Kind, Recorded)>> {
        let mut found = Vec::new();
        for (partition, _) in self.usage().totals(&OrgId::parse(org)?, &self.month()).await? {
            let mut start = None;
            loop {
                let page = self.usage().page(&partition, &Slice::whole(), start).await?;
                for entry in page.entries {
                    found.push((entry.verified()?, entry));
                }
                start = page.next;
                if start.is_none() {
                    break;
                }
            }
        }
        Ok(found)
    }

    /// Calls the sealer in a fresh process; an error where it crashed.
    ///
    /// # Errors
    /// What it says.
    pub async fn seal(&self) -> Result<Sealed> {
        let deadline_ms = self.clock.now_ms() + self.cloud.timeout_ms("seal-bills");
        let functions = self.functions()?;
        tokio::select! {
            biased;
            () = self.tap.crashed.notified() => bail!("the process crashed"),
            answer = functions.seal_bills.call(Call { org: None }, deadline_ms) => {
                answer.map_err(|error| anyhow!("{error}"))
            }
        }
    }
}
