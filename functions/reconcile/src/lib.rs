//! Compares the ledger with the outside world, both ways, and makes a plan of repairs.
//!
//! - **Bills**: a period's total against its entries, and each entry against its billable flag.
//! - **Effects** of bugs that were billed in the window, or approved without a bill: pull requests by their branch, comments,
//!   messages and issues (Jira, GitHub) by their marker, Linear's issues by their id.
//!   Done on the ledger and not there; there and not on the ledger, which adopts it; there twice, where the first stays.
//! - **Late receipts**: results that came after another attempt had taken over.
//! - **Tickets** that changed and that no webhook told of (Zendesk's incremental list, Intercom's search).
//! - **Deliveries** of the org's GitHub App that failed: GitHub never repeats one by itself.
//!
//! Comparing writes nothing but the request's own row, with its answer. A plan has a hash over its items; `apply` with that hash compares
//! again and refuses when it would find anything else. Repairs go through the doors that the work itself uses (the
//! intake's dedup, the ledger's conditions), so that a repair too many is as harmless as a redelivery. What only a person
//! can judge is marked `look`; bills are never written here.

mod ask;
mod plan;
mod repair;
mod survey;

use std::collections::{BTreeMap, BTreeSet};

use lambda_runtime::Error;
use ratchet_domain::ids::OrgId;
use ratchet_domain::settings::Effects;
use ratchet_domain::stage::Stage;
use ratchet_guard::clock::Millis;
use ratchet_guard::intake::Intake;
use ratchet_guard::{Ledger, Record, Recorded, StageError, Work};
use ratchet_runtime::config::{ConfigError, Reader};
use ratchet_runtime::connect::Connector;
use ratchet_runtime::deployment::Deployment;
use ratchet_runtime::metric;
use ratchet_runtime::queues::Queues;
use ratchet_runtime::serve::Function;
use serde_json::Value;
use thiserror::Error as ThisError;

pub use ask::AskError;
pub use plan::{Item, Kind, Plan, Repair, Status, Unread};

use ask::{Ask, Defaults};
use plan::{ITEMS_MAX, hash_of};
use survey::Survey;

/// The part of an invocation's time that is kept for what is under way when it stops.
const RESERVE_PART: u64 = 4;

/// A plan that is not carried out.
#[derive(Debug, Clone, PartialEq, Eq, ThisError)]
pub enum ApplyError {
    /// The world has moved since the plan was made; nothing was changed.
    #[error("plan is out of date, make another one asked=`{asked}` found=`{found}`")]
    Moved {
        /// The plan's hash.
        asked: String,
        /// The hash of what is found now.
        found: String,
    },
}

/// The function.
#[derive(Clone)]
pub struct Reconcile {
    ledger: Ledger,
    intake: Intake,
    queues: Queues,
    connector: Connector,
    dynamo: aws_sdk_dynamodb::Client,
    usage_table: String,
    defaults: Defaults,
}

