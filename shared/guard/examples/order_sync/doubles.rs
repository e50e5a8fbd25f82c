//! The store, accounting and the mailer, with their state: what each of them does with one request.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use serde::Serialize;
use serde_json::json;

use super::shop::{Customer, Invoice, InvoiceRequest, Mail, Mark, Order, Page, Sent};

/// One of the three services.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// Orders and customers.
    Store,
    /// Customers and invoices.
    Accounting,
    /// Mails.
    Mail,
}

impl Service {
    /// Its name, which is also its host in this process.
    pub fn name(self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::Accounting => "accounting",
            Self::Mail => "mail",
        }
    }

    /// The service with that name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Store, Self::Accounting, Self::Mail]
            .into_iter()
            .find(|service| service.name() == name)
    }
}

/// The two ways in which accounting may treat a repeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Face {
    /// It enforces `idempotency-key` for ever, and lists its invoices.
    #[default]
    Keys,
    /// It knows no key and lists nothing.
    Bare,
}

/// Everything that the outside world holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Doubles {
    /// How accounting treats a repeat.
    pub face: Face,
    /// The store's paid orders, in the order in which they were paid.
    pub paid: Vec<Order>,
    /// The store's customers.
    pub customers: BTreeMap<String, Customer>,
    /// Every note on an order, in the order in which they came.
    pub marks: Vec<(String, Mark)>,
    /// Accounting's customers.
    pub accounts: BTreeMap<String, Customer>,
    /// Every upsert of a customer that changed something.
    pub upserts: u32,
    /// Accounting's invoices, and the key that each came with.
    pub invoices: Vec<(Invoice, String)>,
    /// Accounting's points by customer.
    pub points: BTreeMap<String, u64>,
    /// Every mail.
    pub mails: Vec<Mail>,
}

impl Doubles {
    /// A store with `orders` paid orders of three customers.
    pub fn with_orders(orders: usize) -> Self {
        let mut doubles = Self::default();
        for number in 1..=3 {
            doubles.change_customer(&format!("c{number}"), &format!("Customer {number}"));
        }
        for number in 1..=orders {
            doubles.pay_number(number);
        }
        doubles
    }

    /// The order with that number is paid.
    pub fn pay_number(&mut self, number: usize) {
        self.paid.push(Order {
            id: format!("{number}"),
            customer: format!("c{}", number % 3 + 1),
            email: format!("c{}@shop.test", number % 3 + 1),
            total_cents: 100 * number as u64,
        });
    }

    /// A customer's name changes at the store, and the version with it.
    pub fn change_customer(&mut self, id: &str, name: &str) {
        let version = self.customers.get(id).map_or(1, |customer| customer.version + 1);
        let customer = Customer {
            id: id.to_owned(),
            version,
            name: name.to_owned(),
        };
        self.customers.insert(id.to_owned(), customer);
    }

    /// Invoices of that order.
    pub fn invoices_of(&self, order: &str) -> usize {
        self.invoices
            .iter()
            .filter(|(invoice, _)| invoice.order == order)
            .count()
    }

    /// Mails about that order.
    pub fn mails_of(&self, order: &str) -> usize {
        self.mails.iter().filter(|mail| mail.order == order).count()
    }

