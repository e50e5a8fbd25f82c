//! What the verbs of usage read alike: whose books, which periods, and flags on the ledger.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use futures::{StreamExt, TryStreamExt, stream};
use ratchet_domain::ids::OrgId;
use ratchet_domain::period::{Period, Zone};
use ratchet_domain::settings::{Problem, Settings};
use ratchet_guard::store::Item;
use ratchet_runtime::usage::{Usage, UsageError};

use crate::failure::Failure;
use crate::world::World;

/// Keys of one `BatchGetItem`. Source: DynamoDB's limit.
pub(super) const KEYS_MAX: usize = 100;

/// Calls under way at once. Reason: what they answer is in memory, and a store far away answers each in milliseconds.
const CALLS_AT_ONCE: usize = 8;

/// How often keys that the store did not get to are asked for again.
const UNPROCESSED_ROUNDS_MAX: usize = 10;

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

/// These attributes of the rows of these keys, or all where none is named, in no order; a hundred a call, a few calls at
/// once. No key may be named twice.
pub(super) async fn rows(
    world: &World,
    table: &str,
    keys: &[Item],
    attributes: &[&str],
) -> Result<Vec<Item>, Failure> {
    let calls: Vec<_> = keys
        .chunks(KEYS_MAX)
        .map(|keys| call(world, table, keys, attributes))
        .collect();
    let answers: Vec<Vec<Item>> = stream::iter(calls).buffered(CALLS_AT_ONCE).try_collect().await?;
    Ok(answers.into_iter().flatten().collect())
}

/// [`rows`] of as many keys as one call takes.
async fn call(world: &World, table: &str, keys: &[Item], attributes: &[&str]) -> Result<Vec<Item>, Failure> {
    // Any name may be one of the store's own words.
    let names: Vec<String> = (0..attributes.len()).map(|at| format!("#a{at}")).collect();
    let named = attributes.iter().map(|attribute| (*attribute).to_owned());
    let named = names.iter().cloned().zip(named);
    let asks_all = attributes.is_empty();
    let mut found = Vec::with_capacity(keys.len());
    let mut keys = keys.to_vec();
    for _ in 0..UNPROCESSED_ROUNDS_MAX {
        let wanted = KeysAndAttributes::builder()
            .set_keys(Some(keys))
            .consistent_read(true)
            .set_projection_expression((!asks_all).then(|| names.join(", ")))
            .set_expression_attribute_names((!asks_all).then(|| named.clone().collect()))
            .build()
            .map_err(|error| Failure::Row(error.to_string()))?;
        let mut output = world
            .deployment
            .dynamo
            .batch_get_item()
            .request_items(table, wanted)
            .send()
            .await
            .map_err(|error| Failure::aws("BatchGetItem", &error))?;
        let answered = output.responses.as_mut().and_then(|tables| tables.remove(table));
        found.extend(answered.into_iter().flatten());
        let rest = output.unprocessed_keys().and_then(|tables| tables.get(table));
        let Some(rest) = rest.filter(|rest| !rest.keys().is_empty()) else {
            return Ok(found);
        };
        keys = rest.keys().to_vec();
    }
    Err(Failure::Aws {
        operation: "BatchGetItem",
        code: "UnprocessedKeys".to_owned(),
        detail: "the store did not get to all keys, run it again".to_owned(),
    })
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
