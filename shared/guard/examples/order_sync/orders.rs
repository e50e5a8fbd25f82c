//! Orders to invoices: the whole workflow that a shop writes. The README shows it from here.

use ratchet_guard::effect::{accept_duplicates, accept_loss, call, keyed};
use ratchet_guard::{Ledger, StageError, Subject, Work};

use super::api::Api;
use super::shop::{Customer, Invoice, InvoiceRequest, Mail, Mark, Order, Sent};

/// The workflow: what it writes down, and whom it calls.
#[derive(Clone)]
pub struct Orders {
    /// The guard, for one invocation.
    pub ledger: Ledger,
    /// The store, accounting and the mailer.
    pub api: Api,
    /// Accounting enforces idempotency keys.
    pub accounting_has_keys: bool,
}

// README begins
impl Orders {
    /// One paid order, once: safe to call again at any time, from anywhere, also at once.
    pub async fn sync(&self, order: &Order) -> Result<(), StageError> {
        let whole = Work::sending(order.subject().step("order"), order)?.driven_by("orders", order.message());
        self.ledger.whole(&whole, self.steps(order)).await.map(drop)
    }

    async fn steps(&self, order: &Order) -> Result<Invoice, StageError> {
        let (ledger, api, subject) = (&self.ledger, &self.api, order.subject());

        // Accounting keeps the newer of two versions, so the same upsert twice is one.
        let customer = api.customer(&order.customer).await?;
        let upsert = Work::sending(subject.step_of_version("customer", customer.version), &customer)?;
        let effect = call(|act| api.put_customer(&customer.id, act)).known_as(|c: &Customer| c.id.clone());
        ledger.once(&upsert, keyed(effect.key_is_permanent())).await?;

        // Without a key nobody can tell whether a lost answer was an invoice. A person looks, sooner than two of them.
        let invoice = Work::sending(subject.step("invoice"), &InvoiceRequest::of(order))?;
        let effect = call(|act| api.post_invoice(act)).known_as(|invoice: &Invoice| invoice.number.clone());
        let sealed = if self.accounting_has_keys {
            ledger.once(&invoice, keyed(effect.key_is_permanent())).await?
        } else {
            let declared = accept_loss(effect, "no invoice is better than two");
            ledger.once(&invoice, declared).await?
        };
        let invoice: Invoice = sealed.result()?;

        let mark = Work::sending(subject.step("mark"), &Mark::of(&invoice))?;
        let effect = call(|act| api.put_mark(&order.id, act)).key_is_permanent();
        ledger.once(&mark, keyed(effect)).await?;

        // Nobody can guard a mail, so it comes last, and says what it costs.
        let mail = Work::sending(subject.step("mail"), &Mail::of(order, &invoice))?;
        let effect = call(|act| api.post_mail(act)).known_as(|sent: &Sent| sent.id.clone());
        let declared = accept_duplicates(effect, "two mails are better than none");
        ledger.once(&mail, declared).await?;
        Ok(invoice)
    }
}

impl Order {
    /// The order's life in the ledger: named by the store's own id and by nothing else.
    pub fn subject(&self) -> Subject {
        Subject::new("order", &self.id)
    }
}
// README ends