impl Reconcile {
    /// Reads `LEDGER_TABLE` with the guard's durations, `EVENTS_TABLE` with the intake's, `USAGE_TABLE`,
    /// `SETTINGS_TABLE` and the rest of the connector's, `EXTRACT_QUEUE_URL`,
    /// `RECONCILE_WINDOW_SECONDS` and `RECONCILE_SETTLE_SECONDS`.
    ///
    /// # Errors
    /// Every variable that is missing or bad, at once.
    pub fn new(deployment: &Deployment) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(&deployment.env);
        let reconcile = Self {
            ledger: deployment.ledger(&mut reader),
            intake: deployment.intake(&mut reader),
            queues: deployment.queues(&mut reader, &[Stage::Extract]),
            connector: Connector::new(deployment, &mut reader),
            dynamo: deployment.dynamo.clone(),
            usage_table: reader.text("USAGE_TABLE"),
            defaults: Defaults {
                window_ms: reader.number("RECONCILE_WINDOW_SECONDS").saturating_mul(1000),
                settle_ms: reader.number("RECONCILE_SETTLE_SECONDS").saturating_mul(1000),
            },
        };
        reader.done(reconcile)
    }

    /// The request, once: answered from the record, or compared, carried out where asked, and put on record.
    ///
    /// It takes no claim. What stops half-way leaves nothing open: comparing changes nothing, each repair is safe to make
    /// again, and a refused request leaves no row.
    async fn once(&self, ledger: &Ledger, ask: &Ask) -> Result<Plan, Error> {
        let work = ask.work();
        if let Some(found) = ledger.read(work.key()).await? {
            return again(&work, &found).map_err(Into::into);
        }
        let plan = self.done(ledger, ask).await?;
        match ledger.record(&work, &plan).await? {
            Recorded::Written => Ok(plan),
            Recorded::Found(found) => again(&work, &found).map_err(Into::into),
        }
    }

    async fn done(&self, ledger: &Ledger, ask: &Ask) -> Result<Plan, Error> {
        let mut plan = self.compare(ledger, ask).await?;
        let Some(asked) = &ask.apply else {
            return Ok(plan);
        };
        if *asked != plan.plan_hash {
            let (asked, found) = (asked.clone(), plan.plan_hash);
            return Err(ApplyError::Moved { asked, found }.into());
        }
        plan.status = Status::Applied;
        for item in plan.items.iter().filter(|item| item.repair != Repair::Look) {
            match self.repair(ledger, item).await {
                Ok(true) => plan.applied += 1,
                Ok(false) => plan.failed += 1,
                Err(error) => {
                    tracing::warn!(
                        stage = "reconcile",
                        subject = item.subject,
                        "repair did not succeed: {error}"
                    );
                    plan.failed += 1;
                }
            }
        }
        Ok(plan)
    }

    async fn compare(&self, ledger: &Ledger, ask: &Ask) -> Result<Plan, Error> {
        let reserve_ms = ledger.deadline_ms().saturating_sub(ledger.now_ms()) / RESERVE_PART;
        let mut survey = Survey {
            reconcile: self,
            ledger,
            ask,
            stop_at: ledger.deadline_ms().saturating_sub(reserve_ms),
            items: BTreeSet::new(),
            unread: BTreeSet::new(),
            more: false,
        };
        let orgs = match &ask.org {
            Some(org) => {
                // An org that is not there is a refusal, not an empty plan.
                self.connector.orgs().settings(org).await?;
                vec![org.clone()]
            }
            None => self.connector.orgs().all().await?,
        };
        survey.receipts().await?;
        for org in &orgs {
            if survey.is_late() {
                break;
            }
            survey.org(org).await;
        }
        let mut items: Vec<Item> = survey.items.into_iter().collect();
        items.truncate(ITEMS_MAX);
        Ok(Plan {
            status: Status::Planned,
            plan_hash: hash_of(&items),
            since: ask.since(),
            until: ask.until(),
            items,
            unread: survey.unread.into_iter().collect(),
            more: survey.more,
            applied: 0,
            failed: 0,
        })
    }
}

impl Reconcile {
    /// Counts what the schedule found, for the alarm: nobody else sees its plan. An org in the shadow hears of no ticket but
    /// by this comparison, so what is found there is no news.
    async fn count(&self, plan: &Plan) {
        let mut counts: BTreeMap<(String, String), u64> = BTreeMap::new();
        for item in &plan.items {
            let kind = serde_json::to_value(item.kind).unwrap_or_default();
            let kind = kind.as_str().unwrap_or_default().to_owned();
            *counts.entry((item.org.clone(), kind)).or_default() += 1;
        }
        for unread in &plan.unread {
            let kind = (unread.org.clone(), "unread".to_owned());
            *counts.entry(kind).or_default() += 1;
        }
        for ((org, kind), found) in counts {
            if !self.is_in_the_shadow(&org).await {
                metric::count(metric::FINDINGS, &kind, found);
            }
        }
    }

    async fn is_in_the_shadow(&self, org: &str) -> bool {
        let Ok(org) = OrgId::parse(org) else {
            return false;
        };
        let controls = self.connector.orgs().controls(&org).await;
        controls.is_ok_and(|controls| controls.effects == Effects::Shadow)
    }
}

/// The answer that is on record for this very request.
fn again(work: &Work, found: &Record) -> Result<Plan, StageError> {
    if found.content != work.content() {
        return Err(StageError::Conflict {
            key: work.key().clone(),
        });
    }
    Ok(Plan {
        status: Status::Duplicate,
        ..found.result()?
    })
}

impl Function for Reconcile {
    type Event = Value;
    type Answer = Plan;

    async fn call(&self, event: Value, deadline_ms: Millis) -> Result<Plan, Error> {
        let ledger = self.ledger.until(deadline_ms);
        let started_ms = ledger.now_ms();
        let ask = Ask::read(&event, started_ms, self.defaults)?;
        let plan = self.once(&ledger, &ask).await?;
        if ask.is_scheduled() && plan.status == Status::Planned {
            self.count(&plan).await;
        }
        let duration_ms = ledger.now_ms().saturating_sub(started_ms);
        tracing::info!(
            stage = "reconcile",
            status = ?plan.status,
            findings = plan.items.len(),
            unread = plan.unread.len(),
            applied = plan.applied,
            failed = plan.failed,
            more = plan.more,
            duration_ms,
            "reconciled"
        );
        Ok(plan)
    }
}

impl std::fmt::Debug for Reconcile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reconcile")
            .field("ledger", &self.ledger)
            .field("connector", &self.connector)
            .finish_non_exhaustive()
    }
}
