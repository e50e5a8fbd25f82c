//! The outside world behind one lock, and what may happen to a request on its way.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response, StatusCode};

use super::api::{Addresses, Door, Unanswered};
use super::doubles::{Doubles, Service, status};

/// What happens to one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is applied; the answer is lost.
    LoseAnswer,
    /// It is not applied; no answer comes.
    Vanish,
    /// It is not applied; the service is too busy and says so.
    TooBusy,
    /// It is not applied; the service never will.
    Refuse,
    /// It is applied; the caller's process is gone before the answer.
    CrashAfter,
    /// It is not applied; the caller's process is gone.
    CrashBefore,
}

/// What passes between the shop and the services.
#[derive(Debug, Default)]
pub struct Backend {
    doubles: Mutex<Doubles>,
    plan: Mutex<VecDeque<(String, Fault)>>,
    seen: Mutex<Vec<String>>,
    crashed: tokio::sync::Notify,
}

impl Backend {
    /// A world that starts as `doubles`.
    pub fn new(doubles: Doubles) -> Self {
        Self {
            doubles: Mutex::new(doubles),
            ..Self::default()
        }
    }

    /// The world, to look at or to change.
    pub fn world(&self) -> MutexGuard<'_, Doubles> {
        lock(&self.doubles)
    }

    /// The next request whose label starts with `label` meets this fault. A label is as `POST accounting/invoices`.
    pub fn next(&self, label: &str, fault: Fault) {
        lock(&self.plan).push_back((label.to_owned(), fault));
    }

    /// All faults have happened.
    pub fn plan_is_done(&self) -> bool {
        lock(&self.plan).is_empty()
    }

    /// Labels of all requests so far.
    pub fn seen(&self) -> Vec<String> {
        lock(&self.seen).clone()
    }

    /// Runs a process until it is done, or until a fault ends it: then there is nothing.
    pub async fn process<T>(&self, run: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.crashed.notified() => None,
            done = run => Some(done),
        }
    }

    /// One request, and what became of it.
    pub async fn exchange(&self, service: Service, request: &Request<Bytes>) -> Option<Response<Bytes>> {
        let label = format!("{} {}{}", request.method(), service.name(), request.uri().path());
        let fault = self.fault_of(&label);
        lock(&self.seen).push(label);
        let answer = match fault {
            None | Some(Fault::LoseAnswer | Fault::CrashAfter) => Some(self.world().answer(service, request)),
            Some(Fault::TooBusy) => Some(status(StatusCode::TOO_MANY_REQUESTS)),
            Some(Fault::Refuse) => Some(status(StatusCode::UNPROCESSABLE_ENTITY)),
            Some(Fault::Vanish | Fault::CrashBefore) => None,
        };
        match fault {
            Some(Fault::CrashAfter | Fault::CrashBefore) => {
                self.crashed.notify_one();
                std::future::pending().await
            }
            Some(Fault::LoseAnswer) => None,
            None | Some(Fault::Vanish | Fault::TooBusy | Fault::Refuse) => answer,
        }
    }

    fn fault_of(&self, label: &str) -> Option<Fault> {
        let mut plan = lock(&self.plan);
        let at = plan
            .iter()
            .position(|(start, _)| label.starts_with(start.as_str()))?;
        plan.remove(at).map(|(_, fault)| fault)
    }
}

/// Where the services are for a client that sends through the backend itself.
pub fn in_process() -> Addresses {
    let url = |service: Service| format!("http://{}", service.name());
    Addresses {
        store: url(Service::Store),
        accounting: url(Service::Accounting),
        mail: url(Service::Mail),
    }
}

/// The same world without a socket: the host of the request names the service.
#[async_trait]
impl Door for Backend {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Unanswered> {
        // Whoever else is ready goes first, so that runs at once interleave at every request.
        tokio::task::yield_now().await;
        let service = request.uri().host().and_then(Service::from_name);
        let service = service.ok_or(Unanswered::NotSent)?;
        self.exchange(service, &request).await.ok_or(Unanswered::Lost)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
