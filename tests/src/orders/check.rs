//! What the shop was promised.

use std::collections::BTreeMap;

use super::Shop;
use super::workflow::doubles::Doubles;
use crate::engine::Violation;
use crate::shadow::text;

/// At most one invoice an order, at any instant.
pub(super) const ONE_INVOICE: &str = "one-invoice-an-order";
/// Every note on an order names its invoice.
pub(super) const MARKS_AGREE: &str = "marks-name-the-invoice";
/// What nobody can guard comes last: no mail before its order is invoiced and marked.
pub(super) const MAIL_IS_LAST: &str = "mail-is-last";
/// One mail an order, and one more at most for each fault.
pub(super) const MAIL_BOUNDED: &str = "mails-are-bounded";
/// Once faults stop, every paid order is invoiced, marked and confirmed, and its ledger says so.
pub(super) const PROGRESS: &str = "progress-after-faults";
/// The ledger names the invoice that is at accounting.
pub(super) const LOG_EQUALS_LEDGER: &str = "effect-log-equals-ledger";
/// Running everything again changes nothing outside.
pub(super) const DUPLICATE_IS_SAME: &str = "duplicate-yields-the-same";

fn violation(invariant: &'static str, detail: impl Into<String>) -> Violation {
    Violation {
        invariant,
        detail: detail.into(),
    }
}

/// What holds after every request.
pub(super) fn at_every_instant(doubles: &Doubles) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut invoices: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (invoice, _) in &doubles.invoices {
        invoices.entry(&invoice.order).or_default().push(&invoice.number);
    }
    for (order, numbers) in &invoices {
        if numbers.len() > 1 {
            found.push(violation(
                ONE_INVOICE,
                format!("order {order}: {}", numbers.join(", ")),
            ));
        }
    }
    for mail in &doubles.mails {
        let marked = doubles.mark_of(&mail.order);
        if marked.is_none_or(|mark| mark.invoice != mail.invoice) {
            found.push(violation(
                MAIL_IS_LAST,
                format!("order {} was confirmed before it was in the books", mail.order),
            ));
        }
    }
    for (order, mark) in &doubles.marks {
        let made = invoices.get(order.as_str());
        if !made.is_some_and(|numbers| numbers.contains(&mark.invoice.as_str())) {
            found.push(violation(
                MARKS_AGREE,
                format!("order {order} names {}", mark.invoice),
            ));
        }
    }
    found
}

impl Shop {
    /// What holds when nothing is left to do, after `faults` faults.
    pub(super) fn at_the_end(&self, faults: usize) -> Vec<Violation> {
        let doubles = self.hub.doubles();
        let mut found = Vec::new();
        for order in &doubles.paid {
            let id = &order.id;
            let (invoices, mails) = (doubles.invoices_of(id), doubles.mails_of(id));
            if invoices == 0 || mails == 0 || doubles.mark_of(id).is_none() {
                found.push(violation(
                    PROGRESS,
                    format!("order {id}: {invoices} invoices, {mails} mails"),
                ));
            }
            if mails > 1 + faults {
                found.push(violation(
                    MAIL_BOUNDED,
                    format!("order {id}: {mails} mails, {faults} faults"),
                ));
            }
        }
        found
    }

    /// What the guard's ledger says in the end.
    pub(super) fn ledger_at_the_end(&self) -> Vec<Violation> {
        let mut found = Vec::new();
        let doubles = self.hub.doubles();
        for row in self.hub.rows() {
            let (step, state) = (text(&row, "step"), text(&row, "state"));
            if state != "sealed" && state != "receipt" {
                found.push(violation(PROGRESS, format!("{step} is {state}")));
            }
            if step == "invoice" {
                let named = text(&row, "external_id");
                let there = doubles
                    .invoices
                    .iter()
                    .any(|(invoice, _)| invoice.number == named);
                if !there {
                    found.push(violation(LOG_EQUALS_LEDGER, format!("no invoice `{named}`")));
                }
            }
        }
        found
    }

    /// Running everything once more, past every fault, leaves the world as it is.
    pub(super) fn once_more(&self) -> Vec<Violation> {
        let before = self.hub.doubles().clone();
        let orders = self.beside_now();
        let told = self.runtime.block_on(orders.paid("1"));
        if told.is_ok() && *self.hub.doubles() == before {
            return Vec::new();
        }
        vec![violation(DUPLICATE_IS_SAME, format!("{told:?}"))]
    }
}
