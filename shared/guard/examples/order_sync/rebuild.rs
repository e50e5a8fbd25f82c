//! The ledger is gone: it is rebuilt from what the store and accounting hold, and nothing is sent for it.

use std::collections::BTreeMap;

use ratchet_guard::{Decision, Park, StageError, Work};

use super::orders::Orders;
use super::shop::{Invoice, InvoiceRequest, Mail, Mark, Order, Sent};

/// What a rebuild found, by the orders' ids.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rebuilt {
    /// Invoiced and marked: on record as done.
    pub done: Vec<String>,
    /// Invoiced and not marked: the invoice is on record, the next run does the rest.
    pub begun: Vec<String>,
    /// Nothing was found where it would have been: the next run does all of it.
    pub fresh: Vec<String>,
    /// Not marked, and accounting cannot be asked: on record for a person.
    pub needs_review: Vec<String>,
}

/// Orders a page.
const PAGE: u64 = 100;

impl Orders {
    /// Goes through all paid orders. Safe to run again, and beside the workflow itself.
    pub async fn rebuild(&self) -> Result<Rebuilt, StageError> {
        let mut invoices = BTreeMap::new();
        if self.accounting_has_keys {
            for invoice in self.api.invoices().await? {
                invoices.entry(invoice.order.clone()).or_insert(invoice);
            }
        }
        let mut rebuilt = Rebuilt::default();
        let mut position = 0;
        loop {
            let page = self.api.paid_after(position, PAGE).await?;
            if page.orders.is_empty() {
                return Ok(rebuilt);
            }
            for order in &page.orders {
                let mark = self.api.mark(&order.id).await?;
                let invoice = invoices.get(&order.id).cloned();
                let list = match (mark, invoice) {
                    (Some(mark), found) => {
                        self.adopt_done(order, &mark, found).await?;
                        &mut rebuilt.done
                    }
                    (None, Some(invoice)) => {
                        self.adopt_invoice(order, &invoice).await?;
                        &mut rebuilt.begun
                    }
                    (None, None) if self.accounting_has_keys => &mut rebuilt.fresh,
                    (None, None) => {
                        self.ask_a_person(order).await?;
                        &mut rebuilt.needs_review
                    }
                };
                list.push(order.id.clone());
            }
            position = page.next;
        }
    }

    /// An invoice was found, by a reconciliation or by a person: it goes on record, and nothing is sent.
    pub async fn adopt_invoice(&self, order: &Order, invoice: &Invoice) -> Result<(), StageError> {
        let work = Work::sending(order.subject().step("invoice"), &InvoiceRequest::of(order))?;
        self.ledger
            .adopt(&work, invoice, Some(invoice.number.clone()))
            .await
            .map(drop)
    }

    /// A person has looked at accounting and found no invoice: the next run makes it.
    pub async fn invoice_is_absent(&self, order: &Order) -> Result<bool, StageError> {
        match self.ledger.read(&order.subject().step("invoice")).await? {
            Some(record) => self.ledger.resume_absent(&record).await,
            None => Ok(true),
        }
    }

    /// Whoever has settled what an order waited for lets the order itself go on.
    pub async fn let_go(&self, order: &Order) -> Result<bool, StageError> {
        match self.ledger.read(&order.subject().step("order")).await? {
            Some(record) => self.ledger.resume(&record).await,
            None => Ok(true),
        }
    }

    /// The mark names the invoice, so accounting need not be asked. A mail that was perhaps not sent is not sent now:
    /// a rebuild of a thousand orders must not write to a thousand customers.
    async fn adopt_done(&self, order: &Order, mark: &Mark, found: Option<Invoice>) -> Result<(), StageError> {
        let invoice = found.unwrap_or_else(|| Invoice {
            number: mark.invoice.clone(),
            order: order.id.clone(),
            total_cents: order.total_cents,
        });
        self.adopt_invoice(order, &invoice).await?;
        let (ledger, subject) = (&self.ledger, order.subject());
        let work = Work::sending(subject.step("mark"), mark)?;
        ledger.adopt(&work, mark, None).await?;
        let work = Work::sending(subject.step("mail"), &Mail::of(order, &invoice))?;
        let sent = Sent {
            id: "taken as sent".to_owned(),
        };
        ledger.adopt(&work, &sent, None).await?;
        let whole = Work::sending(subject.step("order"), order)?.driven_by("orders", order.message());
        ledger.adopt(&whole, &invoice, None).await?;
        Ok(())
    }

    async fn ask_a_person(&self, order: &Order) -> Result<(), StageError> {
        let work = Work::sending(order.subject().step("invoice"), &InvoiceRequest::of(order))?;
        if let Decision::Run(claim) = self.ledger.claim(&work).await? {
            let park = Park::for_a_person("rebuilt_unknown", "accounting cannot be asked for an invoice");
            claim.park(park).await?;
        }
        Ok(())
    }
}
