//! The audit of one org's period: a stream of seals, a stream of entries, and 17 bytes of memory an entry.

use aws_sdk_dynamodb::types::AttributeValue;
use ratchet_domain::bill::{Flag, Kind, Recorded, Sum};
use ratchet_domain::merkle::{Frontier, Hash};
use ratchet_domain::period::Period;
use ratchet_domain::step;
use ratchet_runtime::usage::seal::Batch;

use super::super::books::{Books, bodies, ticket_of};
use crate::failure::Failure;

/// Batches of one read. Reason: a batch is up to 200 KB, and an answer of the store 1 MB.
const BATCHES_A_READ: i32 = 4;

/// What was found, where nothing differs.
#[derive(Debug, Default)]
pub(super) struct Audit {
    /// The fold of the entries.
    pub(super) sum: Sum,
    /// Entries that the tree has.
    pub(super) sealed: u64,
    /// Batches of the tree.
    pub(super) batches: u64,
    /// The tree's root; none without a seal.
    pub(super) root: Option<Hash>,
    /// The last batch signs the period off.
    pub(super) is_final: bool,
    /// Every leaf, by its key's short hash.
    leaves: Vec<Known>,
    /// The entries seen, by the short hashes of their keys; only for the search of the ledger.
    seen: Vec<u64>,
    keeps_seen: bool,
}

/// A leaf as it is kept in memory.
#[derive(Debug, Clone, Copy)]
struct Known {
    key: u64,
    leaf: u64,
    has_entry: bool,
}

fn differs(what: String) -> Failure {
    Failure::Differs(what)
}

fn short(key: &str) -> u64 {
    Hash::leaf(&[key]).short()
}

impl Audit {
    pub(super) async fn of(
        books: &Books<'_>,
        period: &Period,
        searches_ledger: bool,
    ) -> Result<Self, Failure> {
        let mut audit = Self {
            keeps_seen: searches_ledger,
            ..Self::default()
        };
        audit.read_seals(books, period).await?;
        audit.read_entries(books, period).await?;
        audit.nothing_missing(books, period).await?;
        if searches_ledger {
            audit.search_ledger(books, period).await?;
        }
        Ok(audit)
    }

    /// Builds the tree again, batch by batch.
    async fn read_seals(&mut self, books: &Books<'_>, period: &Period) -> Result<(), Failure> {
        let mut tree = Frontier::default();
        loop {
            let batches = books
                .usage
                .batches(books.org, period, self.batches, BATCHES_A_READ)
                .await?;
            if batches.is_empty() {
                break;
            }
            for batch in batches {
                self.take(&mut tree, &batch)?;
            }
        }
        self.leaves.sort_unstable_by_key(|leaf| leaf.key);
        let twice = self
            .leaves
            .windows(2)
            .any(|pair| matches!(pair, [one, other] if one.key == other.key));
        if twice {
            return Err(differs("an entry is sealed twice".to_owned()));
        }
        Ok(())
    }

    fn take(&mut self, tree: &mut Frontier, batch: &Batch) -> Result<(), Failure> {
        if batch.seq != self.batches {
            return Err(differs(format!("seal is missing batch=`{}`", self.batches)));
        }
        for leaf in &batch.leaves {
            tree.push(leaf.hash());
            self.leaves.push(Known {
                key: short(&leaf.key),
                leaf: leaf.hash().short(),
                has_entry: false,
            });
        }
        if *tree != batch.tree || tree.root() != batch.root {
            return Err(differs(format!(
                "seal does not have the root of its leaves batch=`{}` root=`{}` computed=`{}`",
                batch.seq,
                batch.root,
                tree.root()
            )));
        }
        self.batches += 1;
        self.root = Some(batch.root);
        self.is_final = batch.is_final;
        Ok(())
    }

    async fn read_entries(&mut self, books: &Books<'_>, period: &Period) -> Result<(), Failure> {
        for (partition, total) in books.usage.totals(books.org, period).await? {
            let mut sum = Sum::default();
            let mut start = None;
            loop {
                let page = books.usage.page(&partition, start).await?;
                self.take_entries(&page.entries, &mut sum)?;
                flags(books, &page.entries).await?;
                start = page.next;
                if start.is_none() {
                    break;
                }
            }
            if sum != total {
                return Err(differs(format!(
                    "total is not the fold of its entries partition=`{partition}` total=`{total}` entries=`{sum}`"
                )));
            }
            self.sum = self.sum.and(sum);
        }
        Ok(())
    }

