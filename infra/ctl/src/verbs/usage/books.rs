//! What the verbs of usage read alike: whose books, which periods, and flags on the ledger.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use ratchet_domain::ids::OrgId;
use ratchet_domain::period::{Period, Zone};
use ratchet_domain::settings::{Problem, Settings};
use ratchet_guard::store::Item;
use ratchet_runtime::usage::batch_get::{self, Fresh};
use ratchet_runtime::usage::{Usage, UsageError};

use crate::failure::Failure;
use crate::world::World;

pub(super) use ratchet_runtime::usage::batch_get::KEYS_MAX;

/// What is read of a step.
const STEP: [&str; 4] = ["subject", "step", "state", "body"];

/// The zone in which a month begins first on earth is 14 hours ahead of UTC.
const FIRST_ON_EARTH_MS: u64 = 14 * 3_600_000;

impl From<UsageError> for Failure {
    fn from(error: UsageError) -> Self {
        match error {
            UsageError::Unread { operation, code } => Self::Aws {
                operation,
                code,
                detail: "check region, credentials and endpoint".to_owned(),
            },
            row @ UsageError::Row { .. } => Self::Row(row.to_string()),
        }
    }
}

/// One org's books. Clones are handles to the same ones.
#[derive(Debug, Clone)]
pub(super) struct Books {
    pub(super) world: World,
    pub(super) org: OrgId,
    pub(super) usage: Usage,
    /// The org's settings, where it has some.
    pub(super) settings: Option<Settings>,
}

impl Books {
    pub(super) async fn open(world: &World, org: &OrgId) -> Result<Self, Failure> {
        let usage = Usage::new(world.deployment.dynamo.clone(), world.table("USAGE_TABLE")?);
        let settings = match world.table("SETTINGS_TABLE") {
            Ok(_) => settings(world, org).await?,
            Err(_) => None,
        };
        Ok(Self {
            world: world.clone(),
            org: org.clone(),
            usage,
            settings,
        })
    }

    fn zone(&self) -> Option<&Zone> {
        self.settings.as_ref().map(|settings| &settings.billing.time_zone)
    }

    /// The org's current month; without settings, the latest month that it is anywhere.
    pub(super) fn current(&self) -> Period {
        let now_ms = self.world.now_ms();
        match self.zone() {
            Some(zone) => Period::of(now_ms, zone),
            None => Period::of(now_ms.saturating_add(FIRST_ON_EARTH_MS), &Zone::default()),
        }
    }

    /// The month that this option asks for, or the org's current one.
    pub(super) fn period(&self, option: &str, asked: Option<&Period>) -> Result<Period, Failure> {
        let current = self.current();
        match asked {
            Some(period) if *period > current => Err(Failure::Invalid {
                what: "command line".to_owned(),
                problems: vec![Problem {
                    path: option.to_owned(),
                    problem: format!("is in the future; the org's current month is {current}"),
                }],
            }),
            Some(period) => Ok(period.clone()),
            None if self.settings.is_none() => Err(Failure::NotFound(format!(
                "org has no settings, name a period with {option} org=`{}`",
                self.org
            ))),
            None => Ok(current),
        }
    }
}

async fn settings(world: &World, org: &OrgId) -> Result<Option<Settings>, Failure> {
    let Some(on_record) = world.settings()?.read(org).await? else {
        return Ok(None);
    };
    let parsed = serde_json::from_str(&on_record.document)
        .ok()
        .and_then(|document| Settings::parse(&document).ok());
    parsed.map(Some).ok_or_else(|| {
        Failure::Row(format!(
            "settings on record do not validate, put them again org=`{org}`"
        ))
    })
}

/// These attributes of the rows of these keys, or all where none is named, in no order. No key may be named twice.
pub(super) async fn rows(
    world: &World,
    table: &str,
    keys: &[Item],
    attributes: &[&str],
) -> Result<Vec<Item>, Failure> {
    let found = batch_get::rows(&world.deployment.dynamo, table, keys, attributes, Fresh::Now).await?;
    Ok(found)
}

/// The bodies of sealed steps, by subject and step.
pub(super) async fn bodies(
    world: &World,
    steps: &[(String, &'static str)],
) -> Result<BTreeMap<(String, String), String>, Failure> {
    let key = |(subject, step): &(String, &str)| {
        Item::from([
            ("subject".to_owned(), AttributeValue::S(subject.clone())),
            ("step".to_owned(), AttributeValue::S((*step).to_owned())),
        ])
    };
    let keys: Vec<Item> = steps.iter().map(key).collect();
    let mut found = BTreeMap::new();
    for row in rows(world, &world.table("LEDGER_TABLE")?, &keys, &STEP).await? {
        let text = |name: &str| row.get(name)?.as_s().ok().cloned();
        let sealed = text("state").as_deref() == Some("sealed");
        if let (true, Some(subject), Some(step)) = (sealed, text("subject"), text("step")) {
            found.insert((subject, step), text("body").unwrap_or_default());
        }
    }
    Ok(found)
}