    /// What the service answers; its state is changed then.
    pub fn answer(&mut self, service: Service, request: &Request<Bytes>) -> Response<Bytes> {
        let path: Vec<&str> = request.uri().path().trim_matches('/').split('/').collect();
        let answer = match (service, request.method(), path.as_slice()) {
            (Service::Store, &Method::GET, ["orders"]) => {
                Some(self.page(number(request, "paid_after"), number(request, "limit")))
            }
            (Service::Store, &Method::GET, ["orders", id]) => {
                self.paid.iter().find(|order| order.id == *id).map(ok)
            }
            (Service::Store, &Method::GET, ["customers", id]) => self.customers.get(*id).map(ok),
            (Service::Store, &Method::GET, ["orders", id, "synced"]) => Some(ok(&self.mark_of(id))),
            (Service::Store, &Method::PUT, ["orders", id, "synced"]) => read(request).map(|mark: Mark| {
                self.marks.push(((*id).to_owned(), mark.clone()));
                ok(&mark)
            }),
            (Service::Accounting, &Method::PUT, ["customers", id]) => {
                read(request).map(|customer| self.upsert(id, customer))
            }
            (Service::Accounting, &Method::GET, ["invoices"]) if self.face == Face::Keys => {
                let invoices: Vec<&Invoice> = self.invoices.iter().map(|(invoice, _)| invoice).collect();
                Some(ok(&invoices))
            }
            (Service::Accounting, &Method::POST, ["invoices"]) => {
                read(request).map(|wanted| self.invoice(&wanted, key(request)))
            }
            (Service::Accounting, &Method::POST, ["points", id]) => read(request).map(|add: u64| {
                let points = self.points.entry((*id).to_owned()).or_default();
                *points += add;
                ok(points)
            }),
            (Service::Mail, &Method::POST, ["messages"]) => read(request).map(|mail: Mail| {
                self.mails.push(mail);
                ok(&Sent {
                    id: format!("M-{}", self.mails.len()),
                })
            }),
            _ => Some(status(StatusCode::NOT_FOUND)),
        };
        answer.unwrap_or_else(|| status(StatusCode::UNPROCESSABLE_ENTITY))
    }

    /// The note on the order that counts: the last one.
    pub fn mark_of(&self, order: &str) -> Option<Mark> {
        let mark = self.marks.iter().rev().find(|(marked, _)| marked == order);
        mark.map(|(_, mark)| mark.clone())
    }

    fn page(&self, after: u64, limit: u64) -> Response<Bytes> {
        let (after, limit) = (
            usize::try_from(after).unwrap_or(usize::MAX),
            usize::try_from(limit).unwrap_or(usize::MAX),
        );
        let orders: Vec<Order> = self.paid.iter().skip(after).take(limit).cloned().collect();
        let next = (after + orders.len()) as u64;
        ok(&Page { orders, next })
    }

    fn upsert(&mut self, id: &str, customer: Customer) -> Response<Bytes> {
        let known = self.accounts.get(id);
        if known.is_none_or(|known| known.version < customer.version) {
            self.upserts += 1;
            self.accounts.insert(id.to_owned(), customer);
        }
        self.accounts
            .get(id)
            .map_or_else(|| status(StatusCode::INTERNAL_SERVER_ERROR), ok)
    }

    fn invoice(&mut self, wanted: &InvoiceRequest, key: String) -> Response<Bytes> {
        if self.face == Face::Keys
            && let Some((made, _)) = self.invoices.iter().find(|(_, of)| *of == key)
        {
            return ok(made);
        }
        if !self.accounts.contains_key(&wanted.customer) {
            return status(StatusCode::UNPROCESSABLE_ENTITY);
        }
        let invoice = Invoice {
            number: format!("INV-{}", self.invoices.len() + 1),
            order: wanted.order.clone(),
            total_cents: wanted.total_cents,
        };
        let answer = ok(&invoice);
        self.invoices.push((invoice, key));
        answer
    }
}

/// An answer with a body.
pub fn ok<T: Serialize + ?Sized>(body: &T) -> Response<Bytes> {
    let body = json!(body).to_string();
    Response::new(Bytes::from(body))
}

/// An answer without one.
pub fn status(code: StatusCode) -> Response<Bytes> {
    let mut answer = Response::new(Bytes::from_static(b"{}"));
    *answer.status_mut() = code;
    answer
}

fn key(request: &Request<Bytes>) -> String {
    let key = request.headers().get("idempotency-key");
    key.and_then(|key| key.to_str().ok())
        .unwrap_or_default()
        .to_owned()
}

fn read<T: serde::de::DeserializeOwned>(request: &Request<Bytes>) -> Option<T> {
    serde_json::from_slice(request.body()).ok()
}

fn number(request: &Request<Bytes>, name: &str) -> u64 {
    let query = request.uri().query().unwrap_or_default();
    let value = query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find(|(key, _)| *key == name);
    value.and_then(|(_, value)| value.parse().ok()).unwrap_or(0)
}
