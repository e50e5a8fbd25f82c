//! The shop's life: two webhooks of one order, then whatever is due, then a person where nobody else can tell.

use anyhow::{Result, ensure};
use ratchet_guard::clock::Millis;
use ratchet_guard::{Record, Standing, State};

use super::workflow::doubles::Face;
use super::workflow::orders::Orders;
use super::{Host, INVOCATION_MS, Late, Node, START_MS, Shop, Variant, locked};
use crate::engine::{Invocation, Life, Points, Races, Turns, in_turns};

/// Between the two webhooks, in ms.
const SECOND_HOOK_MS: Millis = 5_000;

/// How often a person looks at one order at most.
const LOOKS_MAX: u32 = 6;

/// Webhooks of one order.
const HOOKS: u32 = 2;

impl Life for Shop {
    type State = Host;
    type Late = Late;
    type Node = Node;

    fn points(&self) -> &Points<Host, Late> {
        &self.hub.points
    }

    fn frame(&self) -> String {
        format!("orders/{}", self.variant.name())
    }

    fn start(&self) -> Node {
        self.start.clone()
    }

    fn fork(&self) -> Result<Node> {
        Ok(Node {
            aws: self.hub.aws.snapshot()?,
            doubles: self.hub.doubles().clone(),
            memory: locked(&self.memory).clone(),
            mark: self.hub.points.save(),
            now_ms: self.hub.points.now_ms(),
        })
    }

    fn back_to(&self, node: &Node) -> Result<()> {
        self.hub.aws.restore(&node.aws)?;
        *self.hub.doubles() = node.doubles.clone();
        *locked(&self.memory) = node.memory.clone();
        self.hub.points.load(&node.mark);
        self.hub.points.clock.set(node.now_ms);
        Ok(())
    }

    fn step(&self) -> Result<bool> {
        let begun = self.hub.points.lock().at.point;
        let more = self.next()?;
        let mut inner = self.hub.points.lock();
        let end = inner.at.point;
        inner.at.host.faults += inner.plan.0.range(begun..end).count();
        Ok(more)
    }

    fn check(&self) {
        let faults = self.hub.points.lock().at.host.faults;
        let mut found = self.at_the_end(faults);
        if !matches!(self.variant, Variant::Naive(_)) {
            found.extend(self.ledger_at_the_end());
            found.extend(self.once_more());
        }
        self.hub.points.violated(found);
    }
    fn likeness(&self) -> Option<[u8; 16]> {
        super::likeness::of(self)
    }
}

impl Races for Shop {
    fn before(&self, what: &str) -> Result<Node> {
        ensure!(what == "paid", "no step is called `{what}`");
        Ok(self.start.clone())
    }

    fn race(&self, _: &str, copies: usize, later_ms: u64, turns: Turns<'_>) -> Result<()> {
        {
            let host = &mut self.hub.points.lock().at.host;
            host.hooks = 0;
            // One that sleeps past its lease is a fault: what accepts duplicates may come once more for it.
            host.faults += usize::from(later_ms > 0);
        }
        let invocations = (0..copies).map(|at| self.invocation(at as u64 * later_ms));
        self.drive(invocations.collect(), turns)
    }

    fn is_quiet(&self, label: &str) -> bool {
        label.starts_with("GET ")
    }

    fn sleep_ms(&self) -> u64 {
        200_000
    }
}

impl Shop {
    /// Does the next thing that is due.
    fn next(&self) -> Result<bool> {
        let now_ms = self.hub.points.now_ms();
        let held = self.first_landing();
        let hook = self.next_hook();
        let due = match self.variant {
            Variant::Naive(_) => self.naive_due(),
            Variant::Sound(_) | Variant::FalsePromise => self.due()?,
        };
        let next = [held, hook, due].into_iter().flatten().min();
        let Some(next_ms) = next else {
            return self.person();
        };
        self.hub.points.wait_until(next_ms.max(now_ms));
        if held == Some(next_ms) {
            let landing = self.hub.points.take_held(|held| held.due_ms <= next_ms);
            self.hub.land(landing);
            return Ok(true);
        }
        if hook == Some(next_ms) {
            self.hub.points.lock().at.host.hooks -= 1;
        }
        let invocation = self.invocation(0);
        self.drive(vec![invocation], &mut in_turns())?;
        Ok(true)
    }