    fn take_entries(&mut self, entries: &[Recorded], sum: &mut Sum) -> Result<(), Failure> {
        for entry in entries {
            let kind = entry.verified().map_err(|fault| {
                differs(format!(
                    "entry does not verify: {fault} partition=`{}` key=`{}`",
                    entry.partition, entry.key
                ))
            })?;
            sum.add(kind);
            let key = short(&entry.key);
            if self.keeps_seen && kind == Kind::MappedBug {
                self.seen.push(key);
            }
            let at = self.leaves.binary_search_by_key(&key, |leaf| leaf.key);
            match at.ok().and_then(|at| self.leaves.get_mut(at)) {
                Some(known) if known.leaf == entry.leaf().short() => {
                    known.has_entry = true;
                    self.sealed += 1;
                }
                Some(_) => {
                    return Err(differs(format!(
                        "entry was changed after it was sealed partition=`{}` key=`{}`",
                        entry.partition, entry.key
                    )));
                }
                None if self.is_final => {
                    return Err(differs(format!(
                        "entry came after the period was signed off and is not sealed partition=`{}` key=`{}`",
                        entry.partition, entry.key
                    )));
                }
                None => {}
            }
        }
        Ok(())
    }

    /// Every leaf has its entry; the name of one that has none is read from the seals again.
    async fn nothing_missing(&self, books: &Books<'_>, period: &Period) -> Result<(), Failure> {
        let Some(missing) = self.leaves.iter().find(|leaf| !leaf.has_entry) else {
            return Ok(());
        };
        for seq in 0..self.batches {
            for batch in books.usage.batches(books.org, period, seq, 1).await? {
                if let Some(leaf) = batch.leaves.iter().find(|leaf| short(&leaf.key) == missing.key) {
                    return Err(differs(format!(
                        "sealed entry is missing partition=`{}` key=`{}`",
                        leaf.partition, leaf.key
                    )));
                }
            }
        }
        Err(differs("a sealed entry is missing".to_owned()))
    }

    /// Every flag of the period has its entry.
    async fn search_ledger(&mut self, books: &Books<'_>, period: &Period) -> Result<(), Failure> {
        self.seen.sort_unstable();
        let table = books.world.table("LEDGER_TABLE")?;
        let place = format!("{}#{period}", books.org);
        let mut start = None;
        loop {
            let output = books
                .world
                .deployment
                .dynamo
                .scan()
                .table_name(&table)
                .filter_expression("step = :bill AND begins_with(subject, :subject)")
                .expression_attribute_values(":bill", AttributeValue::S(step::BILL.to_owned()))
                .expression_attribute_values(":subject", AttributeValue::S(format!("ticket#{}#", books.org)))
                .projection_expression("subject, body")
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(|error| Failure::aws("Scan", &error))?;
            for row in output.items() {
                let text = |name: &str| row.get(name).and_then(|value| value.as_s().ok());
                let flag: Option<Flag> = text("body").and_then(|body| serde_json::from_str(body).ok());
                let Some(flag) = flag else { continue };
                let is_ours = flag.org_period.split('+').next() == Some(place.as_str());
                if is_ours && self.seen.binary_search(&short(&flag.entry)).is_err() {
                    return Err(differs(format!(
                        "flag on the ledger has no entry subject=`{}` partition=`{}` key=`{}`",
                        text("subject").map_or("", String::as_str),
                        flag.org_period,
                        flag.entry
                    )));
                }
            }
            start = output.last_evaluated_key;
            if start.is_none() {
                return Ok(());
            }
        }
    }
}

/// Each entry's flag is on the ledger and names it: what nobody qualified or claimed was put in by hand.
async fn flags(books: &Books<'_>, entries: &[Recorded]) -> Result<(), Failure> {
    let mut steps = Vec::with_capacity(entries.len());
    for entry in entries {
        let ticket = entry
            .entry
            .get("ticket")
            .and_then(|label| ticket_of(books.org, label));
        let is_credit = entry.entry.get("kind") == Some(Kind::Credit.as_str());
        let step = if is_credit { step::CREDIT } else { step::BILL };
        steps.push((ticket.map(|ticket| ticket.subject()).unwrap_or_default(), step));
    }
    let known: Vec<_> = steps
        .iter()
        .filter(|(subject, _)| !subject.is_empty())
        .cloned()
        .collect();
    let bodies = bodies(books.world, &known).await?;
    for (entry, (subject, step)) in entries.iter().zip(&steps) {
        let body = bodies.get(&(subject.clone(), (*step).to_owned()));
        let names_it = body.is_some_and(|body| names(step, body, entry));
        if !names_it {
            return Err(differs(format!(
                "entry has no flag on the ledger that names it partition=`{}` key=`{}` subject=`{subject}` step=`{step}`",
                entry.partition, entry.key
            )));
        }
    }
    Ok(())
}

fn names(step: &str, body: &str, entry: &Recorded) -> bool {
    if step == step::CREDIT {
        return serde_json::from_str::<String>(body).is_ok_and(|key| key == entry.key);
    }
    serde_json::from_str::<Flag>(body).is_ok_and(|flag| {
        flag.entry == entry.key && flag.hash == entry.hash && flag.org_period == entry.partition
    })
}