    /// What the search sees of time is the ledger's own: an invocation of it begins now.
    fn invocation(&self, later_ms: Millis) -> Invocation<()> {
        self.hub.points.lock().at.host.delivered += 1;
        let deadline_ms = self.hub.points.now_ms() + INVOCATION_MS + later_ms;
        let future: std::pin::Pin<Box<dyn Future<Output = Result<()>>>> =
            if let Variant::Naive(mistake) = self.variant {
                self.naive_run(mistake)
            } else {
                let mut orders = self.orders.clone();
                orders.ledger = orders.ledger.until(deadline_ms);
                Box::pin(async move {
                    // What it came to is on record; whoever drives it reads it there.
                    drop(orders.paid("1").await);
                    Ok(())
                })
            };
        Invocation {
            name: "orders".to_owned(),
            deadline_ms,
            future,
        }
    }

    fn drive(&self, invocations: Vec<Invocation<()>>, turns: Turns<'_>) -> Result<()> {
        let _entered = self.runtime.enter();
        self.hub.points.drive(invocations, turns).map(drop)
    }

    fn first_landing(&self) -> Option<Millis> {
        let inner = self.hub.points.lock();
        inner.at.held.iter().map(|held| held.due_ms).min()
    }

    fn next_hook(&self) -> Option<Millis> {
        self.next_hook_of(&self.hub.points.lock().at.host)
    }

    /// When the next webhook comes, as the world remembers it.
    pub(super) fn next_hook_of(&self, host: &Host) -> Option<Millis> {
        (host.hooks > 0).then(|| START_MS + u64::from(HOOKS - host.hooks) * SECOND_HOOK_MS)
    }

    /// The ledger of a person, who meets no fault, from now on.
    pub(super) fn beside_now(&self) -> Orders {
        let mut orders = self.beside.clone();
        orders.ledger = orders.ledger.until(self.hub.points.now_ms() + INVOCATION_MS);
        orders
    }

    fn records(&self) -> Result<Vec<Record>> {
        Ok(self.runtime.block_on(self.beside.ledger.life("order#1"))?)
    }

    /// When the order is run again: when its own row is due, and at once while there is none.
    fn due(&self) -> Result<Option<Millis>> {
        let now_ms = self.hub.points.now_ms();
        let records = self.records()?;
        let Some(whole) = records.iter().find(|record| record.key.step() == "order") else {
            let delivered = self.hub.points.lock().at.host.delivered;
            return Ok((delivered > 0).then_some(now_ms + 60_000));
        };
        Ok(match whole.standing(now_ms) {
            Standing::Held { until_ms } | Standing::Waits { until_ms } => Some(until_ms),
            Standing::Retryable { at_ms, .. } => Some(at_ms),
            Standing::Done | Standing::NeedsReview { .. } | Standing::Closed | Standing::LateReceipt => None,
        })
    }

    /// Nothing is due: a person looks at what waits for one, and at accounting. False when nothing does.
    fn person(&self) -> Result<bool> {
        let waiting: Vec<Record> = self
            .records()?
            .into_iter()
            .filter(|record| record.state == State::Parked)
            .collect();
        let looks = {
            let mut inner = self.hub.points.lock();
            inner.at.host.looks += 1;
            inner.at.host.looks
        };
        if waiting.is_empty() || looks > LOOKS_MAX {
            return Ok(false);
        }
        self.hub.points.hit("a person looked");
        let orders = self.beside_now();
        let (order, invoice) = {
            let doubles = self.hub.doubles();
            let invoice = doubles.invoices.first().map(|(invoice, _)| invoice.clone());
            (doubles.paid.first().cloned(), invoice)
        };
        let Some(order) = order else { return Ok(false) };
        self.runtime.block_on(async {
            for record in waiting {
                match (record.reason.as_deref(), &invoice) {
                    (Some("possibly_lost"), Some(invoice)) => orders.adopt_invoice(&order, invoice).await?,
                    (Some("possibly_lost"), None) => drop(orders.invoice_is_absent(&order).await?),
                    _ => drop(orders.ledger.resume(&record).await?),
                }
            }
            anyhow::Ok(())
        })?;
        Ok(true)
    }

    /// The face of accounting that a sound world has.
    pub(super) fn faces() -> [Face; 2] {
        [Face::Keys, Face::Bare]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Weave;

    #[test]
    fn zombie_between_its_claim_and_its_mail_costs_one_mail_more_at_most() {
        let shop = Shop::new(Variant::Sound(Face::Keys)).unwrap();
        for id in ["zombie/paid/13-9", "zombie/paid/13-10"] {
            let (found, trace) = Weave::new(&shop).replay(id).unwrap();
            assert!(found.is_empty(), "{id}: {found:?}\n{}", trace.join("\n"));
        }
    }
}
